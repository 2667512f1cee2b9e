#!/bin/sh
# test_readme.sh - compiles and runs every complete program in README.md and README.zh.md (```c blocks with a main): without warnings, and as users do,
# with what pkg-config says of an installed library, shared and static. It prints what the page says (the block behind it). make check sets BUILD, CC,
# FLAGS, LIBS.
set -eu
dir=$PWD/$BUILD/tests/readme
rm -rf "$dir"
mkdir -p "$dir"

# Block k goes to k.c, and the one behind it to k.txt.
awk -v dir="$dir" '
    /^```/ && inside { inside = 0; next }
    /^```c$/         { inside = 1; k++; out = dir "/" k ".c"; want = 1; next }
    /^```/           { inside = 1; out = want ? dir "/" k ".txt" : ""; want = 0; next }
    inside && out    { print >out }' README.md README.zh.md

MAKEFLAGS= make -s install B="$BUILD" CC="$CC" PREFIX="$dir/shared" DESTDIR=
cp -r "$dir/shared" "$dir/static"
rm "$dir"/static/lib/*.so*
sed -i "s|^prefix=.*|prefix=$dir/static|" "$dir/static/lib/pkgconfig/tapegrad.pc"
sanitize=$(echo "$FLAGS" | grep -o -- '-fsanitize=[^ ]*' || true)

# What pkg-config says of the one or the other, found before any library that the system has.
installed() { PKG_CONFIG_PATH=$dir/$1/lib/pkgconfig:${PKG_CONFIG_PATH:-} pkg-config --cflags --libs ${2:-} tapegrad; }

count=0
for c in "$dir"/*.c; do
    grep -q 'int main' "$c" || continue
    x=${c%.c}
    echo "$c:"
    # shellcheck disable=SC2086
    $CC $FLAGS -Werror -o "$x" "$c" "$BUILD/libtapegrad.a" $LIBS
    "$x" >"$x.said"
    diff "$x.txt" "$x.said" || { echo "README says that $(basename "$c") prints something else"; exit 1; }
    # shellcheck disable=SC2046,SC2086
    $CC $sanitize -o "$x" "$c" $(installed shared)
    LD_LIBRARY_PATH=$dir/shared/lib:${LD_LIBRARY_PATH:-} "$x" | cmp - "$x.said"
    # shellcheck disable=SC2046,SC2086
    $CC $sanitize -o "$x" "$c" $(installed static --static)
    "$x" | cmp - "$x.said"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "README.md has no program"; exit 1; }
