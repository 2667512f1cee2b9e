#!/bin/sh
# test_demos_numbers.sh - the demos of privacy, second derivatives, equations, and ops of your own.
set -eu
part=numbers
. tests/whole/demos/demos.sh
each 8 demos/5*.c demos/6*.c

run 1 56_gaussian_process --points 5
result 56_gaussian_process false
grep -q 'did not work' "$dir/log" || die "56_gaussian_process: does not say that it did not work"
