#!/bin/sh
# test_first_op.sh - docs/first_op.md word by word: its file, and the rules that take the place of the first one, are compiled as the page says with
# an installed library, and tg-gradcheck says of each what the page says below it. make check sets BUILD, CC.
set -eu
dir=$PWD/$BUILD/tests/first_op
rm -rf "$dir"
mkdir -p "$dir"
MAKEFLAGS= make -s install B="$BUILD" CC="$CC" PREFIX="$dir/usr" DESTDIR= >/dev/null

# Block k of the page goes to k.c, k.sh or k.txt.
awk -v dir="$dir" '
    /^```/ && inside { inside = 0; next }
    /^```/           { inside = 1; k++; kind = substr($0, 4); out = dir "/" k "." (kind ? kind : "txt"); next }
    inside           { print >out }' docs/first_op.md

cd "$dir"
PKG_CONFIG_PATH=$dir/usr/lib/pkgconfig
PATH=$dir/usr/bin:$dir:$PATH
export PKG_CONFIG_PATH PATH
printf '#!/bin/sh\nexec %s -std=c11 -Wall -Wextra -Werror "$@"\n' "$CC" >cc
chmod +x cc
commands=$(ls ./*.sh)

# Every line of the page's blocks has to be among what is printed, but for how small the largest error is, and where: that is rounding.
plain() { sed 's/[0-9.]*e-1[0-9]  order [12], input 0, element [0-9]*  */small /' "$1"; }
try() {
    rm -f myops.so
    sh "$commands" >printed || [ $? = 1 ]
    plain printed >said
    for text; do
        plain "$text" >wanted
        while IFS= read -r line; do
            grep -qxF -- "$line" said || { cat said; echo "docs/first_op.md: tg-gradcheck does not say: $line"; exit 1; }
        done <wanted
    done
}
with_rule() {
    awk -v rule="$1" '/^static .*swish_vjp/ { while ((getline line <rule) > 0) print line; skip = 1 } !skip { print } /^}/ { skip = 0 }' myops.c >new.c
    mv new.c myops.c
}

cp 1.c myops.c
try 3.txt 4.txt
with_rule 5.c
try 6.txt
with_rule 7.c
try 8.txt
cat 9.c >>myops.c
sed -i 's/^tg_tensor \*swish(/static &/; s/static tg_tensor \*swish(tg_tensor \*x) {/static __attribute__((unused)) tg_tensor *swish(tg_tensor *x) {/' myops.c
try 8.txt
