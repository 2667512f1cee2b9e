#!/bin/sh
# test_demos_beyond.sh - the demos of images, texts and tables made and read.
set -eu
part=beyond
. tests/whole/demos/demos.sh
each 10 demos/4*.c

unlearned 41_gan_ring --quick --steps 2
unlearned 42_addition --steps 60
printf 'too few words' >"$dir/short"
run 1 45_word_vectors --text short 2>"$dir/errors"
grep -q 'too short' "$dir/errors" || die "45_word_vectors: says nothing about a text that is too short"
