"""What PyTorch computes for samples of layers: windows, images, normalisation, statistics, parts. Each function takes the sample and its inputs."""
import itertools

import torch
import torch.nn.functional as F


# ---- windows: pairs of numbers are height's and width's; one axis has the second alone, depth has that of the height ----

def spread(x, a, b):
    return {1: [b], 2: [a, b], 3: [a, a, b]}[x.dim() - 2]


def numbers(s, x, at, usual):
    d = s["to"] + [0] * 8
    return spread(x, d[at] or usual[0], d[at + 1] or usual[1])


def by_axes(x, name):
    return getattr(F, f"{name}{x.dim() - 2}d")


class NotTaken(Exception):
    """PyTorch does not have it: sizes of 0 in other places than the batch's, averages of windows with gaps, gradients of no pixels."""


def convolved(s, x, w, b=None):
    if 0 in x.shape[1:] or 0 in w.shape:
        raise NotTaken
    padding = "same" if s["keepdim"] else numbers(s, x, 4 - 2, (0, 0))
    return by_axes(x, "conv")(x, w, b, numbers(s, x, 0, (1, 1)), padding, numbers(s, x, 4, (1, 1)), (s["to"] + [0] * 8)[6] or 1)


def conv_transposed(s, x, w, b=None):
    return by_axes(x, "conv_transpose")(x, w, b, numbers(s, x, 0, (1, 1)), numbers(s, x, 2, (0, 0)), spread(x, s["stop"], s["stop"]),
                                        (s["to"] + [0] * 8)[6] or 1, numbers(s, x, 4, (1, 1)))


def gradient(f, at, g):
    """That of f at a point, for the gradient g of its result, to be differentiated further."""
    at = at if at.requires_grad else at.detach().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(f(at), at, g, create_graph=True)[0]


def plane(s, x):
    return [s["step"], s["start"], s["stop"]][-(x.dim() - 2):]


def conv_dx(s, g, w):
    groups = s["to"][6]
    x = torch.zeros(g.shape[0], w.shape[1] * groups, *plane(s, g), dtype=g.dtype)
    return gradient(lambda x: convolved(s, x, w), x, g)


