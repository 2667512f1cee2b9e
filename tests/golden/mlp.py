#!/usr/bin/python3
"""Writes mlp.csv: the losses of 200 steps of plain SGD (lr 0.1) on a 784-128-64-10 ReLU network, as PyTorch computes them.

Run as OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/mlp.py; tests/optim/test_training.c repeats the same run.

128 rows of 784 inputs in ten classes: a class pattern plus noise. Weights, patterns and noise come from number(i), which is exact in double
precision. A row of the file: step, loss in float32, loss in float64, both before the step.
"""
import os

import numpy as np
import torch

STEPS, ROWS, LR = 200, 128, 0.1
SIZES = (784, 128, 64, 10)


def number(i):
    """Numbers in [-1, 1): 32 bits of a mixed integer, for an array of integers."""
    h = (i.astype(np.uint64) * np.uint64(2654435761) + np.uint64(12345)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 2147483648.0 - 1.0


def numbers(first, n):
    return number(np.arange(first, first + n))


def losses(dtype):
    p = []
    for k in range(3):
        n_in, n_out = SIZES[k], SIZES[k + 1]
        w = numbers(1000000 * (k + 1), n_in * n_out) * np.sqrt(6.0 / n_in)
        p += [torch.tensor(w.reshape(n_in, n_out)).to(dtype).requires_grad_(), torch.zeros(n_out, dtype=dtype, requires_grad=True)]
    label = np.arange(ROWS) * 7 % 10
    pattern = numbers(5000000, 10 * 784).reshape(10, 784)
    noise = numbers(6000000, ROWS * 784).reshape(ROWS, 784)
    x = torch.tensor(0.25 * pattern[label] + 0.5 * noise).to(dtype)
    y = torch.tensor(label)
    optimizer = torch.optim.SGD(p, lr=LR)
    result = []
    for _ in range(STEPS):
        h = torch.relu(x @ p[0] + p[1])
        h = torch.relu(h @ p[2] + p[3])
        loss = torch.nn.functional.cross_entropy(h @ p[4] + p[5], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        result.append(loss.item())
    return result


def main():
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mlp.csv")
    pairs = zip(losses(torch.float32), losses(torch.float64))
    with open(path, "w", encoding="ascii") as out:
        for step, (single, double) in enumerate(pairs, 1):
            out.write("%d,%.9g,%.17g\n" % (step, single, double))


if __name__ == "__main__":
    main()
