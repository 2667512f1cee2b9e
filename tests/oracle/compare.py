#!/usr/bin/python3
"""Compares driver's lines on stdin, values and gradients of every sample, with what PyTorch computes in float64.

Values, gradients for a seed, and the gradients of a weighted sum of these: the largest difference, relative to the largest magnitude of its
tensor, has to stay within LIMIT, or within 8 times what the last bits of the inputs change, up to MOST. Each op's is in the table that is printed
at the end, with --table. A name that is in no table needs a reason in NOT_COMPARED.
With --names: the names of what is compared, and nothing else."""
import collections
import json
import sys
import warnings

try:
    import torch
except ImportError:
    print("oracle: skipped, there is no PyTorch here")
    sys.exit(0)

sys.dont_write_bytecode = True
import layers  # noqa: E402, beside this file
import linalg  # noqa: E402
import numeric  # noqa: E402
import ops  # noqa: E402
import sequences  # noqa: E402
import slopes  # noqa: E402
import special  # noqa: E402
import windows  # noqa: E402

LIMIT = 1e-12
MOST = 1e-10
VANISHED = 1e-11

# Names that have the limit MOST, and why; judge.py says who is nearer to the exact numbers.
EXCEPTIONS = {
    "sinc": "PyTorch's second derivative divides by powers of x, and cancels near 0",
    "sinc_slope": "our rule of its second derivative, sinc's third, divides by x, as little as 0.001",
    "multi_head_attention": "where one key has nearly all the weight, 1 less it has lost digits in both",
    "tanhshrink": "PyTorch's x - tanh x cancels near 0",
}

# Names that are not compared, and why.
NOT_COMPARED = {
    "dirichlet": "the draws it is made of cannot be read off the result", "rand_beta": "likewise", "standard_t": "likewise",
    "standard_gamma_slope": "likewise; tests/golden/gamma.py has such slopes, and standard_gamma is compared, to the second derivative",
    "zeta": "PyTorch has no derivative by s; tests/golden/special.py has values of it and of its slopes", "zeta_slope": "likewise",
    "j0": "PyTorch has no derivative of it; tests/golden/special.py has values", "j1": "likewise", "expint": "PyTorch has none; tests/golden/special.py has values",
    "gammainc": "PyTorch has no derivative by a; tests/golden/special.py has values and slopes", "gammaincc": "likewise", "gammainc_slope": "likewise",
    "gamma_density": "likewise", "betainc": "PyTorch has none; tests/golden/special.py has values and slopes",
    "erfcx_slope": "PyTorch has none; erfcx is compared, to the second derivative",
    "keyed_bernoulli": "it is a draw, without gradient", "multinomial": "likewise",
}

OPS = {}
for table in (ops.OPS, layers.OPS, windows.OPS, sequences.OPS, slopes.OPS, special.OPS, numeric.OPS):
    twice = OPS.keys() & table.keys()
    assert not twice, f"two functions each for {twice}"
    OPS.update(table)
COMPOSED = {**layers.COMPOSED, **sequences.COMPOSED, **linalg.COMPOSED}


def tensor(t):
    return torch.tensor(t["data"], dtype=torch.float64).reshape(t["shape"]).to(getattr(torch, t["dtype"]))


def largest(tensors):
    return max((t.abs().max().item() for t in tensors if t.numel() and t.is_floating_point()), default=0.0)


def difference(mine, theirs, reach):
    """Relative to the largest magnitude; where that is nothing to what the numbers are made of, `reach`, relative to this: they are what rounding leaves of 0."""
    if mine.shape != theirs.shape:
        raise ValueError(f"shapes {list(mine.shape)} and {list(theirs.shape)}")
    if mine.numel() == 0:
        return 0.0
    mine, theirs = mine.double(), theirs.double()
    off, size = (mine - theirs).abs().max().item(), theirs.abs().max().item()
    if off != off:
        return float("inf")
    return off / (size if size > VANISHED * reach else max(reach, 1e-300))


def gradients_differ(mine, theirs, leaves, reach):
    """Of lists of gradients; those that are not there are zero."""
    mine = [tensor(t) for t in mine] or [torch.zeros_like(x) for x in leaves]
    return max((difference(m, torch.zeros_like(x) if t is None else t, reach) for m, t, x in zip(mine, theirs, leaves)), default=0.0)


def derivatives(s, f, x):
    """PyTorch's value, gradients and second gradients, and the largest magnitude of what each of them is made of. None for gradients: there are none."""
    y = f(s, *(x * 2 if s["same"] else x))
    leaves, reach = [t for t in x if t.requires_grad], [largest(x + [y])]
    if not y.requires_grad or not s["grads"]:
        return [[y.detach()]] + ([[None] * len(leaves)] if y.requires_grad else []), reach * 2
    seed, weights = tensor(s["seed"][0]), [tensor(w) for w in s["weights"]]
    first = torch.autograd.grad(y, leaves, seed, create_graph=True, allow_unused=True)
    reach.append(max(reach[0], largest([seed])))
    total = sum(((g * w).sum() for g, w in zip(first, weights) if g is not None), torch.zeros(()))
    second = torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * len(leaves)
    reach.append(max(reach[1], largest(weights), largest(g for g in first if g is not None)))
    return [[y.detach()], first, second], reach


