"""What PyTorch computes for samples of normalisation, statistics, random parts, and calls that stand in something. Each function takes the sample and
its inputs."""
import itertools
import math

import torch
import torch.nn.functional as F


# ---- normalisation, statistics ----

def rms_norm(s, x, w=1):
    over = list(range(x.dim() - s["axis"], x.dim()))
    return x * (x.square().mean(over, True) + s["number"]).rsqrt() * w


def reciprocal_deviation(s, x):
    over = [0, 2] if s["start"] & 2 else list(range(x.dim() - s["axis"], x.dim()))
    centred = x - x.mean(over, True) if s["start"] & 1 else x
    return (centred.square().mean(over, True) + s["number"]).rsqrt()


def normalized_over(s, x):
    mean = x.mean([0, 2], True) if s["start"] & 1 else 0
    return (x - mean) * reciprocal_deviation(dict(s, start=s["start"] | 2), x)


def weight_norm(s, v, g):
    """By its definition: the second derivative of PyTorch's own is another one."""
    axis = s["axis"] % v.dim()
    rest = [k for k in range(v.dim()) if k != axis]
    length = v.square().sum(rest, True).sqrt() if rest else v.abs()
    return v * g.reshape([-1 if k == axis else 1 for k in range(v.dim())]) / length


def over(s, x):
    return list(range(x.dim())) if s["all"] else [a % x.dim() for a in s["axes"]]


def grid_sampled(s, x, u):
    """The sample's places lie in cells. PyTorch's function has no second derivative: it says whether this one is right."""
    (n, c, *sizes), nearest, align = x.shape, s["start"], s["keepdim"]
    cells = u + (torch.arange(u.numel()) * 2 % 5 - 1).reshape(u.shape)
    places = []
    for k, size in enumerate(reversed(sizes)):
        p, low, high = cells[..., k], 0 if align else -0.5, size - 1 if align else size - 0.5
        for _ in range(8 if s["axis"] == 1 else 0):
            p = torch.where(p < low, 2 * low - p, torch.where(p > high, 2 * high - p, p))
        places.append(p.clamp(0, size - 1) if s["axis"] else p)
    y = x.new_zeros(n, c, *u.shape[1:3])
    for dx, dy in [(0, 0)] if nearest else itertools.product((0, 1), (0, 1)):
        first = [p.detach().round() if nearest else p.detach().floor() for p in places]
        share = [1 if nearest else p - f if d else 1 + f - p for p, f, d in zip(places, first, (dx, dy))]
        column, row = first[0] + dx, first[1] + dy
        inside = (column >= 0) & (column < sizes[1]) & (row >= 0) & (row < sizes[0])
        at = (row.clamp(0, sizes[0] - 1) * sizes[1] + column.clamp(0, sizes[1] - 1)).long().flatten(1)
        y = y + x.flatten(2).gather(2, at[:, None].expand(-1, c, -1)).reshape(y.shape) * (share[0] * share[1] * inside)[:, None]
    if x.numel():
        last = torch.tensor(sizes[::-1], dtype=u.dtype)
        grid = cells * 2 / (last - 1) - 1 if align else (cells * 2 + 1) / last - 1
        mode, padding = "nearest" if nearest else "bilinear", ["zeros", "reflection", "border"][s["axis"]]
        assert torch.allclose(y, F.grid_sample(x, grid, mode, padding, bool(align)), 1e-12, 1e-12)
    return y


def affine_grid(s, x):
    if not s["start"]:
        return x.new_zeros(x.shape[0], 0, s["stop"], 2) + x.sum() * 0
    return F.affine_grid(x, [x.shape[0], 1, s["start"], s["stop"]], bool(s["keepdim"]))


def deviation(s, x):
    """PyTorch's corrections are whole numbers: the definition. Of several elements, and how many there are."""
    dims = over(s, x)
    count = 1
    for k in dims:
        count *= x.shape[k]
    if not dims:
        return x - x, count
    return x - x.mean(dims, True), count


def var(s, x):
    d, count = deviation(s, x)
    d = d.square() / (count - s["number"])
    return d.sum(over(s, x), bool(s["keepdim"])) if over(s, x) else d


def std(s, x):
    d, count = deviation(s, x)
    if count == 1:  # PyTorch's second derivative is NaN where the deviation is 0; ours is 0
        return (d * 0).sum(over(s, x), bool(s["keepdim"])) if over(s, x) else d * 0
    d = d / (count - s["number"]) ** 0.5
    return torch.linalg.vector_norm(d, 2, over(s, x), bool(s["keepdim"])) if over(s, x) else d


def mean(s, x):
    return x.mean(over(s, x), bool(s["keepdim"])) if over(s, x) else x


