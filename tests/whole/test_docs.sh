#!/bin/sh
# test_docs.sh - docs/ops.md is what the registry says (make ops-table), programs in docs/, compiled as a reader does with what pkg-config says of
# an installed library, print what stands below them, and links in README.md and docs/ lead to files that are there.
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
rm -rf "$dir"/*.c "$dir"/*.txt "$dir/installed"
MAKEFLAGS= make -s install B="$BUILD" CC="$CC" PREFIX="$dir/installed" DESTDIR=
export LD_LIBRARY_PATH="$dir/installed/lib:${LD_LIBRARY_PATH:-}"
sanitize=$(echo "$FLAGS" | grep -o -- '-fsanitize=[^ ]*' || true)
for page in docs/*.md docs/tutorial/*.md; do
    awk -v base="$dir/$(basename "$page" .md)" '
        /^```/ && inside { inside = 0; next }
        /^```c$/         { inside = 1; k++; out = base "." k ".c"; want = 1; next }
        /^```/           { inside = 1; out = want ? base "." k ".txt" : ""; want = 0; next }
        inside && out    { print >out }' "$page"
done
for c in "$dir"/*.c; do
    grep -qs 'int main' "$c" || continue
    x=${c%.c}
    # shellcheck disable=SC2046,SC2086
    $CC $sanitize -Wall -Wextra -Werror -o "$x" "$c" $(PKG_CONFIG_PATH=$dir/installed/lib/pkgconfig:${PKG_CONFIG_PATH:-} pkg-config --cflags --libs tapegrad)
    rm -rf "$x.run" && mkdir "$x.run" # an empty directory for what it writes
    (cd "$x.run" && "$x") | diff "$x.txt" - || { echo "docs say that $(basename "$c") prints something else"; status=1; }
    programs=$((programs + 1))
done
[ "$programs" -gt 0 ] || { echo "docs have no program"; status=1; }

# Names of the interface on pages for users are in the headers ("tg_nn_…" and the like stand for several).
cat include/*.h include/tapegrad/*.h | grep -o 'tg_[A-Za-z0-9_]*\|TG_[A-Z0-9_]*' | sort -u >"$dir/names"
for page in *.md docs/tutorial/*.md $(ls docs/*.md | grep -v 'design\|adding\|op_speed\|performance\|reductions'); do
    for name in $(sed 's/[A-Za-z0-9_]*…//g; s/[A-Za-z0-9_]*\*//g' "$page" | grep -o '\(^\|[^A-Za-z0-9_.]\)\(tg\|TG\)_[A-Za-z0-9_]*' | sed 's/^[^tT]//' | sort -u); do
        grep -qx "$name" "$dir/names" || grep -q "define $name\|^static.* $name(" "$page" || { echo "$page: no header has $name"; status=1; }
    done
done

# Manual pages: their names are in the headers, and groff, where it is there, has nothing to say.
for page in docs/man/*.[1-9] "$dir"/installed/share/man/man*/*; do
    for name in $(grep -o 'tg_[A-Za-z0-9_]*' "$page" | sort -u); do
        grep -qx "$name" "$dir/names" || { echo "$page: no header has $name"; status=1; }
    done
    command -v groff >/dev/null || continue
    groff -man -Tutf8 -ww -z "$page" >"$dir/groff" 2>&1 && [ ! -s "$dir/groff" ] || { cat "$dir/groff"; echo "$page: groff complains"; status=1; }
done

# [text](target) with a target inside the project
count=0
for page in *.md docs/*.md docs/tutorial/*.md demos/README.md; do
    for link in $(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https\{0,1\}:'); do
        count=$((count + 1))
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: there is no $link"; status=1; }
    done
done
[ "$count" -gt 0 ] || { echo "no links found"; status=1; }
exit $status
