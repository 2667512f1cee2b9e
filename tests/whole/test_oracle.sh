#!/bin/sh
# test_oracle.sh - every sample against PyTorch, and a function of PyTorch's for every name, or a reason in tests/oracle/compare.py why there is none.
# Where no PyTorch is installed it says so and passes. make oracle compares random variants, too. make check sets BUILD.
set -eu
lines=$BUILD/tests/oracle/samples.json
TAPEGRAD_ORACLE=0 TAPEGRAD_SEED=1 OMP_NUM_THREADS=1 "$BUILD/tests/oracle/driver" >"$lines"
OMP_NUM_THREADS=1 /usr/bin/python3 tests/oracle/compare.py <"$lines"
