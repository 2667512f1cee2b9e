#!/bin/sh
# test_demos.sh - compiles every demo and runs it in quick mode under each evaluator: exit status 0, last line
# "result: {…}" of valid JSON, and that demos fail when they should. make check sets BUILD, CC, FLAGS, LIBS, EVALUATORS.
# With TAPEGRAD_DATA also MNIST, briefly.
set -eu
dir=$BUILD/tests/demos
rm -rf "$dir"
mkdir -p "$dir"
touch "$dir/file"

die() {
    echo "$*"
    exit 1
}

number='-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?'
field="\"[a-z_]+\": (\"[0-9a-z_]*\"|true|false|null|$number)"

# The last line has the form of a JSON object, names the demo, and says whether it went well: result NAME true|false
result() {
    tail -n 1 "$dir/log" | grep -Eq "^result: \{$field(, $field)*\}\$" || die "$1: the last line is no result"
    tail -n 1 "$dir/log" | grep -q "^result: {\"demo\": \"$1\", .*\"ok\": $2, " || die "$1: not \"ok\": $2"
}

# run STATUS NAME OPTIONS…: in $dir, which is where the output directory goes; stdout to the log
run() {
    want=$1
    name=$2
    shift 2
    status=0
    (cd "$dir" && "./$name" "$@") >"$dir/log" || status=$?
    [ "$status" -eq "$want" ] || {
        cat "$dir/log"
        die "$name $*: exit status $status instead of $want"
    }
}

count=0
outs=0
for c in demos/[0-9]*.c; do
    name=$(basename "$c" .c)
    # shellcheck disable=SC2086
    $CC $FLAGS -Werror -o "$dir/$name" "$c" "$BUILD/libtapegrad.a" $LIBS
    for e in ${EVALUATORS:-reference fused}; do
        export TAPEGRAD_EVAL="$e"
        run 0 "$name" --quick
        result "$name" true
        tail -n 1 "$dir/log"
    done
    run 0 "$name" --help
    grep -q '^usage: ' "$dir/log" || die "$name --help: no usage"
    if grep -q '^  --out ' "$dir/log"; then
        for out in file file/below; do # where nothing can be written, nothing is begun
            run 1 "$name" --quick --out "$out" 2>"$dir/errors"
            [ ! -s "$dir/log" ] || die "$name --out $out: began all the same"
        done
        outs=$((outs + 1))
    fi
    run 2 "$name" --no-such-option 2>"$dir/errors"
    grep -q no-such-option "$dir/errors" || die "$name: says nothing about an option that there is not"
    export TAPEGRAD_EVAL=fusde
    run 1 "$name" --quick 2>"$dir/errors"
    grep -q TAPEGRAD_EVAL "$dir/errors" || die "$name: says nothing about TAPEGRAD_EVAL=fusde"
    unset TAPEGRAD_EVAL
    count=$((count + 1))
done
[ "$count" -ge 39 ] || die "only $count demos"
[ "$outs" -ge 32 ] || die "only $outs demos with pictures"

# What does not learn says so.
run 1 20_xor --quick --steps 2
result 20_xor false
grep -q 'did not learn' "$dir/log" || die "20_xor: does not say that it did not learn"
run 1 22_mnist_mlp --quick --lr 1e-9
result 22_mnist_mlp false
grep -q 'did not learn' "$dir/log" || die "22_mnist_mlp: does not say that it did not learn"

run 1 41_gan_ring --quick --steps 2
result 41_gan_ring false
grep -q 'did not learn' "$dir/log" || die "41_gan_ring: does not say that it did not learn"

for name in 22_mnist_mlp 28_transfer; do
    for data in file no/such/directory; do
        run 1 "$name" --data "$data" 2>"$dir/errors"
        grep -q "$data" "$dir/errors" || die "$name: says nothing about the directory $data"
    done
done
run 1 42_addition --steps 60 2>"$dir/errors"
result 42_addition false
grep -q 'did not learn' "$dir/log" || die "42_addition: does not say that it did not learn"

[ -s "$dir/out/mnist_mlp.safetensors" ] || die "no network was saved"

if [ -n "${TAPEGRAD_DATA:-}" ]; then
    case $TAPEGRAD_DATA in /*) data=$TAPEGRAD_DATA ;; *) data=$PWD/$TAPEGRAD_DATA ;; esac
    run 0 22_mnist_mlp --data "$data" --epochs 1 --require 0.95
    tail -n 1 "$dir/log"
fi
