#!/bin/sh
# test_demos_foundations.sh - the demos from one derivative to the optimizers.
set -eu
part=foundations
. tests/whole/demos/demos.sh
each 10 demos/0*.c demos/1*.c
