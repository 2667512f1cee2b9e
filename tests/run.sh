#!/bin/sh
# Runs the tests named as arguments, one after the other: programs (test_x) under every evaluator of $EVALUATORS, scripts (test_x.sh)
# once. Goes on after failures. The last line is "N passed, N failed"; the exit status is 1 when anything failed.
# $BUILD: the variant's directory. $RUN: a command to run the programs under, such as valgrind. $TEST_TIMEOUT: seconds for each.
set -u
export TAPEGRAD_COMPILE="${TAPEGRAD_COMPILE:-at once}" # tests run most programs once
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}" # spinning teams on a busy machine cost more than they gain
here=$(dirname "$0")
log=$BUILD/tests/log
mkdir -p "$BUILD/tests"
passed=0
failed=0

# Sums the numbers in cmocka's lines "[  PASSED  ] 3 test(s)" or "[  FAILED  ] 1 test(s)".
sum() { grep -o "\[  $1  \] [0-9]* test" "$log" | awk '{ n += $4 } END { print n + 0 }'; }

# A crash or a time-out leaves no count behind and is one failure.
program() {
    # shellcheck disable=SC2086
    timeout "${TEST_TIMEOUT:-300}" ${RUN:-} "$BUILD/tests/$1" >"$log" 2>&1
    status=$?
    good=$(sum PASSED)
    bad=$(sum FAILED)
    if [ "$bad" -eq 0 ] && { [ $status -ne 0 ] || ! grep -q 'test(s) run' "$log"; }; then bad=1; fi
}

script() {
    ( # as users run things
        unset TAPEGRAD_EVAL TAPEGRAD_COMPILE
        exec timeout "${TEST_TIMEOUT:-300}" sh "$here/$1" >"$log" 2>&1
    )
    status=$?
    if [ $status -eq 0 ]; then good=1 bad=0; else good=0 bad=1; fi
}

report() {
    printf '%-28s %-10s %4d passed, %d failed\n' "$1" "$2" "$good" "$bad"
    if [ "$bad" -ne 0 ]; then
        grep -v '^\[ RUN \|^\[       OK ' "$log" | tail -n 60
        echo "$1: exit status $status"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

for t; do
    case $t in
    *.sh)
        script "$t"
        report "$t" ''
        ;;
    *)
        for e in ${EVALUATORS:-reference}; do
            export TAPEGRAD_EVAL="$e"
            program "$t"
            report "$t" "$e"
        done
        ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