def filled(tensors, like):
    """A gradient that is not there is zero."""
    return [torch.zeros_like(x) if t is None else t.detach() for t, x in zip(tensors, like)]


def inputs(s):
    return [tensor(t).requires_grad_(bool(g)) for t, g in zip(s["in"], s["grad_of"])]


def compare(s, f):
    """The largest differences of the values, the gradients, the second gradients."""
    x = inputs(s)
    theirs, reach = derivatives(s, f, x)
    leaves = [t for t in x if t.requires_grad]
    if len(theirs) == 1 and s["grads"]:
        raise ValueError("a gradient where PyTorch has none")
    off = [difference(tensor(s["out"][0]), theirs[0][0], reach[0]), 0.0, 0.0]
    for k, key in list(enumerate(("grads", "second"), 1))[:len(theirs) - 1]:
        mine = [tensor(t) for t in s[key]] or [torch.zeros_like(t) for t in leaves]
        off[k] = max((difference(m, t, reach[k]) for m, t in zip(mine, filled(theirs[k], leaves))), default=0.0)
    return off


def sensitivity(s, f):
    """What the last bit of each input changes: no difference that is not much larger says anything."""
    x, change = inputs(s), [0.0] * 3
    leaves = [t for t in x if t.requires_grad]
    there, reach = derivatives(s, f, x)
    for k in range(4):
        bits = torch.Generator().manual_seed(k)
        near = [(t.detach() * (1 + 2.0**-52 * (torch.randint(0, 2, t.shape, generator=bits).double() * 2 - 1))).requires_grad_() if t.requires_grad else t for t in x]
        for order, (a, b) in enumerate(zip(there, derivatives(s, f, near)[0])):
            pairs = zip(a, b) if order == 0 else zip(filled(a, leaves), filled(b, leaves))
            change[order] = max([change[order]] + [difference(q, p, reach[order]) for p, q in pairs])
    return change


def is_near(s, f, off, limit):
    """Within the limit, or as near as the inputs' last bits make it, but MOST."""
    return max(off) <= limit or (max(off) <= MOST and all(o <= max(limit, 8 * c) for o, c in zip(off, sensitivity(s, f))))


def function_of(s):
    return COMPOSED.get(s["name"]) if s["composed"] else OPS.get(s["name"])


def main():
    warnings.simplefilter("ignore")
    if "--names" in sys.argv:
        print("\n".join(sorted({*OPS, *COMPOSED})))
        return 0
    worst, count, left_out, sensitive, failed = {}, collections.Counter(), collections.Counter(), collections.Counter(), 0
    for line in sys.stdin:
        try:
            s = json.loads(line)
        except json.JSONDecodeError:
            print("oracle: the driver stopped in the middle of a line")
            return 1
        name, f = s["name"], function_of(s)
        if not f:
            left_out[name] += 1
            continue
        where = f"{name} {[t['shape'] for t in s['in']]}, " + (f"variant {s['variant']}" if s["variant"] >= 0 else "a sample")
        try:
            off = compare(s, f)
        except (RuntimeError, ValueError, IndexError, TypeError) as e:
            off = [float("inf")] * 3
            print(f"{where}: {e}")
        worst[name] = [max(a, b) for a, b in zip(worst.get(name, off), off)]
        count[name] += 1
        limit = MOST if name in EXCEPTIONS else LIMIT
        if limit < max(off) <= MOST:
            sensitive[name] += 1
        if not is_near(s, f, off, limit):
            failed += 1
            print(f"{where}: off by {off[0]:.2g}, gradients {off[1]:.2g}, second gradients {off[2]:.2g}")
    if not count:
        print("oracle: nothing arrived")
        return 1
    if "--table" in sys.argv:
        for name, off in sorted(worst.items()):
            print(f"{name:24} {count[name]:5} cases {off[0]:9.1e} {off[1]:9.1e} {off[2]:9.1e}")
    name, off = max(worst.items(), key=lambda item: max(item[1]))
    print(f"oracle: {sum(count.values())} cases of {len(count)} ops, {failed} failed; largest difference {max(off):.2g} ({name})")
    for name, why in sorted(EXCEPTIONS.items()):
        print(f"oracle: {name} within {MOST:.0e}: {why}")
    if sensitive:
        print("oracle: beyond that as the last bits of inputs are: " + ", ".join(f"{n} {c}" for n, c in sorted(sensitive.items())))
    for name, cases in sorted(left_out.items()):
        if name in NOT_COMPARED:
            print(f"oracle: {name}, {cases} cases, is not compared: {NOT_COMPARED[name]}")
        else:
            failed += cases
            print(f"oracle: {name} has no function of PyTorch's to be compared with, and no reason in NOT_COMPARED")
    for name in NOT_COMPARED.keys() & worst.keys():
        failed += 1
        print(f"oracle: {name} is compared, though NOT_COMPARED says why it is not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
