#!/bin/sh
# test_cxx.sh - the public headers in C++: tests/whole/cxx/program.cpp for each standard, with each compiler that there is, without a warning, and
# run once; and each header by itself, in C and in C++. make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/cxx
mkdir -p "$dir"
strict='-Wpedantic -Wall -Wextra -Werror -Iinclude'

ran=0
for cxx in g++ clang++; do
    command -v "$cxx" >/dev/null || continue
    for std in c++11 c++14 c++17 c++20; do
        echo "$cxx -std=$std"
        # shellcheck disable=SC2086
        "$cxx" -std=$std $strict -fsyntax-only tests/whole/cxx/program.cpp
    done
    ran=1
    case "$CC" in *clang*) [ "$cxx" = clang++ ] || continue ;; *) [ "$cxx" = g++ ] || continue ;; esac
    sanitize=$(echo "$FLAGS" | grep -o -- '-fsanitize=[^ ]*' || true)
    # shellcheck disable=SC2086
    "$cxx" -std=c++11 $strict $sanitize -fopenmp -o "$dir/program" tests/whole/cxx/program.cpp "$BUILD/libtapegrad.a" $LIBS
    "$dir/program"
done
[ $ran = 1 ] || echo "no C++ compiler: only the C headers are checked"

for header in include/*.h include/tapegrad/*.h; do
    # shellcheck disable=SC2086
    echo "#include <${header#include/}>" | $CC -std=c11 $strict -fsyntax-only -x c -
done
