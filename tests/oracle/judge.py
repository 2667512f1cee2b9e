#!/usr/bin/python3
"""Who is right where compare.py has exceptions? For driver's lines on stdin, the largest errors of our values, gradients and second gradients, and of
PyTorch's, relative to the largest magnitude of the exact ones, which mpmath (Debian: python3-mpmath) computes with 100 digits."""
import json
import sys

import mpmath

sys.dont_write_bytecode = True
import compare  # noqa: E402, beside this file

mpmath.mp.dps = 100


def sinc(x):
    return mpmath.mpf(1) if x == 0 else mpmath.sin(mpmath.pi * x) / (mpmath.pi * x)


def sinc_slope(x):
    return (mpmath.cos(mpmath.pi * x) - sinc(x)) / x


EXACT = {"sinc": sinc, "sinc_slope": sinc_slope, "tanhshrink": lambda x: x - mpmath.tanh(x)}


def exact(f, s):
    """Of a function of one element: the value, the gradient for the seed, the gradient of the weighted gradient."""
    x, order = [mpmath.mpf(v) for v in s["in"][0]["data"]], [[], [], []]
    for v, g, w in zip(x, s["seed"][0]["data"], s["weights"][0]["data"]):
        slopes = list(mpmath.taylor(f, v, 2))
        order[0].append(slopes[0])
        order[1].append(slopes[1] * g)
        order[2].append(2 * slopes[2] * mpmath.mpf(g) * w)
    return order


def error(numbers, right):
    size = max(abs(r) for r in right)
    return float(max(abs(mpmath.mpf(n) - r) for n, r in zip(numbers, right)) / size) if size else 0.0


def main():
    worst = {name: [[0.0] * 3, [0.0] * 3] for name in EXACT}
    for line in sys.stdin:
        s = json.loads(line)
        if s["name"] not in EXACT or not s["grads"] or not s["in"][0]["data"] or s["same"]:
            continue
        right = exact(EXACT[s["name"]], s)
        theirs = [t[0].flatten().tolist() for t in compare.derivatives(s, compare.function_of(s), compare.inputs(s))[0]]
        mine = [s["out"][0]["data"], s["grads"][0]["data"], s["second"][0]["data"] if s["second"] else [0.0] * len(right[2])]
        for who, numbers in enumerate((mine, theirs)):
            worst[s["name"]][who] = [max(a, error(n, r)) for a, n, r in zip(worst[s["name"]][who], numbers, right)]
    for name, (mine, theirs) in worst.items():
        print(f"{name:12} ours {' '.join(f'{e:.1e}' for e in mine)}   PyTorch's {' '.join(f'{e:.1e}' for e in theirs)}")


if __name__ == "__main__":
    main()
