#!/bin/sh
# lines.sh - writes the macros of TG_LINES, include/tapegrad/lines.h and lines_nn.h, from the prototypes of the other headers; where they are right
# already they stay as they are. The Makefile calls it whenever it is read.
set -eu
dir=include/tapegrad

# lines NAME HEADER WHAT PROTOTYPES…
lines() {
    name=$1 header=$2 what=$3
    shift 3
    guard=TAPEGRAD_$(echo "$name" | tr 'a-z' 'A-Z')_H
    cat <<END
/* $name.h - with TG_LINES defined the names of $what are macros, which note the line of each call for anomaly mode
 * (anomaly.h). The last part of $header, written by tools/lines.sh. */
#ifndef $guard
#define $guard

#include <$header> /* the functions are declared before they are macros */

#ifdef TG_LINES
END
    sh tests/whole/prototypes.sh "$@" | awk -F'|' '
        $2 == "tg_tensor *" && $1 != "tg_recorded_at" { printf "#define %s(...) tg_recorded_at(%s(__VA_ARGS__), __FILE__, __LINE__)\n", $1, $1 }'
    printf '#endif\n\n#endif\n'
}

# Two makes at a time may both write it: each its own file, which takes the name at once.
put() {
    cat >"$1.$$"
    if cmp -s "$1.$$" "$1"; then rm "$1.$$"; else mv "$1.$$" "$1"; fi
}

# shellcheck disable=SC2046
lines lines tapegrad.h 'functions that give tensors' $(ls $dir/*.h | grep -v '/op\.h$\|/lines') | put $dir/lines.h
lines lines_nn tapegrad_nn.h 'functions of modules that give tensors' include/tapegrad_nn.h | put $dir/lines_nn.h
