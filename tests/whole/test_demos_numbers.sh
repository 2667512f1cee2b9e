#!/bin/sh
# test_demos_numbers.sh - the demos of privacy, second derivatives, equations, and ops of your own.
set -eu
part=numbers
. tests/whole/demos/demos.sh
each 8 demos/5*.c demos/6*.c