def extremes(s, x):
    if not over(s, x) or not x.numel():
        return (x - x).sum(over(s, x), bool(s["keepdim"])) if over(s, x) else x - x
    return x.amax(over(s, x), bool(s["keepdim"])) - x.amin(over(s, x), bool(s["keepdim"]))


def correlations(s, x):
    return (x + torch.arange(x.shape[-1], dtype=x.dtype).square()).corrcoef().reshape([x.shape[0]] * 2 if x.dim() == 2 else [])


# ---- losses that PyTorch does not have, or otherwise ----

def reduced_loss(s, each):
    return each.mean() if s["axis1"] == 0 else each.sum() if s["axis1"] == 1 else each


def cross_entropy_of_two(s, x, t, w=torch.ones(())):
    """PyTorch's own adds 1e-12 to the denominators of its derivatives."""
    return reduced_loss(s, -w * (t * x.log() + (1 - t) * (1 - x).log()))


# ---- random: the draw is read off the result, and what comes of it is compared ----

def result(s):
    return torch.tensor(s["out"][0]["data"], dtype=torch.float64).reshape(s["out"][0]["shape"])


def dropped(s, x):
    """What stays, where the result is not 0, is scaled by 1/(1 - p): the same number for all."""
    y = result(s)
    kept = y != 0
    scale = float((y / x.detach())[kept][0]) if kept.any() else 1
    return torch.where(kept, x * scale, torch.zeros(()))


def alpha_dropped(s, x):
    """a x + b of what stays, and of selu's limit."""
    p, limit = s["number"], -1.7580993408473766
    if p == 1:
        return x * 0
    a = ((1 - p) * (1 + p * limit ** 2)) ** -0.5
    b = -a * limit * p
    return torch.where((result(s) - (a * limit + b)).abs() < 1e-12, torch.full((), a * limit + b, dtype=x.dtype), a * x + b)


def gumbel_softmax(s, x):
    """The noise is known from the result, up to a number for each row."""
    tau = s["number"] or 1
    return ((x + (result(s).log() * tau - x.detach())) / tau).softmax(s["axis"])


# ---- parts ----

def unsqueezed(s, x):
    rank = x.dim() + len(s["axes"])
    new, rest = [a % rank for a in s["axes"]], iter(x.shape)
    return x.reshape([1 if k in new else next(rest) for k in range(rank)])


def several_slices(s, x):
    """x has five elements along the axis."""
    part = [x.index_select(s["axis"], torch.tensor(at)) for at in ([0, 1, 2], [1, 2, 3], [4, 3, 2], [0, 2, 4])]
    return (part[0] * 2 + part[1]) * part[2] + part[3]


def placed(s, x, first, step):
    at = torch.tensor([first + k * step for k in range(x.shape[s["axis"]])], dtype=torch.int64)
    return torch.zeros(s["to"], dtype=x.dtype).index_add(s["axis"], at, x)


def several_placed(s, x, y):
    return placed(s, x, s["start"], s["step"]) + placed(s, y, s["start"] + s["step"], s["step"]) + placed(s, x, 0, 1)


def split(s, x):
    part = x.split([1, 0, 2], s["axis"])
    return part[0] * part[2]


def linear_scan(s, a, b):
    """y = a y + b, from one step to the next."""
    y, steps, last = [], list(range(a.shape[s["axis"]])), torch.zeros(())
    for k in reversed(steps) if s["start"] else steps:
        last = a.select(s["axis"], k) * last + b.select(s["axis"], k)
        y.append(last)
    return torch.stack(y[::-1] if s["start"] else y, s["axis"]) if y else a * b


def scattered(s, x, i, v):
    """PyTorch does not say which of several values for one place stays: it is the last one."""
    axis, last = s["axis"] % x.dim(), {}
    for at in itertools.product(*(range(n) for n in i.shape)):
        to = list(at)
        to[axis] = int(i[at] + int(s["number"])) % x.shape[axis]
        last[tuple(to)] = at
    if not last:
        return x * 1
    to, at = (tuple(torch.tensor(k) for k in zip(*places)) for places in (last.keys(), last.values()))
    return x.index_put(to, v[at])


def gathered_last(s, x, i):
    axis, last = s["axis"], {}
    i = (i.long() + int(s["number"])) % x.shape[axis]
    for at in itertools.product(*(range(n) for n in i.shape)):
        last[at[:axis] + (int(i[at]),) + at[axis + 1:]] = at
    mask = torch.zeros(i.shape, dtype=torch.bool)
    for at in last.values():
        mask[at] = True
    return x.gather(axis, i) * mask


def stirling(z):
    """ln Gamma(z + 1), less (z + 1/2) ln z - z + ln(2 pi)/2, for z from 20 on. PyTorch's lgamma has a second derivative of 8 digits."""
    return sum(c / z ** (2 * k + 1) for k, c in enumerate((1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)))