def conv_dw(s, g, x):
    w = torch.zeros(g.shape[1], x.shape[1] // s["to"][6], *spread(x, *s["axes"]), dtype=g.dtype)
    return gradient(lambda w: convolved(s, x, w), w, g)


def pool_sizes(s, x):
    d = s["to"]
    return numbers(s, x, 0, (1, 1)), numbers(s, x, 2, (d[0], d[1])), numbers(s, x, 4, (0, 0))


def max_pool(s, x):
    kernel, stride, padding = pool_sizes(s, x)
    return by_axes(x, "max_pool")(x, kernel, stride, padding, (s["to"] + [0] * 8)[6] or 1, ceil_mode=bool(s["keepdim"]))


def avg_pool(s, x):
    if (s["to"] + [0] * 8)[6] > 1:
        raise NotTaken
    return by_axes(x, "avg_pool")(x, *pool_sizes(s, x), ceil_mode=bool(s["keepdim"]), count_include_pad=not s["axis"])


def avg_pool_dx(s, g):
    return gradient(lambda x: avg_pool(s, x), torch.zeros(*g.shape[:2], *plane(s, g), dtype=g.dtype), g)


def lp_pool(s, x):
    kernel, stride, _ = pool_sizes(s, x)
    count = torch.tensor(kernel).prod()
    return (by_axes(x, "avg_pool")(x.abs() ** s["number"], kernel, stride) * count) ** (1 / s["number"])


def adaptive(name):
    return lambda s, x: by_axes(x, f"adaptive_{name}_pool")(x, plane(s, x))


# ---- images ----

def patches(s):
    d = s["to"] + [0] * 8
    return {"kernel_size": d[0:2], "stride": [n or 1 for n in d[2:4]], "padding": d[4:6], "dilation": [n or 1 for n in d[6:8]]}


def shuffled(s, x):
    if not x.numel():
        raise NotTaken
    return F.pixel_shuffle(x, s["start"])


def interpolated(s, x):
    n = x.dim() - 2
    mode = "nearest" if s["axis"] == 0 else {1: "linear", 2: "bilinear", 3: "trilinear"}[n]
    size = {"scale_factor": s["number"]} if s["number"] else {"size": s["to"][:n]}
    return F.interpolate(x, mode=mode, align_corners=None if s["axis"] == 0 else bool(s["keepdim"]), **size)


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
    return (x + torch.arange(x.shape[-1], dtype=x.dtype).square()).corrcoef()


# ---- losses that PyTorch does not have, or otherwise ----

def reduced_loss(s, each):
    return each.mean() if s["axis1"] == 0 else each.sum() if s["axis1"] == 1 else each


def cross_entropy_of_two(s, x, t, w=torch.ones(())):
    """PyTorch's own adds 1e-12 to the denominators of its derivatives."""
    return reduced_loss(s, -w.detach() * (t * x.log() + (1 - t) * (1 - x).log()))


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


OPS = {
    "conv_dx": conv_dx, "conv_dw": conv_dw,
    "layer_norm": lambda s, x, *wb: F.layer_norm(x, x.shape[x.dim() - s["axis"]:], *wb, eps=s["number"]), "rms_norm": rms_norm,
    "rstd": reciprocal_deviation, "normalize_over": normalized_over, "var": var, "std": std,
    "norm_1": lambda s, x: x.abs().sum(over(s, x), bool(s["keepdim"])),
    "log_cosh": lambda s, x, y: reduced_loss(s, (x - y).cosh().log()),
    "hinge_loss": lambda s, x, y: reduced_loss(s, ((s["number"] or 1) - x * y).clamp(min=0)),
    "global_avg_pool": lambda s, x: x.mean(list(range(2, x.dim())), True), "global_max_pool": lambda s, x: x.amax(list(range(2, x.dim())), True),
    "unfold": lambda s, x: F.unfold(x, **patches(s)), "fold": lambda s, x: F.fold(x, (s["start"], s["stop"]), **patches(s)),
    "pixel_shuffle": shuffled, "pixel_unshuffle": lambda s, x: F.pixel_unshuffle(x, s["start"]),
    "interpolate": interpolated,
    "embedding": lambda s, x, i: F.embedding(i.long(), x), "linear": lambda s, x, w, b=0: x @ w + b,
    "silu": lambda s, x: F.silu(x), "mish": lambda s, x: x * F.softplus(x).tanh(),
    "masked_fill": lambda s, x, m: torch.where(m, torch.full_like(x, s["number"]), x),
    "tril": lambda s, x: x.tril(s["start"]), "triu": lambda s, x: x.triu(s["start"]),
    "stack": lambda s, *x: torch.stack(x, s["axis"]), "flatten": lambda s, x: x.flatten(s["axis"], s["axis1"]), "split": split,
    "unsqueeze_axes": unsqueezed, "scatter": scattered, "straight_through": lambda s, x: x + 3,
    "wrap_index": lambda s, i: (i.long() + int(s["number"])) % s["start"], "check_divisor": lambda s, i: i + 1,
    "to_f32": lambda s, x: x.float().double(), "to_f64": lambda s, x: x.float().double(),
}
for k in "123":
    OPS |= {f"conv{k}d": convolved, f"conv{k}d_dx": conv_dx, f"conv{k}d_dw": conv_dw, f"conv_transpose{k}d": conv_transposed,
            f"max_pool{k}d": max_pool, f"avg_pool{k}d": avg_pool, f"lp_pool{k}d": lp_pool, f"avg_pool{k}d_dx": avg_pool_dx,
            f"max_pool{k}d_dx": lambda s, x, g: gradient(lambda x: max_pool(s, x), x, g),
            f"adaptive_max_pool{k}d": adaptive("max"), f"adaptive_avg_pool{k}d": adaptive("avg")}
OPS["normalize"] = lambda s, *x: OPS["rms_norm" if s["start"] else "layer_norm"](s, *x)
del OPS["conv_dx"], OPS["conv_dw"]

# Samples that call an op several times, or with something else around it.
COMPOSED = {
    "corrcoef": correlations,
    "aminmax": extremes, "var_mean": lambda s, x: var(s, x) + mean(s, x), "slice": several_slices, "unslice": several_placed,
    "where": lambda s, c, x: torch.where(c, x, x), "matmul": lambda s, x: x @ x.mT,
    "cat": lambda s, x: torch.cat([x * k if k % 3 else x for k in range(11)], s["axis"]),
}
