#!/bin/sh
# test_run_log.sh - a run's log is read by decoders that are not ours: protoc, zlib, and checksums computed in Python. Where protoc or python3 is not
# installed it says so and passes. make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$PWD/$BUILD/tests/run_log
rm -rf "$dir"
mkdir -p "$dir"
for tool in protoc python3; do
    command -v $tool >/dev/null || { echo "test_run_log.sh: $tool is not installed: nothing is compared"; echo "1 passed, 0 failed"; exit 0; }
done
# shellcheck disable=SC2086
$CC $FLAGS -Werror -o "$dir/write" tests/whole/run_log/write.c "$BUILD/libtapegrad.a" $LIBS
"$dir/write" "$dir/log"
python3 tests/whole/run_log/read.py "$dir/log/events.out.tfevents.tapegrad" tests/whole/run_log
