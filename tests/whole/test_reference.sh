#!/bin/sh
# test_reference.sh - the reference that Doxygen makes of the headers has no warning, and every public function is in it with a description.
# Where Doxygen is not installed nothing is tested but that it says so. make check sets BUILD.
set -eu
command -v doxygen >/dev/null || {
    echo "doxygen is not there: no reference is made"
    exit 0
}
dir=$BUILD/tests/reference
rm -rf "$dir"
mkdir -p "$dir"
make -s --no-print-directory reference REFERENCE="$dir"

# A line for each function that has a description.
awk '/<memberdef kind="function"/   { name = ""; described = 0 }
     /^ *<name>/ && name == ""      { name = $0; gsub(/^ *<name>|<\/name>.*/, "", name) }
     /<detaileddescription>/        { inside = 1 }
     inside && /<para>[^<]/         { described = 1 }
     /<\/detaileddescription>/      { inside = 0 }
     /<\/memberdef>/ && described   { print name }' "$dir"/xml/*.xml | sort -u >"$dir/described"
grep -h '^TG_API' include/*.h include/tapegrad/*.h | grep -o 'tg_[A-Za-z0-9_]*(' | tr -d '(' | sort -u >"$dir/public"
[ "$(wc -l <"$dir/public")" -gt 700 ] || { echo "the headers have fewer functions than they had"; exit 1; }
comm -13 "$dir/described" "$dir/public" >"$dir/missing"
[ ! -s "$dir/missing" ] || { echo "no description in the reference:"; cat "$dir/missing"; exit 1; }