def log_power(a, x):
    """ln(x^a e^-x / Gamma(a + 1)): where all a are large, without terms that cancel; else by Gamma(a + 21)."""
    if a.numel() and a.min() > 100:
        return a * ((x / a).log() - x / a + 1) - (2 * math.pi * a).log() / 2 - stirling(a)
    z = a + 20
    return a * x.log() - x + sum((a + k).log() for k in range(1, 21)) - ((z + 0.5) * z.log() - z + math.log(2 * math.pi) / 2 + stirling(z))


def gamma_part(a, x):
    """The regularised incomplete gamma function P(a, x), by its series; and its slope by x."""
    term = total = torch.ones_like(x)
    for k in range(1, 60 + int(4 * x.max().item() ** 0.5 + x.max().item()) if x.numel() else 1):
        term = term * x / (a + k)
        total = total + term
    power = log_power(a, x).exp()
    return power * total, power * a / x


def gamma_draw(a, x):
    """The draw x, as the quantile that it is moves with a: two of Newton's steps from it have the first derivatives and the second."""
    whole, _ = gamma_part(a.detach(), x)
    y = x
    for _ in range(2):
        part, slope = gamma_part(a, y)
        y = y - (part - whole) / slope
    return y


def ours(s, a):
    return torch.tensor(s["out"][0]["data"], dtype=a.dtype).reshape(a.shape)


def places(s, index, values=None):
    """The last index that names each place, or that of the largest value; -1 where there is none."""
    to, axis, found = torch.full(s["to"], -1), s["axis"], {}
    for at in itertools.product(*map(range, index.shape)):
        place = list(at)
        place[axis] = int(index[at] + s["number"]) % s["to"][axis]
        was = found.get(tuple(place))
        if values is None or was is None or values[at] > values[was]:
            found[tuple(place)] = at
    for place, at in found.items():
        to[place] = at[axis]
    return to


OPS = {
    "standard_gamma": lambda s, a: gamma_draw(a, ours(s, a)), "chisquare": lambda s, a: 2 * gamma_draw(a / 2, ours(s, a) / 2),
    "last_place": places, "largest_place": places,
    "layer_norm": lambda s, x, *wb: F.layer_norm(x, x.shape[x.dim() - s["axis"]:], *wb, eps=s["number"]), "rms_norm": rms_norm,
    "grid_sample": grid_sampled, "affine_grid": affine_grid, "rstd": reciprocal_deviation, "normalize_over": normalized_over, "var": var, "std": std, "nanvar": var, "nanstd": std,
    "norm_1": lambda s, x: x.abs().sum(over(s, x), bool(s["keepdim"])),
    "log_cosh": lambda s, x, y: reduced_loss(s, (x - y).cosh().log()),
    "hinge_loss": lambda s, x, y: reduced_loss(s, ((s["number"] or 1) - x * y).clamp(min=0)),
    "embedding": lambda s, x, i: F.embedding(i.long(), x), "linear": lambda s, x, w, b=0: x @ w + b,
    "masked_fill": lambda s, x, m: torch.where(m, torch.full_like(x, s["number"]), x),
    "tril": lambda s, x: x.tril(s["start"]), "triu": lambda s, x: x.triu(s["start"]),
    "stack": lambda s, *x: torch.stack(x, s["axis"]), "flatten": lambda s, x: x.flatten(s["axis"], s["axis1"]), "split": split,
    "unsqueeze_axes": unsqueezed, "scatter": scattered, "gather_last": gathered_last, "straight_through": lambda s, x: x + 3,
    "wrap_index": lambda s, i: (i.long() + int(s["number"])) % s["start"], "check_divisor": lambda s, i: i + 1,
    "dropout": dropped, "dropout2d": dropped, "alpha_dropout": alpha_dropped, "gumbel_softmax": gumbel_softmax,
    "spectral_norm": lambda s, w, u: w / (w.flatten(1).mT @ u).norm() if w.numel() else w * 1, "linear_scan": linear_scan,
    "to_f32": lambda s, x: x.float().double(), "to_f64": lambda s, x: x.float().double(),
}
OPS["normalize"] = lambda s, *x: OPS["rms_norm" if s["start"] else "layer_norm"](s, *x)

# Samples that call an op several times, or with something else around it.
COMPOSED = {
    "corrcoef": correlations,
    "aminmax": extremes, "var_mean": lambda s, x: var(s, x) + mean(s, x), "std_mean": lambda s, x: std(s, x) + mean(s, x), "slice": several_slices, "unslice": several_placed,
    "where": lambda s, c, x: torch.where(c, x, x), "matmul": lambda s, x: x @ x.mT,
    "cat": lambda s, x: torch.cat([x * k if k % 3 else x for k in range(11)], s["axis"]),
}
