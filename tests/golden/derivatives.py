#!/usr/bin/python3
"""Writes derivatives.csv: products with Jacobians, Jacobians and Hessians of small functions as torch.autograd.functional computes them.

Run as OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/derivatives.py; tests/diff/test_derivatives_golden.c has the same functions. A row is: function,
what (jvp, vjp, jacobian, hessian, hvp), and its elements. Hessians are those of the sum of the function's results, each times one of the numbers
u. All is in float64.
"""
import os
import sys

import torch
import torch.nn.functional as F
from torch.autograd import functional

sys.dont_write_bytecode = True
from optim import filled


def num(shape, at):
    return filled(shape, at, torch.float64)


A, B, K = num((4, 5), 100), num((5, 3), 200), num((2, 1, 3, 3), 300)

FUNCTIONS = {
    "network": ((2, 4), lambda x: torch.tanh(x @ A) @ B),
    "classes": ((3, 4), lambda x: F.log_softmax(x @ A, 1)),
    "normal": ((2, 5), lambda x: F.gelu(F.layer_norm(x, (5,)))),
    "picture": ((1, 1, 5, 5), lambda x: F.softplus(F.conv2d(x, K, padding=1)).mean((2, 3))),
    "elementary": ((6,), lambda x: torch.cat([torch.cumsum(torch.exp(x) * torch.sin(3 * x), 0), torch.prod(x).reshape(1), torch.logsumexp(x, 0, True)])),
    "attention": ((3, 4), lambda x: torch.softmax(x @ x.T / 2, 1) @ x),
    "straight": ((3,), lambda x: 3 * x + 1),
}


def main():
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "derivatives.csv")
    with open(path, "w", encoding="ascii") as out:
        for name, (shape, f) in FUNCTIONS.items():
            x, v = num(shape, 1000), num(shape, 2000)
            y = f(x)
            u = num(tuple(y.shape), 3000)
            loss = lambda x: (f(x) * u).sum()
            rows = {
                "jvp": functional.jvp(f, x, v)[1],
                "vjp": functional.vjp(f, x, u)[1],
                "jacobian": functional.jacobian(f, x),
                "hessian": functional.hessian(loss, x),
                "hvp": functional.hvp(loss, x, v)[1],
            }
            for what, r in rows.items():
                out.write(",".join([name, what] + ["%.17g" % e for e in r.flatten().tolist()]) + "\n")


if __name__ == "__main__":
    main()
