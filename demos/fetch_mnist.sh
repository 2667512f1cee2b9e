#!/bin/sh
# fetch_mnist.sh [directory [url]] - fetches the MNIST digits for the demos: four .gz files, about 11 MB.
#
# directory  where they go; default data/mnist
# url        where <url>/train-images-idx3-ubyte.gz … are; default $MNIST_URL, else a public mirror
#
# Every file is checked before it gets its name, so what is there is whole. What is there already is checked and left alone.
set -eu

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0"; }

case ${1-} in
-h | --help) usage; exit 0 ;;
-*) usage >&2; exit 2 ;;
esac
[ $# -le 2 ] || { usage >&2; exit 2; }

directory=${1:-data/mnist}
url=${2:-${MNIST_URL:-https://ossci-datasets.s3.amazonaws.com/mnist}}
url=${url%/}

die() {
    echo "fetch_mnist: $*" >&2
    exit 1
}

if command -v md5sum >/dev/null 2>&1; then
    md5() { md5sum | cut -d ' ' -f 1; }
elif command -v openssl >/dev/null 2>&1; then
    md5() { openssl md5 | sed 's/.*= *//'; }
else
    die "neither md5sum nor openssl is installed"
fi

if command -v curl >/dev/null 2>&1; then
    get() { curl --fail --silent --show-error --location --retry 2 --output "$2" "$1"; }
elif command -v wget >/dev/null 2>&1; then
    get() { wget --quiet --tries=3 --output-document="$2" "$1"; }
else
    die "neither curl nor wget is installed"
fi

# good FILE MD5: FILE is a whole .gz of data with this sum
good() { gzip -t "$1" 2>/dev/null && [ "$(gzip -dc "$1" | md5)" = "$2" ]; }

mkdir -p "$directory" || die "cannot make the directory $directory"
work=$(mktemp -d "$directory/.fetch.XXXXXX") || die "cannot write to the directory $directory"
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# fetch NAME MD5
fetch() {
    file=$directory/$1.gz
    if [ -f "$file" ] && good "$file" "$2"; then
        echo "$file is there"
        return
    fi
    get "$url/$1.gz" "$work/$1.gz" || die "cannot fetch $url/$1.gz"
    good "$work/$1.gz" "$2" || die "$url/$1.gz is not the file it should be; nothing was kept of it"
    mv -f "$work/$1.gz" "$file" || die "cannot write $file"
    echo "$file fetched"
}

fetch train-images-idx3-ubyte 6bbc9ace898e44ae57da46a324031adb
fetch train-labels-idx1-ubyte a25bea736e30d166cdddb491f175f624
fetch t10k-images-idx3-ubyte 2646ac647ad5339dbf082846283269ea
fetch t10k-labels-idx1-ubyte 27ae3e4e09519cfbb04c329615203637
