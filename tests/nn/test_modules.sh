#!/bin/sh
# test_modules.sh - the way back: a network trained here is loaded by PyTorch's load_state_dict, strictly, and gives the same results there. Where PyTorch is
# not installed it says so and passes.
set -eu
file=$PWD/$BUILD/tests/nn/trained.safetensors
/usr/bin/python3 -c 'import torch' 2>/dev/null || { echo "test_modules.sh: python3-torch is not installed: nothing is compared"; exit 0; }
make -s "$BUILD/tests/nn/test_modules" CC="$CC" >/dev/null 2>&1 || [ -x "$BUILD/tests/nn/test_modules" ]
TAPEGRAD_MODULES=$file "$BUILD/tests/nn/test_modules" >/dev/null 2>&1
/usr/bin/python3 tests/golden/modules.py "$file"
