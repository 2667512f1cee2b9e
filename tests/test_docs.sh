#!/bin/sh
# test_docs.sh - docs/ops.md is what the registry says (make ops-table), and links in README.md and docs/ lead to files that are there.
# make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/docs
mkdir -p "$dir"
status=0

# shellcheck disable=SC2086
"$CC" $FLAGS -Werror -o "$dir/list-ops" tools/list-ops.c "$BUILD/libtapegrad.a" $LIBS
"$dir/list-ops" >"$dir/ops.md"
diff docs/ops.md "$dir/ops.md" || { echo "docs/ops.md is out of date: make ops-table"; status=1; }

# [text](target) with a target inside the project
count=0
for page in README.md docs/*.md; do
    for link in $(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https\{0,1\}:'); do
        count=$((count + 1))
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: there is no $link"; status=1; }
    done
done
[ "$count" -gt 0 ] || { echo "no links found"; status=1; }
exit $status
