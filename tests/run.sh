#!/bin/sh
# Runs the tests named as arguments, $JOBS at a time (as many as there are processors): programs (test_x) under every evaluator of
# $EVALUATORS, or once where that takes long and is all the same; scripts (test_x.sh) once. Goes on after failures. Reports come in the
# order of the arguments; what a test said stays in $BUILD/tests/log/. The last line is "N passed, N failed"; the exit status is 1 when
# anything failed.
# $BUILD: the variant's directory. $RUN: a command to run the programs under, such as valgrind. $TEST_TIMEOUT: seconds for each.
set -u
export TAPEGRAD_COMPILE="${TAPEGRAD_COMPILE:-at once}" # tests run most programs once
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}" # spinning teams on a busy machine cost more than they gain
here=$(dirname "$0")
logs=$BUILD/tests/log
rm -rf "$logs"
mkdir -p "$logs"

# Sums the numbers in cmocka's lines "[  PASSED  ] 3 test(s)" or "[  FAILED  ] 1 test(s)".
sum() { grep -o "\[  $1  \] [0-9]* test" "$log" | awk '{ n += $4 } END { print n + 0 }'; }

# A crash or a time-out leaves no count behind and is one failure.
program() {
    [ -z "$2" ] || export TAPEGRAD_EVAL="$2"
    # shellcheck disable=SC2086
    timeout "${TEST_TIMEOUT:-600}" ${RUN:-} "$BUILD"/tests/*/"$1" >"$log" 2>&1
    status=$?
    good=$(sum PASSED)
    bad=$(sum FAILED)
    if [ "$bad" -eq 0 ] && { [ $status -ne 0 ] || ! grep -q 'test(s) run' "$log"; }; then bad=1; fi
}

script() {
    ( # as users run things
        unset TAPEGRAD_EVAL TAPEGRAD_COMPILE
        exec timeout "${TEST_TIMEOUT:-600}" sh "$here"/*/"$1" >"$log" 2>&1
    )
    status=$?
    if [ $status -eq 0 ]; then good=1 bad=0; else good=0 bad=1; fi
}

report() {
    printf '%-28s %-10s %4d passed, %d failed %5d s\n' "$1" "$2" "$good" "$bad" "$seconds"
    if [ "$bad" -ne 0 ]; then
        grep -v '^\[ RUN \|^\[       OK ' "$log" | tail -n 60
        echo "$1: exit status $status"
    fi
}

# Runs one test and leaves $log.counts and $log.report, which is there when it is whole.
run() {
    log=$logs/$1${2:+.$2}
    began=$(date +%s)
    case $1 in *.sh) script "$1" ;; *) program "$1" "$2" ;; esac
    seconds=$(($(date +%s) - began))
    echo "$good $bad" >"$log.counts"
    report "$1" "$2" >"$log.new"
    mv "$log.new" "$log.report"
}

# A line in the pipe is leave to run a test.
mkfifo "$logs/leave"
exec 3<>"$logs/leave"
for _ in $(seq "${JOBS:-$(unset OMP_NUM_THREADS; nproc)}"); do echo >&3; done # nproc would count OpenMP's threads

running='' # what is not reported yet, in order
report_finished() {
    for t in $running; do
        [ -e "$logs/$t.report" ] || break
        cat "$logs/$t.report"
        running=${running# "$t"}
    done
}

start() {
    read -r _ <&3
    report_finished
    running="$running $1${2:+.$2}"
    { run "$1" "$2"; echo >&3; } &
}

for name; do
    case $name in
    *.sh | test_evaluators | test_memory_plan | test_mirror) start "$name" '' ;; # these name the evaluators themselves,
    test_format | test_gemm | test_kernels | test_tiles | test_accuracy) start "$name" '' ;;    # and these use none
    *) for e in ${EVALUATORS:-reference}; do start "$name" "$e"; done ;;
    esac
done
wait
report_finished

cat "$logs"/*.counts 2>/dev/null | awk '{ passed += $1; failed += $2 }
    END { print passed + 0 " passed, " failed + 0 " failed"; exit !(passed > 0 && failed == 0) }' && [ -z "$running" ]
