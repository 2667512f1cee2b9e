#!/bin/sh
# test_demos_networks.sh - the demos of networks for images. With TAPEGRAD_DATA also MNIST, briefly.
set -eu
part=networks
. tests/whole/demos/demos.sh
each 13 demos/2*.c demos/3*.c

unlearned 20_xor --quick --steps 2
unlearned 22_mnist_mlp --quick --lr 1e-9
no_data 22_mnist_mlp
no_data 28_transfer
[ -s "$dir/out/mnist_mlp.safetensors" ] || die "no network was saved"

if [ -n "${TAPEGRAD_DATA:-}" ]; then
    case $TAPEGRAD_DATA in /*) data=$TAPEGRAD_DATA ;; *) data=$PWD/$TAPEGRAD_DATA ;; esac
    run 0 22_mnist_mlp --data "$data" --epochs 1 --require 0.95
    tail -n 1 "$dir/log"
fi
