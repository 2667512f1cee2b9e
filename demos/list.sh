#!/bin/sh
# list.sh - the demos in reading order: each one's name, and what its file's first sentence says of it.
cd "$(dirname "$0")"
for c in [0-9]*.c; do
    awk -v name="${c%.c}" '
        { sub(/^\/\* [0-9a-z_]*\.c - /, ""); sub(/^ \* ?/, ""); sub(/ *\*\/$/, "") }
        $0 == "" { exit }
        { text = text (text ? " " : "") $0 }
        match(text, /[.:]( |$)/) { text = substr(text, 1, RSTART - 1); exit }
        END { printf "  %-24s %s\n", name, text }' "$c"
done
echo "  ./run demo NAME runs one, ./run demo NAME --help says what it takes."
