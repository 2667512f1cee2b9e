#!/bin/sh
# prototypes.sh header… - the public functions of these headers that give a tensor or fill an array of them, a line for each: its name, what it
# gives and the types of its arguments, between bars. For the tests that call every function.
set -eu
cat "$@" | tr '\n' ' ' | grep -o 'TG_API tg_\(tensor *\*\|status \)tg_[A-Za-z0-9_]*([^;]*);' |
    sed 's/^TG_API tg_tensor *\*/tg_tensor *|/; s/^TG_API tg_status /tg_status|/; s/ TG_[A-Z_]*\(([0-9, ]*)\)\?;/;/; s/);$//' | awk -F'|' '
{
    name = $2; sub(/\(.*/, "", name)
    arguments = $2; sub(/^[^(]*\(/, "", arguments)
    n = split(arguments, argument, /, */)
    line = name "|" $1
    for (i = 1; i <= n; i++) {
        type = argument[i]; sub(/[A-Za-z0-9_]+$/, "", type); sub(/ +$/, "", type)
        line = line "|" type
    }
    if ($1 != "tg_status" || line ~ /\|tg_tensor \*\*$/) print line
}'
