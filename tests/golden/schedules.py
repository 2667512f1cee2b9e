#!/usr/bin/python3
"""Writes schedules.csv: the learning rates that PyTorch's schedulers give.

Run as /usr/bin/python3 tests/golden/schedules.py; tests/optim/test_schedule.c repeats the same runs. An optimizer has two groups, whose base
learning rates are 0.1 and 0.02. A row is: run, count of steps, both learning rates, and the momentum. Plateaus are told metric(t) behind step t.
"""
import os
import sys
import warnings

import torch
from torch.optim import lr_scheduler as S

sys.dont_write_bytecode = True
from optim import number

STEPS = 200
BASES = (0.1, 0.02)


def metric(t):
    """Falls, with noise, to where it stays."""
    return 1 / (1 + 0.05 * t) + 0.02 * number(t)


def warmup(o, steps, start, after):
    return S.SequentialLR(o, [S.LinearLR(o, start, 1.0, steps), after(o)], [steps])


def one_cycle(**options):
    return lambda o: S.OneCycleLR(o, max_lr=list(BASES), **options)


RUNS = {
    "constant": lambda o: S.ConstantLR(o, 0.3, 20),
    "step": lambda o: S.StepLR(o, 30, 0.5),
    "multistep": lambda o: S.MultiStepLR(o, [10, 50, 51, 120], 0.3),
    "exponential": lambda o: S.ExponentialLR(o, 0.98),
    "polynomial": lambda o: S.PolynomialLR(o, 150, 2.0),
    "linear": lambda o: S.LinearLR(o, 0.25, 0.75, 80),
    "cosine": lambda o: S.CosineAnnealingLR(o, STEPS),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 10, 2),
    "restarts_same": lambda o: S.CosineAnnealingWarmRestarts(o, 30),
    "one_cycle": one_cycle(total_steps=STEPS + 1),
    "one_cycle_linear": one_cycle(total_steps=STEPS + 1, anneal_strategy="linear", pct_start=0.45, div_factor=10, final_div_factor=100,
                                  base_momentum=0.7, max_momentum=0.9),
    "one_cycle_three": one_cycle(total_steps=STEPS + 1, three_phase=True, cycle_momentum=False),
    "plateau": lambda o: S.ReduceLROnPlateau(o),
    "plateau_max": lambda o: S.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=4, threshold=0.03, threshold_mode="abs", cooldown=7),
    "lambda": lambda o: S.LambdaLR(o, lambda t: 1 / (1 + t)),
    "warmup_cosine": lambda o: warmup(o, 25, 0.1, lambda o: S.CosineAnnealingLR(o, STEPS)),
    "warmup_step": lambda o: warmup(o, 7, 0.5, lambda o: S.StepLR(o, 40, 0.1)),
    "sequence": lambda o: S.SequentialLR(o, [S.ConstantLR(o, 0.5, 5), S.ExponentialLR(o, 0.9), S.StepLR(o, 10, 0.7)], [20, 60]),
    "chained": lambda o: S.ChainedScheduler([S.ExponentialLR(o, 0.99), S.StepLR(o, 50, 0.5), S.ConstantLR(o, 0.1, 4)]),
}


def run(name, out):
    p = [torch.zeros(1, requires_grad=True) for _ in BASES]
    optimizer = torch.optim.SGD([{"params": [p[0]], "lr": BASES[0]}, {"params": [p[1]], "lr": BASES[1]}], lr=1.0, momentum=0.8)
    scheduler = RUNS[name](optimizer)
    for t in range(STEPS + 1):
        if t and name.startswith("plateau"):
            scheduler.step(metric(t))
        elif t:
            optimizer.step()
            scheduler.step()
        groups = optimizer.param_groups
        out.write(",".join([name, str(t)] + ["%.17g" % x for x in (groups[0]["lr"], groups[1]["lr"], groups[0]["momentum"])]) + "\n")


def main():
    warnings.simplefilter("ignore")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules.csv")
    with open(path, "w", encoding="ascii") as out:
        for name in RUNS:
            run(name, out)


if __name__ == "__main__":
    main()
