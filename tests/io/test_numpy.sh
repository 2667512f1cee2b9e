#!/bin/sh
# test_numpy.sh - NumPy reads what is written here and writes what is read here, to the bit: .npy, .npz, and tensors by DLPack. Where no Python with
# NumPy is installed it says so and passes. make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/numpy
mkdir -p "$dir"
python=''
for p in "${ONNX_PYTHON:-}" python3 /usr/bin/python3; do
    if [ -n "$p" ] && [ -z "$python" ] && "$p" -c 'import numpy' 2>/dev/null; then python=$p; fi
done
[ -n "$python" ] || { echo "NumPy is not installed: nothing is compared"; exit 0; }

# shellcheck disable=SC2086
$CC $FLAGS -Werror -o "$dir/copy" tests/io/numpy/copy.c "$BUILD/libtapegrad.a" $LIBS
case $FLAGS in *-fsanitize*) library='' ;; *) library=$BUILD/libtapegrad.so ;; esac # Python can't load a library with a sanitizer
OMP_NUM_THREADS=1 "$python" tests/io/numpy/compare.py "$dir/copy" "$library" "$dir"
