#!/bin/sh
# lines.sh - writes lines.h and lines_nn.h, the macros of TG_LINES, into a directory, from the prototypes of the other headers: make lines.
set -eu
dir=$1

# write NAME HEADER WHAT PROTOTYPES…
write() {
    name=$1 header=$2 what=$3
    shift 3
    guard=TAPEGRAD_$(echo "$name" | tr 'a-z' 'A-Z')_H
    cat <<END
/* $name.h - with TG_LINES defined the names of $what are macros, which note the line of each call for anomaly mode
 * (anomaly.h). The last part of $header, written by \`make lines\`. */
#ifndef $guard
#define $guard

#include <$header> /* the functions are declared before they are macros */

#ifdef TG_LINES
END
    sh tests/whole/prototypes.sh "$@" | awk -F'|' '
        $2 == "tg_tensor *" && $1 != "tg_recorded_at" { printf "#define %s(...) tg_recorded_at(%s(__VA_ARGS__), __FILE__, __LINE__)\n", $1, $1 }'
    printf '#endif\n\n#endif\n'
}

# shellcheck disable=SC2046
write lines tapegrad.h 'functions that give tensors' $(ls include/tapegrad/*.h | grep -v '/op\.h$\|/lines') >"$dir/lines.h"
write lines_nn tapegrad_nn.h 'functions of modules that give tensors' include/tapegrad_nn.h >"$dir/lines_nn.h"
