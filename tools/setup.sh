#!/bin/sh
# setup.sh [package …] - installs what building, testing and the demos need on Debian 12 (and its relatives), and the Debian packages named.
# Says what it installs; does nothing when all is there. On other systems it says what is missing.
set -eu

has_program() { command -v "$1" >/dev/null 2>&1; }
has_library() { has_program pkg-config && pkg-config --exists "$1"; }
has_package() { has_program dpkg-query && [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=''
need() { # need package test …: notes the package unless the test succeeds
    package=$1
    shift
    "$@" || missing="$missing $package"
}

need gcc has_program gcc
need libc6-dev test -e /usr/include/stdio.h
need make has_program make
need pkg-config has_program pkg-config
need libopenblas-openmp-dev has_library openblas
need zlib1g-dev has_library zlib
need libjansson-dev has_library jansson
need libzip-dev has_library libzip
need libcmocka-dev has_library cmocka
need gnuplot-nox has_program gnuplot
for p; do need "$p" has_package "$p"; done

[ -n "$missing" ] || exit 0

if ! has_program apt-get; then
    echo "setup: this is not a Debian system; please install what these Debian packages contain:$missing" >&2
    exit 1
fi
as_root=''
if [ "$(id -u)" -ne 0 ]; then
    if ! has_program sudo; then
        echo "setup: please run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "setup: installing$missing"
$as_root apt-get update -q || echo "setup: the package lists could not be refreshed; trying with those that are here" >&2
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
