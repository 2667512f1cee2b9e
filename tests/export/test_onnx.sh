#!/bin/sh
# test_onnx.sh - models in ONNX's format compute what the library does: every sample of every op that is exported, and networks. ONNX's checker takes
# each, an evaluator in NumPy computes it and, where Python has it, onnxruntime; protoc reads one by the format's own description. Where no Python with
# python3-onnx is installed it says so and passes; ONNX_PYTHON names another Python. make check sets BUILD, where it has built
# the programs that export.
set -eu
python=''
for p in "${ONNX_PYTHON:-}" python3 /usr/bin/python3; do
    if [ -n "$p" ] && [ -z "$python" ] && "$p" -c 'import numpy, onnx' 2>/dev/null; then python=$p; fi
done
[ -n "$python" ] || { echo "python3-onnx is not installed: no model is checked"; exit 0; }

place=/dev/shm # thousands of files, each of which is flushed to the disk where there is one
[ -w "$place" ] || place=$BUILD/tests
dir=$(mktemp -d "$place/tapegrad-onnx-XXXXXX")
mkdir "$dir/samples" "$dir/models"
trap 'rm -rf "$dir"' EXIT
export OMP_NUM_THREADS=1
for program in samples models; do
    "$BUILD/tests/export/onnx/$program" "$dir/$program" >"$dir/$program.list"
    PYTHONDONTWRITEBYTECODE=1 "$python" tests/export/onnx/compare.py "$dir/$program" <"$dir/$program.list"
done

proto=$("$python" -c 'import onnx, os; print(os.path.join(os.path.dirname(onnx.__file__), "onnx-ml.proto"))')
if command -v protoc >/dev/null && [ -e "$proto" ]; then
    protoc --proto_path="${proto%/*}" --decode=onnx.ModelProto "$proto" <"$dir/models/000/00.onnx" >"$dir/model.txt" 2>/dev/null
    grep -q 'op_type: "Conv"' "$dir/model.txt"
    if grep -qE '^ *[0-9]+[: ]' "$dir/model.txt"; then
        echo "a field that the format does not have:" && grep -nE '^ *[0-9]+[: ]' "$dir/model.txt" | head -n 3
        exit 1
    fi
    echo "protoc knows every field"
else
    echo "protoc is not installed: the fields are not looked at one by one"
fi
