#!/bin/sh
# test_readme.sh - compiles and runs every complete program in README.md (```c blocks with a main): without warnings, and as users do, with
# what pkg-config says of an installed library, shared and static. make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$PWD/$BUILD/tests/readme
rm -rf "$dir"
mkdir -p "$dir"

# Block k goes to k.c.
awk -v dir="$dir" '
    /^```c$/       { inside = 1; k++; next }
    /^```/         { inside = 0 }
    inside         { print > (dir "/" k ".c") }' README.md

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
    cat "$x.said"
    # shellcheck disable=SC2046,SC2086
    $CC $sanitize -o "$x" "$c" $(installed shared)
    LD_LIBRARY_PATH=$dir/shared/lib:${LD_LIBRARY_PATH:-} "$x" | cmp - "$x.said"
    # shellcheck disable=SC2046,SC2086
    $CC $sanitize -o "$x" "$c" $(installed static --static)
    "$x" | cmp - "$x.said"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "README.md has no program"; exit 1; }
