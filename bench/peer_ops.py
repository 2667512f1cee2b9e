#!/usr/bin/python3
"""Times every case of ops.def in tapegrad and in PyTorch (eager), in turn, and prints a table and a verdict.

  peer_ops.py [--page FILE] [--check] [--small] [NAME …]   (all)

--page FILE: puts what is printed between two comments in FILE. --check: only whether both compute the same, with --small in the small cases. BUILD says where tg-bench is.
CPU time of one thread; the shortest of ROUNDS repeats of SECONDS. PyTorch has the C library keep all memory (tuned_malloc.py), or
most of what it takes at these sizes would be the system clearing pages. A case is slower where it takes more than EVEN times as long: less
than that is what two runs of the same differ by. Each slower one has its reason in ops_slower.txt.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import time
import warnings

sys.dont_write_bytecode = True
import tuned_malloc

tuned_malloc.restart()

import numpy as np
import torch
from torch.nn import functional as F

ROUNDS, SECONDS = 5, 0.01
EVEN, MOST, SHARE = 1.1, 3, 0.1  # most of the cases at the large size are even or faster; none beyond MOST; at most this share slower
SIZES, WAYS = ("small", "large"), ("forward", "backward")
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- inputs: the same numbers on both sides (ops.c) ------------------------------------------------------------------

def scattered(n, k):
    """In 0 … 1, by the number of the element and of the input: splitmix64."""
    with np.errstate(over="ignore"):
        z = (np.arange(n, dtype=np.uint64) + np.uint64(1 + (k << 40))) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return ((z ^ z >> np.uint64(31)) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def elements(kind, lo, hi, size, shape, k):
    count = math.prod(shape)
    u, n, columns = scattered(count, k), (lo, hi)[size], shape[-1] if shape else 1
    row, column = np.divmod(np.arange(count), columns)
    values = {"signs": lambda: np.where(u < 0.5, -1.0, 1.0), "mask": lambda: u < 0.5, "ascending": lambda: column / columns,
              "index": lambda: np.floor(u * n).astype(np.int64), "places": lambda: (column * 5 + row) % int(n)}
    v = values.get(kind, lambda: lo + (hi - lo) * u)()
    return torch.from_numpy(v.astype(np.float32) if v.dtype == np.float64 else v).reshape(shape)


def digest(t):
    v = t.detach().reshape(-1).double()
    return float((v.abs() * (1 + torch.arange(v.numel()) % 5)).sum())


# ---- the two sides ---------------------------------------------------------------------------------------------------

class Tapegrad:
    """tg-bench, which answers each line with a line."""

    def __init__(self):
        program = os.path.join(os.environ.get("BUILD", os.path.join(HERE, "../build/release")), "bench/tg-bench")
        environment = dict(os.environ, BENCH_CLOCK="cpu", OMP_NUM_THREADS="1")
        self.process = subprocess.Popen([program, "--serve-ops"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.cases = [json.loads(line) for line in iter(self.process.stdout.readline, "\n")]

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if answer in ("failed", ""):
            sys.exit(f"peer_ops: tg-bench failed: {' '.join(map(str, words))}")
        return answer

    def open(self, case, size):
        return self.ask("open", case["name"], SIZES[size])

    def warm(self, way):
        self.ask("warm", way)

    def time(self, way):
        return float(self.ask("time", way, SECONDS))

    def digests(self):
        answer = json.loads(self.ask("digest"))
        return answer["shape"], answer["digests"]


class PyTorch:
    def __init__(self):
        torch.set_num_threads(1)
        torch.manual_seed(1)

    def open(self, case, size):
        self.x = [elements(i["kind"], i["lo"], i["hi"], size, i["shapes"][size], k) for k, i in enumerate(case["in"])]
        self.leaves = [x for x, i in zip(self.x, case["in"]) if i["kind"] == "floats"]
        for x in self.leaves:
            x.requires_grad_()
        self.call = eval(f"lambda {', '.join('xyzw'[:len(self.x)])}: {case['call']}", {"torch": torch, "F": F, "math": math})
        y = self.call(*self.x)
        self.hands_on = case["hands_on"]
        self.g = elements("fixed", -1, 1, 0, list(y.shape), 4) if y.requires_grad else None
        try:
            y.backward(self.g)
        except RuntimeError:  # there is nothing to differentiate, or no formula
            self.g = None
        return "forward" if self.g is None else "backward"

    def run(self, way):
        if way == "forward":
            with torch.no_grad():
                return self.call(*self.x)
        for x in self.leaves:
            x.grad = None
        y = self.call(*self.x)
        y.backward(-self.g if self.hands_on else self.g)
        return y

    def warm(self, way):
        for _ in range(3):
            self.run(way)

    def time(self, way):
        n = 1
        while True:
            start = time.process_time()
            for _ in range(n):
                self.run(way)
            taken = time.process_time() - start
            if taken >= SECONDS:
                return taken / n * 1e6
            n *= 2

    def digests(self):
        y = self.run("forward" if self.g is None else "backward")
        return list(y.shape), [digest(y)] + [digest(torch.zeros_like(x) if x.grad is None else x.grad) for x in self.leaves if self.g is not None]


def differ(case, ours, theirs):
    """What is wrong with a case that both compute in different ways, or ""."""
    if ours[0] != theirs[0]:
        return f"shape {ours[0]} and PyTorch's {theirs[0]}"
    common = slice(min(len(ours[1]), len(theirs[1])))
    if case["random"] or np.allclose(ours[1][common], theirs[1][common], rtol=2e-3, atol=1e-3, equal_nan=True):
        return ""
    return f"{ours[1]} and PyTorch's {theirs[1]}"


def open_both(case, size, ours, theirs):
    """Has it a gradient on both sides? And what is wrong, or ""."""
    ways = [side.open(case, size) for side in (ours, theirs)]
    return ways == ["backward"] * 2, differ(case, ours.digests(), theirs.digests())


def measure(case, ours, theirs):
    """[size][way] = microseconds of both; or what is wrong."""
    times = []
    for size in range(len(SIZES)):
        differentiable, wrong = open_both(case, size, ours, theirs)
        if wrong:
            return f"{SIZES[size]}: {wrong}"
        row = {}
        for way in WAYS[:1 + differentiable]:
            for side in (ours, theirs):
                side.warm(way)
            rounds = [[side.time(way) for side in (ours, theirs)] for _ in range(ROUNDS)]
            row[way] = [min(r[k] for r in rounds) for k in (0, 1)]
        times.append(row)
    return times


# ---- the table -------------------------------------------------------------------------------------------------------

def number(x):
    return f"{x:.3g}" if x < 1000 else f"{x:.0f}"


def of(times, size, way):
    return f"{number(times[size][way][0])} | {number(times[size][way][1])} | {ratio(times, size, way):.2f}" if way in times[size] else " | | "


def ratio(times, size, way):
    return times[size][way][0] / times[size][way][1] if way in times[size] else 0.0


def worst(times, size=1):
    return max(ratio(times, size, way) for way in WAYS)


def table(measured):
    columns = [f"{size}, {way}" for size in SIZES for way in ("forward", "with gradient")]
    yield "| op | " + " | ".join(f"{c}: µs | PyTorch | ratio" for c in columns) + " |"
    yield "|---|" + "--:|" * 12
    for name, times in measured.items():
        yield f"| {name} | " + " | ".join(of(times, size, way) for size in range(2) for way in WAYS) + " |"


def reasons():
    with open(os.path.join(HERE, "ops_slower.txt"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split(None, 1) for line in f if line.strip() and not line.startswith("#")]
    return dict(lines)


def verdict(measured):
    known = reasons()
    slower = {name: times for name, times in measured.items() if worst(times) > EVEN}
    yield f"{len(measured)} cases; at the large size {len(slower)} slower than PyTorch ({len(slower) / len(measured):.1%}, promised {SHARE:.0%})" \
          f", {sum(worst(t) > 1 for t in measured.values())} by any amount, {sum(worst(t) > MOST for t in slower.values())} beyond {MOST} times; " \
          f"at the small size {sum(worst(t, 0) > EVEN for t in measured.values())} slower."
    yield ""
    if slower:
        yield "| slower at the large size | forward | with gradient | why |"
        yield "|---|--:|--:|---|"
    for name, times in sorted(slower.items(), key=lambda item: -worst(item[1])):
        yield f"| {name} | {ratio(times, 1, 'forward'):.2f} | " + (f"{ratio(times, 1, 'backward'):.2f}" if "backward" in times[1] else "") + \
              f" | {known.get(name, '**no reason is given**')} |"
    yield ""


def put(page, lines):
    """Between the comments of the page."""
    with open(page, encoding="utf-8") as f:
        text = f.read()
    begin = text.index("\n", text.index("<!-- measured: begin")) + 1
    with open(page, "w", encoding="utf-8") as f:
        f.write(text[:begin] + "\n" + "\n".join(lines) + "\n" + text[text.index("<!-- measured: end"):])


def check(cases, sizes, ours, theirs):
    """How many cases both compute in different ways."""
    wrong = [f"{c['name']}, {SIZES[size]}: {w}" for c in cases for size in range(sizes) if (w := open_both(c, size, ours, theirs)[1])]
    print("\n".join(wrong), file=sys.stderr)
    return len(wrong)


def run(cases, page, ours, theirs):
    """How many cases could not be measured."""
    measured, wrong = {}, 0
    for case in cases:
        times = measure(case, ours, theirs)
        if isinstance(times, str):
            print(f"{case['name']}: {times}", file=sys.stderr)
            wrong += 1
        else:
            measured[case["name"]] = times
            print(f"{case['name']:36}", *(f"{of(times, size, way):>28}" for size in range(2) for way in WAYS), file=sys.stderr)
    lines = [*verdict(measured), *table(measured)] if measured else []
    put(page, lines) if page else print("\n".join(lines))
    return wrong


def main(arguments):
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--page")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args(arguments)
    ours, theirs = Tapegrad(), PyTorch()
    unknown = set(wanted.names) - {c["name"] for c in ours.cases}
    if unknown:
        sys.exit(f"peer_ops: there is no case {', '.join(sorted(unknown))} in bench/ops.def")
    cases = [c for c in ours.cases if not wanted.names or c["name"] in wanted.names]
    wrong = check(cases, 1 if wanted.small else 2, ours, theirs) if wanted.check else run(cases, wanted.page, ours, theirs)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
