#!/usr/bin/python3
"""The workloads of tg-bench in PyTorch (eager), timed in the same way.

  peer_torch.py --list                    the workloads' names
  peer_torch.py [--tuned] NAME [THREADS]  one line of JSON (1 thread)

--tuned: with the C library told to keep all memory, which it otherwise returns to the system and gets back as fresh pages step by step.
BENCH_SECONDS, BENCH_REPEATS and BENCH_CLOCK as for tg-bench. W7a_lstm is W7b_cell with nn.LSTM in place of the written-out cell.
"""
import json
import os
import resource
import sys
import time

sys.dont_write_bytecode = True
import tuned_malloc

if "--tuned" in sys.argv[1:]:
    tuned_malloc.restart()

import torch
from torch import nn
from torch.nn import functional as F

WORKLOADS = {}


def workload(*names):
    """Registers a function that builds a workload: it gets the name and returns a step."""
    def register(build):
        for name in names:
            WORKLOADS[name] = build
        return build
    return register


def training(net, loss, optimizer):
    """A training step: drop gradients, forward, loss, backward, update."""
    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(net).backward()
        optimizer.step()
    return step


# ---- networks --------------------------------------------------------------------------------------------------------

def classifier(sizes, batch, optimizer):
    parts = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        parts += [nn.ReLU()] if i else []
        parts += [nn.Linear(inputs, outputs)]
    net = nn.Sequential(*parts)
    x, y = torch.randn(batch, sizes[0]), torch.randint(sizes[-1], (batch,))
    return training(net, lambda n: F.cross_entropy(n(x), y), optimizer(net.parameters()))


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.01)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.001, foreach=False)


@workload("W1_mlp_small")
def mlp_small(_):
    return classifier([784, 128, 64, 10], 128, sgd)


@workload("W2_mlp_wide")
def mlp_wide(_):
    return classifier([784, 1024, 1024, 10], 256, adam)


@workload("W3_xor")
def xor(_):
    net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid())
    x, y = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([[0.0], [1], [1], [0]])
    return training(net, lambda n: F.mse_loss(n(x), y), sgd(net.parameters()))


@workload("W5_cnn")
def cnn(_):
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = torch.randn(64, 1, 28, 28), torch.randint(10, (64,))
    return training(net, lambda n: F.cross_entropy(n(x), y), sgd(net.parameters()))


@workload("W12_batchnorm", "W12_without")
def normalised(name):
    channels, layers = (3, 32, 32, 64), []
    norms = name == "W12_batchnorm"
    for i, o in zip(channels, channels[1:]):
        layers += [nn.Conv2d(i, o, 3, padding=1, bias=not norms)] + [nn.BatchNorm2d(o)] * norms + [nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], 10))
    x, y = torch.randn(32, 3, 32, 32), torch.randint(10, (32,))
    return training(net, lambda n: F.cross_entropy(n(x), y), sgd(net.parameters()))


@workload("W13_axes", "W13_axes_fwd")
def axes(name):
    x, g = torch.randn(64, 512, 48), torch.randn(64, 48)
    if name.endswith("_fwd"):
        return torch.no_grad()(lambda: torch.softmax(x, 0).sum(1))
    x.requires_grad_()

    def step():
        x.grad = None
        torch.softmax(x, 0).sum(1).backward(g)
    return step


@workload("W14_rows")
def rows(_):
    table, at, g = nn.Embedding(100000, 64, sparse=True), torch.randint(100000, (512,)), torch.randn(512, 64)
    optimizer = sgd(table.parameters())

    def step():
        optimizer.zero_grad()
        table(at).backward(g)
        optimizer.step()
    return step


CHARACTERS, STEPS = 65, 64


