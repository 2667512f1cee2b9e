#!/usr/bin/python3
"""Writes optim.csv: trajectories of the optimizers on one small network, as PyTorch computes them.

Run as OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/optim.py; tests/optim/test_trajectories.c repeats the same runs.

The network is tanh(x w1 + b1) w2 + b2 with 3 inputs, 4 hidden units, 2 outputs and the mean squared error over 6 rows. Every number that
goes in comes from number(i), which is exact in double precision. A row is: run, dtype, step, loss before the step, and at some steps all
parameters after it.
"""
import os

import torch

STEPS = 50
SHOWN = (1, 2, 3, 10, 25, 50)
SHAPES = ((3, 4), (4,), (4, 2), (2,))

RUNS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, dampening=0.3),
    "momentum_decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.05),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "nesterov_decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.05),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "adam_betas": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-4),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=0.05),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02),
    "adamw_decay": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.2),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop_decay": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-4, weight_decay=0.05),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.005, momentum=0.8, weight_decay=0.05),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True),
    "rmsprop_both": lambda p: torch.optim.RMSprop(p, lr=0.005, alpha=0.9, eps=1e-4, momentum=0.8, centered=True, weight_decay=0.05),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adagrad_decay": lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=0.05, eps=1e-4),
    "adagrad_start": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.05, initial_accumulator_value=0.2),
    "clip": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}
MAX_NORM = 0.25


def number(i):
    """A number in [-1, 1): 32 bits of a mixed integer."""
    h = (i * 2654435761 + 12345) & 0xFFFFFFFF
    h ^= h >> 15
    h = (h * 2246822519) & 0xFFFFFFFF
    h ^= h >> 13
    return h / 2147483648.0 - 1.0


def filled(shape, first, dtype, grad=False):
    n = 1
    for s in shape:
        n *= s
    t = torch.tensor([number(first + k) for k in range(n)], dtype=torch.float64).reshape(shape).to(dtype)
    return t.requires_grad_(grad)


def run(name, dtype, digits, out):
    p = [filled(s, 1000 * k, dtype, True) for k, s in enumerate(SHAPES)]
    x, y = filled((6, 3), 5000, dtype), filled((6, 2), 6000, dtype)
    optimizer = RUNS[name](p)
    for step in range(1, STEPS + 1):
        loss = torch.nn.functional.mse_loss(torch.tanh(x @ p[0] + p[1]) @ p[2] + p[3], y)
        optimizer.zero_grad()
        loss.backward()
        if name == "clip":
            norm = torch.nn.utils.clip_grad_norm_(p, float("inf")).item()
            for t in p:
                t.grad.mul_(min(1.0, MAX_NORM / norm))
        optimizer.step()
        row = [name, "float32" if dtype == torch.float32 else "float64", str(step), digits % loss.item()]
        if name == "clip":
            row.append(digits % norm)
        if step in SHOWN:
            row += [digits % v for t in p for v in t.detach().flatten().tolist()]
        out.write(",".join(row) + "\n")


def main():
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optim.csv")
    with open(path, "w", encoding="ascii") as out:
        for name in RUNS:
            run(name, torch.float64, "%.17g", out)
            run(name, torch.float32, "%.9g", out)


if __name__ == "__main__":
    main()
