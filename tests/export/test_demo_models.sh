#!/bin/sh
# test_demo_models.sh - the networks that demos train and hand over, an image's and texts': each as a C file, which compiles alone and gives the bits of the
# reference evaluator (but for attention, whose sums have an order of their own there), and as an ONNX model, which computes the same to 1e-5 (where python3-onnx is installed; ONNX_PYTHON names another Python). make check
# sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/demo_models
rm -rf "$dir"
mkdir -p "$dir"
export TAPEGRAD_EVAL=reference OMP_NUM_THREADS=1

# hand_over DEMO NAME TOLERANCE: trains it a little, and runs what it exported
hand_over() {
    # shellcheck disable=SC2086
    $CC $FLAGS -O2 -Werror -o "$dir/$1" "demos/$1.c" "$BUILD/libtapegrad.a" $LIBS
    (cd "$dir" && "./$1" --quick --export >log 2>&1) || { cat "$dir/log"; exit 1; }
    $CC -std=c99 -Wall -Wextra -Wpedantic -Werror -O2 -ffp-contract=off -c -o "$dir/$2.o" "$dir/out/$2.c"
    # shellcheck disable=SC2086
    $CC $FLAGS -Werror "-DMODEL=$2" "-D$2_DECLARATIONS" "-DMODEL_FILE=\"$2.c\"" -I"$dir/out" -o "$dir/run_$2" tests/export/demos/run_model.c "$dir/$2.o" \
        "$BUILD/libtapegrad.a" $LIBS
    "$dir/run_$2" "$dir/out/$2.npz" "$3"
    printf '%s\t%s\tfloat32\texported\n' "$2" "$1" >>"$dir/list"
}
hand_over 26_mnist_cnn mnist_cnn 0
hand_over 43_char_lstm char_lstm 0
hand_over 44_char_transformer char_transformer 1e-5

python=''
for p in "${ONNX_PYTHON:-}" python3 /usr/bin/python3; do
    if [ -n "$p" ] && [ -z "$python" ] && "$p" -c 'import numpy, onnx' 2>/dev/null; then python=$p; fi
done
[ -n "$python" ] || { echo "python3-onnx is not installed: the models in ONNX are not run"; exit 0; }
PYTHONDONTWRITEBYTECODE=1 "$python" tests/export/onnx/compare.py "$dir/out" <"$dir/list"
