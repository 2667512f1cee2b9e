#!/bin/sh
# test_docs.sh - docs/ops.md is what the registry says (make ops-table), programs in docs/ print what stands below them, and links in
# README.md and docs/ lead to files that are there.
# make check sets BUILD, CC, FLAGS, LIBS.
set -eu
mkdir -p "$BUILD/tests/docs"
dir=$(cd "$BUILD/tests/docs" && pwd)
status=0

# shellcheck disable=SC2086
$CC $FLAGS -Werror -o "$dir/list-ops" tools/list-ops.c "$BUILD/libtapegrad.a" $LIBS
"$dir/list-ops" >"$dir/ops.md"
diff docs/ops.md "$dir/ops.md" || { echo "docs/ops.md is out of date: make ops-table"; status=1; }

# A ```c block with a main goes to <page>.<k>.c, the block that follows it to <page>.<k>.txt.
programs=0
rm -f "$dir"/*.c "$dir"/*.txt
for page in docs/*.md; do
    awk -v base="$dir/$(basename "$page" .md)" '
        /^```/ && inside { inside = 0; next }
        /^```c$/         { inside = 1; k++; out = base "." k ".c"; want = 1; next }
        /^```/           { inside = 1; out = want ? base "." k ".txt" : ""; want = 0; next }
        inside && out    { print >out }' "$page"
done
for c in "$dir"/*.c; do
    grep -qs 'int main' "$c" || continue
    x=${c%.c}
    # shellcheck disable=SC2086
    $CC $FLAGS -Werror -o "$x" "$c" "$BUILD/libtapegrad.a" $LIBS
    rm -rf "$x.run" && mkdir "$x.run" # an empty directory for what it writes
    (cd "$x.run" && "$x") | diff "$x.txt" - || { echo "docs say that $(basename "$c") prints something else"; status=1; }
    programs=$((programs + 1))
done
[ "$programs" -gt 0 ] || { echo "docs have no program"; status=1; }

# [text](target) with a target inside the project
count=0
for page in README.md docs/*.md demos/README.md; do
    for link in $(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https\{0,1\}:'); do
        count=$((count + 1))
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: there is no $link"; status=1; }
    done
done
[ "$count" -gt 0 ] || { echo "no links found"; status=1; }
exit $status
