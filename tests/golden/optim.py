#!/usr/bin/python3
"""Writes optim.csv and optim_groups.csv: trajectories of the optimizers on one small network, as PyTorch computes them.

Run as OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/optim.py; tests/optim/test_trajectories.c repeats the same runs.

The network is tanh(x w1 + b1) w2 + b2 with 3 inputs, 4 hidden units, 2 outputs and the mean squared error over 6 rows. Every number that
goes in comes from number(i), which is exact in double precision. A row is: run, dtype, step, loss before the step, where gradients are clipped
their norm, and at some steps all parameters after it.

In optim_groups.csv every optimizer has three groups: w1; w2, with half its learning rate; b1 and b2, with twice its learning rate and
without weight decay. Gradients are clipped to a joint norm. What PyTorch 1.13 lacks, Lion and LAMB, is written here from the papers; so is
NAdam, in whose second term it has mu_t once too often (2.0 has not).
"""
import os

import torch

STEPS = 50
SHOWN = (1, 2, 3, 10, 25, 50)
GROUP_STEPS = 200
GROUP_SHOWN = (1, 2, 3, 10, 50, 100, 150, 200)
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


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(b1 * m + (1 - b1) * p.grad)
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * update)
                m.copy_(b2 * m + (1 - b2) * p.grad)


class Lamb(torch.optim.Optimizer):
    """You et al. 2020, algorithm 2, with phi(x) = x."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                s = self.state[p]
                s["t"] = t = s.get("t", 0) + 1
                m, v = s.setdefault("m", torch.zeros_like(p)), s.setdefault("v", torch.zeros_like(p))
                m.copy_(b1 * m + (1 - b1) * p.grad)
                v.copy_(b2 * v + (1 - b2) * p.grad * p.grad)
                r = (m / (1 - b1**t)) / (torch.sqrt(v / (1 - b2**t)) + group["eps"]) + group["weight_decay"] * p
                p.sub_(group["lr"] * p.norm() / r.norm() * r)


class NAdam(torch.optim.Optimizer):
    """Dozat 2016, with the schedule of mu and the weight decay of torch.optim.NAdam."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "decay": momentum_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                s = self.state[p]
                s["t"] = t = s.get("t", 0) + 1
                mu, mu_next = (b1 * (1 - 0.5 * 0.96 ** (k * group["decay"])) for k in (t, t + 1))
                s["product"] = product = s.get("product", 1.0) * mu
                m, v = s.setdefault("m", torch.zeros_like(p)), s.setdefault("v", torch.zeros_like(p))
                g = p.grad + group["weight_decay"] * p
                m.copy_(b1 * m + (1 - b1) * g)
                v.copy_(b2 * v + (1 - b2) * g * g)
                root = torch.sqrt(v / (1 - b2**t)) + group["eps"]
                p.sub_(group["lr"] * ((1 - mu) / (1 - product) * g + mu_next / (1 - product * mu_next) * m) / root)


def grouped(optimizer, lr, **options):
    """An optimizer of p = w1, b1, w2, b2 in three groups."""
    return lambda p: optimizer([{"params": [p[0]]}, {"params": [p[2]], "lr": 0.5 * lr},
                                {"params": [p[1], p[3]], "lr": 2 * lr, "weight_decay": 0}], lr=lr, **options)


GROUP_RUNS = {
    "sgd": grouped(torch.optim.SGD, 0.1, momentum=0.9, weight_decay=0.05),
    "nesterov": grouped(torch.optim.SGD, 0.1, momentum=0.9, nesterov=True, weight_decay=0.05),
    "adam": grouped(torch.optim.Adam, 0.01, weight_decay=0.05),
    "amsgrad": grouped(torch.optim.Adam, 0.01, amsgrad=True, weight_decay=0.05),
    "adamw": grouped(torch.optim.AdamW, 0.01, weight_decay=0.05),
    "amsgradw": grouped(torch.optim.AdamW, 0.01, amsgrad=True, weight_decay=0.05),
    "adamax": grouped(torch.optim.Adamax, 0.01, weight_decay=0.05),
    "nadam": grouped(NAdam, 0.005, weight_decay=0.05),
    "radam": grouped(torch.optim.RAdam, 0.01, weight_decay=0.05),
    "rmsprop": grouped(torch.optim.RMSprop, 0.002, momentum=0.5, centered=True, eps=1e-3, weight_decay=0.05),
    "adagrad": grouped(torch.optim.Adagrad, 0.05, lr_decay=0.001, initial_accumulator_value=0.01, weight_decay=0.05),
    "adadelta": grouped(torch.optim.Adadelta, 0.5, weight_decay=0.05),
    "lion": grouped(Lion, 0.001, weight_decay=0.05),
    "lamb": grouped(Lamb, 0.005, weight_decay=0.05),
}


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


def run(name, make, steps, shown, clip, dtype, digits, out):
    p = [filled(s, 1000 * k, dtype, True) for k, s in enumerate(SHAPES)]
    x, y = filled((6, 3), 5000, dtype), filled((6, 2), 6000, dtype)
    optimizer = make(p)
    for step in range(1, steps + 1):
        loss = torch.nn.functional.mse_loss(torch.tanh(x @ p[0] + p[1]) @ p[2] + p[3], y)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            norm = torch.nn.utils.clip_grad_norm_(p, float("inf")).item()
            for t in p:
                t.grad.mul_(min(1.0, MAX_NORM / norm))
        optimizer.step()
        row = [name, "float32" if dtype == torch.float32 else "float64", str(step), digits % loss.item()]
        if clip:
            row.append(digits % norm)
        if step in shown:
            row += [digits % v for t in p for v in t.detach().flatten().tolist()]
        out.write(",".join(row) + "\n")


def write(file, runs, steps, shown, clip):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), file)
    with open(path, "w", encoding="ascii") as out:
        for name, make in runs.items():
            run(name, make, steps, shown, clip(name), torch.float64, "%.17g", out)
            run(name, make, steps, shown, clip(name), torch.float32, "%.9g", out)


def main():
    torch.set_num_threads(1)
    write("optim.csv", RUNS, STEPS, SHOWN, lambda name: name == "clip")
    write("optim_groups.csv", GROUP_RUNS, GROUP_STEPS, GROUP_SHOWN, lambda name: True)


if __name__ == "__main__":
    main()