class Block(nn.Module):
    WIDTH, HEADS = 128, 4

    def __init__(self):
        super().__init__()
        width = self.WIDTH
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        batch, steps, width = x.shape
        q, k, v = (part.view(batch, steps, self.HEADS, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(width, 2))
        scores = q @ k.transpose(2, 3) * (width // self.HEADS) ** -0.5
        o = F.softmax(scores.masked_fill(mask, float("-inf")), -1) @ v
        x = x + self.proj(o.transpose(1, 2).reshape(batch, steps, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, layers=4):
        super().__init__()
        self.characters, self.places = nn.Embedding(CHARACTERS, Block.WIDTH), nn.Embedding(STEPS, Block.WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(Block.WIDTH), nn.Linear(Block.WIDTH, CHARACTERS, bias=False)
        self.register_buffer("positions", torch.arange(STEPS))
        self.register_buffer("mask", self.positions[None, :] > self.positions[:, None])

    def forward(self, index):
        x = self.characters(index) + self.places(self.positions)
        for block in self.blocks:
            x = block(x, self.mask)
        return self.head(self.norm(x))


class LSTM(nn.Module):
    EMBEDDING, HIDDEN = 64, 128

    def __init__(self, built_in):
        super().__init__()
        self.table, self.head = nn.Embedding(CHARACTERS, self.EMBEDDING), nn.Linear(self.HIDDEN, CHARACTERS)
        self.lstm = nn.LSTM(self.EMBEDDING, self.HIDDEN) if built_in else None
        if not built_in:
            self.wx = nn.Parameter(torch.randn(self.EMBEDDING, 4 * self.HIDDEN) * 0.05)
            self.wh = nn.Parameter(torch.randn(self.HIDDEN, 4 * self.HIDDEN) * 0.05)
            self.b = nn.Parameter(torch.zeros(4 * self.HIDDEN))

    def cells(self, inputs):
        h = c = torch.zeros(inputs.shape[1], self.HIDDEN)
        for x in inputs:
            i, f, g, o = (x @ self.wx + h @ self.wh + self.b).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            yield h

    def forward(self, index):
        e = self.table(index)
        return self.head(self.lstm(e)[0] if self.lstm else torch.stack(list(self.cells(e))))


def language_model(net, shape, optimizer):
    index, target = torch.randint(CHARACTERS, shape), torch.randint(CHARACTERS, shape)
    return training(net, lambda n: F.cross_entropy(n(index).view(-1, CHARACTERS), target.view(-1)), optimizer)


@workload("W6_gpt")
def gpt(_):
    net = GPT()
    return language_model(net, (16, STEPS), torch.optim.AdamW(net.parameters(), lr=3e-4, foreach=False))


@workload("W7a_lstm", "W7b_cell")
def lstm(name):
    net = LSTM(name == "W7a_lstm")
    return language_model(net, (STEPS, 32), adam(net.parameters()))


# ---- memory and tiny ops ---------------------------------------------------------------------------------------------

@workload("W4_chain_fwd", "W4_chain")
def chain(name):
    x, a, b = torch.randn(4194304), torch.tensor(1.5), torch.tensor(0.5)

    def value():
        return (torch.tanh(x * a + b) * torch.sigmoid(x) - torch.exp(-x * x)).sum()
    if name.endswith("_fwd"):
        return torch.no_grad()(value)
    x.requires_grad_()

    def step():
        x.grad = None
        value().backward()
    return step


@workload("W8_tiny_fwd", "W8_tiny")
def tiny(name):
    x, a, b = (torch.tensor([v], requires_grad=True) for v in (0.5, 0.999, 0.001))

    def forward():
        y = x
        for _ in range(1000):
            y = y * a + b
        return y

    def step():
        x.grad = a.grad = b.grad = None
        forward().backward()
    return forward if name.endswith("_fwd") else step


@workload("W9_adam")
def adam_step(_):
    p = torch.randn(10_000_000, requires_grad=True)
    p.grad = torch.randn(10_000_000)
    return adam([p]).step


@workload(*("W11_%s%s" % (op, end) for op in ("softmax", "layernorm", "sum0", "bcast") for end in ("_fwd", "")))
def matrix(name):
    op, columns = name.split("_")[1], {"softmax": 1000, "layernorm": 1024}.get(name.split("_")[1], 4096)
    x = torch.randn(4096, columns)
    w, c = torch.ones(columns), torch.randn(columns) if op == "bcast" else torch.zeros(columns)
    g = torch.randn(columns) if op == "sum0" else torch.randn(4096, columns)
    leaves, forward = {
        "softmax": ([x], lambda: torch.softmax(x, -1)),
        "layernorm": ([x, w, c], lambda: F.layer_norm(x, (columns,), w, c)),
        "sum0": ([x], lambda: x.sum(0)),
        "bcast": ([x, c], lambda: x + c),
    }[op]
    if name.endswith("_fwd"):
        return torch.no_grad()(forward)
    for leaf in leaves:
        leaf.requires_grad_()

    def step():
        for leaf in leaves:
            leaf.grad = None
        forward().backward(g)
    return step


# ---- timing ----------------------------------------------------------------------------------------------------------

def peak_mb():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def run(name, threads, tuned):
    seconds, repeats = float(os.environ.get("BENCH_SECONDS", "1")), int(os.environ.get("BENCH_REPEATS", "5"))
    clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    torch.zeros(1)
    base = peak_mb()  # what PyTorch needs before there is anything to compute
    step = WORKLOADS[name](name)

    def take(n):
        start = clock()
        for _ in range(n):
            step()
        return clock() - start

    take(5 if name.startswith("W11") else 20)
    n = 1
    while (taken := take(n)) < seconds / 4:
        n *= 2
    n = int(n * seconds / taken) + 1
    faults = page_faults()
    us = sorted(take(n) / n * 1e6 for _ in range(repeats))
    faults = page_faults() - faults
    print(json.dumps({"peer": "torch-tuned" if tuned else "torch-python", "workload": name, "threads": threads,
                      "us_per_step_min": round(us[0], 3),
                      "us_per_step_median": round(us[repeats // 2], 3), "peak_rss_mb": round(peak_mb(), 1),
                      "base_rss_mb": round(base, 1), "steps": n, "page_faults_per_step": round(faults / (n * repeats), 1),
                      "version": torch.__version__}))


def main(arguments):
    tuned = arguments[:1] == ["--tuned"]
    arguments = arguments[tuned:]
    if arguments == ["--list"]:
        print("\n".join(WORKLOADS))
    elif len(arguments) in (1, 2) and arguments[0] in WORKLOADS:
        run(arguments[0], int(arguments[1]) if len(arguments) > 1 else 1, tuned)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
