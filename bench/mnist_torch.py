#!/usr/bin/python3
"""An epoch of demos/22_mnist_mlp.c in PyTorch (eager): the same network, data, batches and optimizer.

  mnist_torch.py DIRECTORY [THREADS [EPOCHS]]    one line of JSON (1 thread, 5 epochs)

DIRECTORY holds MNIST's IDX files, gzipped or not. The images are floats in one tensor before the clock starts, which counts training alone:
shuffled batches, forward, loss, backward, update, and reading the loss.
"""
import gzip
import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

BATCH, RATE, MOMENTUM = 128, 0.1, 0.9


def idx(directory, name, header):
    """The bytes of an IDX file behind its header."""
    path = os.path.join(directory, name)
    opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz", "rb")
    with opened as file:
        return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)


def read(directory, part):
    images, labels = idx(directory, part + "-images-idx3-ubyte", 16), idx(directory, part + "-labels-idx1-ubyte", 8)
    return images.view(-1, 784).float() / 255, labels.long()


def train(net, optimizer, x, y):
    for batch in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        loss.item()


def main(directory, threads=1, epochs=5):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    (x, y), test = read(directory, "train"), read(directory, "t10k")
    x, y = x[:54000], y[:54000]
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    seconds = []
    for epoch in range(epochs):
        part = epoch / (epochs - 1) if epochs > 1 else 0
        optimizer.param_groups[0]["lr"] = RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part)))
        start = time.perf_counter()
        train(net, optimizer, x, y)
        seconds.append(time.perf_counter() - start)
    with torch.no_grad():
        right = (net(test[0]).argmax(1) == test[1]).float().mean().item()
    print(json.dumps({"peer": "torch-python", "workload": "mnist_epoch", "threads": threads, "us_per_step_min": round(min(seconds) * 1e6),
                      "test_accuracy": round(right, 4), "epochs": epochs}))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
