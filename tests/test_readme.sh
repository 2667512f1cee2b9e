#!/bin/sh
# test_readme.sh - compiles and runs every complete program in README.md (```c blocks with a main). make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/readme
rm -rf "$dir"
mkdir -p "$dir"

# Block k goes to k.c.
awk -v dir="$dir" '
    /^```c$/       { inside = 1; k++; next }
    /^```/         { inside = 0 }
    inside         { print > (dir "/" k ".c") }' README.md

count=0
for c in "$dir"/*.c; do
    grep -q 'int main' "$c" || continue
    x=${c%.c}
    # shellcheck disable=SC2086
    $CC $FLAGS -Werror -o "$x" "$c" "$BUILD/libtapegrad.a" $LIBS
    echo "$c:"
    "$x"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "README.md has no program"; exit 1; }
