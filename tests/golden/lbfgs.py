#!/usr/bin/python3
"""Writes lbfgs.csv: L-BFGS as PyTorch computes it, on the network of optim.py and on Rosenbrock's function.

Run as OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/lbfgs.py; tests/optim/test_lbfgs.c repeats the same runs. A row is: run, step, loss before
the step, directions taken and calls of the loss so far, and all parameters after the step. All is in float64.
"""
import os
import sys

import torch

sys.dont_write_bytecode = True
from optim import SHAPES, filled

STEPS = 20


def network():
    p = [filled(s, 1000 * k, torch.float64, True) for k, s in enumerate(SHAPES)]
    x, y = filled((6, 3), 5000, torch.float64), filled((6, 2), 6000, torch.float64)
    return p, lambda: torch.nn.functional.mse_loss(torch.tanh(x @ p[0] + p[1]) @ p[2] + p[3], y) + 0.01 * sum((t * t).sum() for t in p)


def rosenbrock():
    p = [torch.tensor([-1.2, 1.0, -0.5, 0.8], dtype=torch.float64, requires_grad=True)]
    a, b = slice(0, 3), slice(1, 4)
    return p, lambda: (100 * (p[0][b] - p[0][a] ** 2) ** 2 + (1 - p[0][a]) ** 2).sum()


RUNS = {
    "plain": (network, {"lr": 0.5, "max_iter": 2, "history_size": 4}),
    "wolfe": (network, {"max_iter": 2, "history_size": 4, "line_search_fn": "strong_wolfe"}),
    "few_calls": (network, {"max_iter": 5, "max_eval": 3, "history_size": 100, "line_search_fn": "strong_wolfe"}),
    "long_steps": (network, {"lr": 20, "max_iter": 1, "history_size": 3, "line_search_fn": "strong_wolfe"}),
    "short_steps": (network, {"lr": 1e-3, "max_iter": 1, "history_size": 3, "line_search_fn": "strong_wolfe"}),
    "rosenbrock": (rosenbrock, {"max_iter": 3, "history_size": 5, "line_search_fn": "strong_wolfe"}),
}


def main():
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lbfgs.csv")
    with open(path, "w", encoding="ascii") as out:
        for name, (make, options) in RUNS.items():
            p, loss = make()
            optimizer = torch.optim.LBFGS(p, **options)

            def closure():
                optimizer.zero_grad()
                y = loss()
                y.backward()
                return y

            for step in range(1, STEPS + 1):
                before = optimizer.step(closure)
                state = optimizer.state[optimizer._params[0]]
                row = [name, str(step), "%.17g" % before.item(), str(state["n_iter"]), str(state["func_evals"])]
                out.write(",".join(row + ["%.17g" % v for t in p for v in t.detach().flatten().tolist()]) + "\n")


if __name__ == "__main__":
    main()
