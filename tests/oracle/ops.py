"""What PyTorch computes for samples of single ops and of functions that it has by name: element by element, over axes, of shapes, by indices, losses.
Each function takes the sample and its inputs."""
import torch
import torch.nn.functional as F

import layers
import slopes


def axes(s, x):
    return list(range(x.dim())) if s["all"] else [a % x.dim() for a in s["axes"]]


def reduced(s, x, f, keepdim_of_nothing):
    """f over axes, which PyTorch takes as 'all' when the list is empty."""
    dims = axes(s, x)
    nothing = x.sum(dims, bool(s["keepdim"])) if dims and not x.numel() else None
    if nothing is not None and not nothing.numel():
        return nothing  # PyTorch's maxima refuse an axis of no elements here, too
    return f(x, dims, bool(s["keepdim"])) if dims else keepdim_of_nothing(x)


def whole(x):
    return x


def product(x, dims, keepdim):
    """PyTorch's takes one axis at a time."""
    for k in sorted(dims, reverse=True):
        x = x.prod(k, keepdim)
    return x


def sliced(s, x):
    """PyTorch has no negative steps: the elements are picked by Python's own slice of the numbers."""
    at = list(range(x.shape[s["axis"]]))[s["start"]:s["stop"]:s["step"]]
    return x.index_select(s["axis"], torch.tensor(at, dtype=torch.int64))


def unsliced(s, x):
    at = [s["start"] + k * s["step"] for k in range(x.shape[s["axis"]])]
    return torch.zeros(s["to"], dtype=x.dtype).index_add(s["axis"], torch.tensor(at, dtype=torch.int64), x)


def padded(s, x):
    """PyTorch's lists go from the last axis to the first, and its other modes take few of them: the elements are picked axis by axis."""
    before, after = s["to"], s["axes"]
    if s["axis"] == 0:
        for k, (b, a) in enumerate(zip(before, after), x.dim() - len(before)):  # what is cut off: PyTorch wants something to be left
            x = x.narrow(k, max(-b, 0), x.shape[k] + min(b, 0) + min(a, 0))
        before, after = [max(n, 0) for n in before], [max(n, 0) for n in after]
        if not x.numel():
            sizes = [n + b + a for n, b, a in zip(x.shape, [0] * (x.dim() - len(before)) + before, [0] * (x.dim() - len(after)) + after)]
            return x.new_full(sizes, s["number"]) + x.sum() * 0
        return F.pad(x, [n for pair in zip(reversed(before), reversed(after)) for n in pair], value=s["number"])
    for k, (b, a) in enumerate(zip(before, after), x.dim() - len(before)):
        n, at = x.shape[k], torch.arange(-b, x.shape[k] + a)
        if s["axis"] == 1:
            at = (n - 1) - ((n - 1) - at.abs()).abs()
        at = at.clamp(0, n - 1) if s["axis"] == 2 else at % max(n, 1)
        x = x.index_select(k, at)
    return x


def covariance(s, x):
    """PyTorch drops the axes where there is one variable, and has corrections that are whole numbers."""
    if not x.dim():
        return x - x
    return x.cov(correction=int(s["number"])).reshape([x.shape[0]] * 2 if x.dim() == 2 else [])


def weighted_covariance(s, x, *weights):
    f = None if weights[0].is_floating_point() else weights[0].long() + 1
    a = weights[-1] if weights[-1].is_floating_point() else None
    n = x.shape[0] if x.dim() == 2 else 1
    return x.cov(correction=int(s["number"]), fweights=f, aweights=a).reshape([n] * 2 if x.dim() == 2 else [])


def quantiles(f):
    """PyTorch refuses an input without elements."""
    def call(s, x):
        q = torch.tensor([s["number"], 0.5, 1], dtype=x.dtype)
        if x.numel():
            return f(x, q, s["axis"], bool(s["keepdim"]))
        return x.sum(s["axis"], bool(s["keepdim"])).expand(3, *x.sum(s["axis"], bool(s["keepdim"])).shape)
    return call


def average(s, x, w):
    w = w.expand(x.shape)
    return reduced(s, x * w, lambda x, d, k: x.sum(d, k), whole) / reduced(s, w, lambda x, d, k: x.sum(d, k), whole)


def histogram(w, x):
    """PyTorch's has no gradient to the weights."""
    edges = torch.linspace(-1.5, 1.5, 8, dtype=x.dtype)
    part = torch.where(x == edges[-1], 7, torch.bucketize(x.detach(), edges, right=True))
    return torch.zeros(9, dtype=w.dtype).index_add(0, part.flatten(), w.flatten())[1:8]


def from_start(s, i, size):
    """The sample's index, moved as it says, counted from the beginning."""
    return (i.long() + int(s["number"])) % size


def along(s, x, i):
    return from_start(s, i, x.shape[s["axis"]])


def at_places(s, x, i):
    return tuple(from_start(s, i, x.shape[k]) for k in range(s["axis"]))


def index_put(s, x, i, v):
    """PyTorch does not say which of several values stays: the last one is put alone."""
    if s["keepdim"]:
        return x.index_put(at_places(s, x, i), v, accumulate=True)
    at = at_places(s, x, i)
    v = v.expand([*at[0].shape, *x.shape[s["axis"]:]])
    flat = [a.reshape(-1) for a in at]
    v = v.reshape(flat[0].numel(), *x.shape[s["axis"]:])
    last = {tuple(int(a[k]) for a in flat): k for k in range(flat[0].numel())}
    keep = torch.tensor(sorted(last.values()), dtype=torch.int64)
    return x.index_put(tuple(a[keep] for a in flat), v[keep])


def segments(s, x, i):
    return torch.zeros(s["start"], *x.shape[1:], dtype=x.dtype).index_add(0, i.long(), x)


def counts(s, x, i):
    return torch.bincount(i.long(), minlength=s["start"]).clamp(min=1).reshape(-1, *[1] * (x.dim() - 1))


def rows(x):
    return x.reshape(-1, x.shape[-1])


def how(s):
    """The reduction of a loss, as PyTorch's functions take it."""
    return {"reduction": ["mean", "sum", "none", "batchmean"][s["axis1"]]}


def usual(number, otherwise):
    return number if number else otherwise


# Weights of losses get no gradient from PyTorch's own functions, and here they have one: losses with weights are made of others, and have to be what
# PyTorch's say they are.

def agreed(own, theirs):
    if own.numel() and not (own - theirs.reshape(own.shape)).abs().max() <= 1e-13 * max(1, theirs.abs().max()):
        raise ValueError(f"the definition gives {own.flatten()[:3].tolist()} and PyTorch {theirs.flatten()[:3].tolist()}")
    return own


def logits_loss(s, x, y, w=None):
    if w is None:
        return F.binary_cross_entropy_with_logits(x, y, **how(s))
    own = layers.reduced_loss(s, w * F.binary_cross_entropy_with_logits(x, y, reduction="none"))
    return agreed(own, F.binary_cross_entropy_with_logits(x, y, w.detach(), **how(s)))


def positive_weight(s, x, y, w):
    own = layers.reduced_loss(s, w * y * F.softplus(-x, threshold=1e9) + (1 - y) * F.softplus(x, threshold=1e9))
    return agreed(own, F.binary_cross_entropy_with_logits(x, y, pos_weight=w.detach(), **how(s)))


def by_class(x, y):
    """Classes are PyTorch's axis 1."""
    return x.movedim(-1, 1) if x.dim() > 1 else x, y.movedim(-1, 1) if y.is_floating_point() else y.long()


def of_label(s, per_class, w, y):
    """Losses of rows from those of the label's class and, for smoothing, of all classes; an ignored label is start, where that is not 0."""
    smoothing, counts = s["number"] if s["name"] == "cross_entropy_loss" else 0, (y != s["start"]) | (s["start"] == 0)
    off = (1 - smoothing) * (w * per_class).gather(-1, y[..., None])[..., 0] + smoothing * (w * per_class).mean(-1)
    off = off.masked_fill(~counts, 0)
    return off.sum() / w[y].masked_fill(~counts, 0).sum() if s["axis1"] == 0 else layers.reduced_loss(s, off)


def ignored(s, y):
    return {"ignore_index": s["start"]} if s["start"] and not y.is_floating_point() else {}


def detached(w):
    return None if w is None else w.detach()


def cross_entropy(s, x, y, w=None):
    theirs = F.cross_entropy(*by_class(x, y), weight=detached(w), label_smoothing=s["number"], **how(s), **ignored(s, y))
    if w is None:
        return theirs
    if not y.is_floating_point():
        return agreed(of_label(s, -x.log_softmax(-1), w, y.long()), theirs)
    each = -(w * ((1 - s["number"]) * y + s["number"] / x.shape[-1]) * x.log_softmax(-1)).sum(-1)
    return agreed(layers.reduced_loss(s, each), theirs)


def negative_likelihood(s, x, y, w=None):
    theirs = F.nll_loss(*by_class(x, y), weight=detached(w), **how(s), **ignored(s, y))
    return theirs if w is None else agreed(of_label(s, -x, w, y.long()), theirs)


def distances(s, x, y):
    """PyTorch's has no second derivative."""
    own = torch.linalg.vector_norm(x[..., :, None, :] - y[..., None, :, :], s["number"], -1)
    return agreed(own, torch.cdist(x, y, s["number"]))


def cosine_embedding(s, x, y, t):
    """PyTorch's takes one axis of rows."""
    off = F.cosine_embedding_loss(rows(x), rows(y), t.detach().sign().flatten(), margin=s["number"], **how(s))
    return off.reshape(t.shape) if off.dim() else off


def multi_margin(s, x, y, w=None):
    """PyTorch's has no second derivative, and takes one axis of rows."""
    y = y.long()
    own, classes = x.gather(-1, y[..., None]), torch.arange(x.shape[-1])
    off = ((usual(s["number"], 1) - own + x).clamp(min=0) ** s["start"]).masked_fill(classes == y[..., None], 0).sum(-1) / x.shape[-1]
    off = layers.reduced_loss(s, off if w is None else off * w[y])
    return agreed(off, F.multi_margin_loss(rows(x), y.flatten(), p=s["start"], margin=usual(s["number"], 1), weight=detached(w), **how(s)))


def nothing_of(x, *others):
    """A result of no elements, with gradients of zeros."""
    return x * 1 + sum((t.sum() for t in others if t is not None), torch.zeros(())) * 0


def group_norm(s, x, w=None, b=None):
    """PyTorch refuses groups of one element."""
    if x.numel() != x.shape[0] * s["axis"]:
        return F.group_norm(x, s["axis"], w, b, s["number"])
    by_channel = [-1] + [1] * (x.dim() - 2)
    y = x * 0
    y = y if w is None else y * w.reshape(by_channel)
    return y if b is None else y + b.reshape(by_channel)


OPS = {
    "add": lambda s, x, y: x + y, "sub": lambda s, x, y: x - y, "mul": lambda s, x, y: x * y, "div": lambda s, x, y: x / y,
    "pow": lambda s, x, y: slopes.power(x, y), "maximum": lambda s, x, y: torch.maximum(x, y), "minimum": lambda s, x, y: torch.minimum(x, y),
    "neg": lambda s, x: -x, "abs": lambda s, x: x.abs(), "sign": lambda s, x: x.sign(), "square": lambda s, x: x.square(),
    "sqrt": lambda s, x: x.sqrt(), "reciprocal": lambda s, x: x.reciprocal(), "exp": lambda s, x: x.exp(), "log": lambda s, x: x.log(),
    "log1p": lambda s, x: x.log1p(), "sin": lambda s, x: x.sin(), "cos": lambda s, x: x.cos(), "tanh": lambda s, x: x.tanh(),
    "erf": lambda s, x: x.erf(), "relu": lambda s, x: x.relu(), "leaky_relu": lambda s, x, y: torch.where(x > 0, x, y.detach() * x),
    "sigmoid": lambda s, x: x.sigmoid(), "hardswish": lambda s, x: F.hardswish(x), "softplus": lambda s, x: F.softplus(x, threshold=1e9), "gelu": lambda s, x: F.gelu(x),
    "gelu_tanh": lambda s, x: 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x ** 3))),
    "eq": lambda s, x, y: x == y, "ne": lambda s, x, y: x != y, "lt": lambda s, x, y: x < y, "le": lambda s, x, y: x <= y,
    "gt": lambda s, x, y: x > y, "ge": lambda s, x, y: x >= y, "isfinite": lambda s, x: x.isfinite(),
    "logical_not": lambda s, x: x.logical_not(), "where": lambda s, c, x, y: torch.where(c, x, y),
    "floor": lambda s, x: x.floor(), "ceil": lambda s, x: x.ceil(), "round": lambda s, x: x.round(), "trunc": lambda s, x: x.trunc(),
    "frac": lambda s, x: x.frac(), "fmod": lambda s, x, y: torch.fmod(x, y), "remainder": lambda s, x, y: torch.remainder(x, y),
    "floor_divide": lambda s, x, y: torch.div(x, y, rounding_mode="floor"), "clamp": lambda s, x: x.clamp(-0.5, 0.75),
    "clamp_min": lambda s, x, y: torch.clamp(x, min=y.detach()), "clamp_max": lambda s, x, y: torch.clamp(x, max=y.detach()),
    "nan_to_num": lambda s, x: torch.nan_to_num(x, 0.5, 100, -50), "isnan": lambda s, x: x.isnan(), "isinf": lambda s, x: x.isinf(),
    "exp2": lambda s, x: torch.exp2(x), "exp10": lambda s, x: 10 ** x, "expm1": lambda s, x: torch.expm1(x), "log2": lambda s, x: x.log2(),
    "log10": lambda s, x: x.log10(), "cbrt": lambda s, x: x.sign() * x.abs() ** (1 / 3), "logit": lambda s, x: torch.logit(x),
    "tan": lambda s, x: x.tan(), "sinc": lambda s, x: torch.sinc(x), "asin": lambda s, x: x.asin(), "acos": lambda s, x: x.acos(),
    "atan": lambda s, x: x.atan(), "sinh": lambda s, x: x.sinh(), "cosh": lambda s, x: x.cosh(), "asinh": lambda s, x: x.asinh(),
    "acosh": lambda s, x: x.acosh(), "atanh": lambda s, x: x.atanh(), "rsqrt": lambda s, x: x.rsqrt(),
    "atan2": lambda s, x, y: torch.atan2(x, y), "hypot": lambda s, x, y: torch.hypot(x, y), "copysign": lambda s, x, y: torch.copysign(x, y),
    "logaddexp": lambda s, x, y: torch.logaddexp(x, y), "logaddexp2": lambda s, x, y: torch.logaddexp2(x, y),
    "xlogy": lambda s, x, y: torch.xlogy(x, y), "fmax": lambda s, x, y: torch.fmax(x, y), "fmin": lambda s, x, y: torch.fmin(x, y),
    "lerp": lambda s, x, y, z: torch.lerp(x, y, z), "lerp_s": lambda s, x, y: torch.lerp(x, y, 0.7),
    "addcmul": lambda s, x, y, z: torch.addcmul(x, y, z, value=0.5), "addcdiv": lambda s, x, y, z: torch.addcdiv(x, y, z, value=0.5),
    "elu": lambda s, x: F.elu(x, 1.5), "celu": lambda s, x: F.celu(x, 1.5), "selu": lambda s, x: F.selu(x), "softsign": lambda s, x: F.softsign(x),
    "logsigmoid": lambda s, x: F.logsigmoid(x), "tanhshrink": lambda s, x: F.tanhshrink(x), "hardtanh": lambda s, x: F.hardtanh(x, -0.5, 0.75),
    "relu6": lambda s, x: F.relu6(x), "hardsigmoid": lambda s, x: F.relu6(x + 3) / 6, "softshrink": lambda s, x: F.softshrink(x, 0.5),
    "hardshrink": lambda s, x: F.hardshrink(x, 0.5), "threshold": lambda s, x: F.threshold(x, 0.5, -1),
    "glu": lambda s, x: F.glu(x, s["axis"]), "softmin": lambda s, x: F.softmin(x, s["axis"]),
    "prelu": lambda s, x, y: F.prelu(x, y.reshape(-1)), "silu": lambda s, x: F.silu(x), "mish": lambda s, x: F.mish(x),
    "mul_zero": lambda s, x, y: x * y, "div_zero": lambda s, x, y: x / y,
    "sum": lambda s, x: reduced(s, x, lambda x, d, k: x.sum(d, k), whole),
    "mean": lambda s, x: reduced(s, x, lambda x, d, k: x.mean(d, k), whole),
    "sum_abs": lambda s, x: reduced(s, x, lambda x, d, k: x.abs().sum(d, k), torch.abs),
    "prod": lambda s, x: reduced(s, x, product, whole),
    "any": lambda s, x: reduced(s, x, lambda x, d, k: x.sum(d, k) > 0, whole),
    "all": lambda s, x: reduced(s, x, lambda x, d, k: x.double().amin(d, k) > 0 if x.numel() else x.sum(d, k) == 0, whole),
    "amax": lambda s, x: reduced(s, x, lambda x, d, k: x.amax(d, k), whole),
    "amin": lambda s, x: reduced(s, x, lambda x, d, k: x.amin(d, k), whole),
    "logsumexp": lambda s, x: reduced(s, x, lambda x, d, k: x.logsumexp(d, k), whole),
    "sum_all": lambda s, x: x.sum(), "mean_all": lambda s, x: x.mean(), "amax_all": lambda s, x: x.amax(), "amin_all": lambda s, x: x.amin(),
    "norm": lambda s, x: reduced(s, x, lambda x, d, k: torch.linalg.vector_norm(x, s["number"], d, k), torch.abs),
    "two_norm": lambda s, x: reduced(s, x, lambda x, d, k: torch.linalg.vector_norm(x, 2, d, k), torch.abs),
    "norm_all": lambda s, x: torch.linalg.vector_norm(x), "var_all": lambda s, x: x.var(), "std_all": lambda s, x: x.std(),
    "nanmax": lambda s, x: reduced(s, x, lambda x, d, k: x.amax(d, k), whole), "nanmin": lambda s, x: reduced(s, x, lambda x, d, k: x.amin(d, k), whole),
    "ptp": layers.extremes, "average": average,
    "nansum": lambda s, x: reduced(s, x, lambda x, d, k: x.nansum(d, k), whole),
    "nanmean": lambda s, x: reduced(s, x, lambda x, d, k: x.nanmean(d, k), whole),
    "count_nonzero": lambda s, x: reduced(s, x != 0, lambda x, d, k: x.sum(d, k), whole),
    "prod_all": lambda s, x: x.prod(), "any_all": lambda s, x: x.any(), "all_all": lambda s, x: x.all(),
    "cov": covariance, "cov_weighted": weighted_covariance, "corrcoef": lambda s, x: x.corrcoef(),
    "argmin": lambda s, x: x.argmin(s["axis"], bool(s["keepdim"])),
    "argmax": lambda s, x: x.argmax(s["axis"], bool(s["keepdim"])),
    "max": lambda s, x: x.max(s["axis"], bool(s["keepdim"]))[0], "min": lambda s, x: x.min(s["axis"], bool(s["keepdim"]))[0],
    "softmax": lambda s, x: x.softmax(s["axis"]), "log_softmax": lambda s, x: x.log_softmax(s["axis"]),
    "matmul": lambda s, x, y: x @ y, "dot": lambda s, x, y: x.dot(y), "mv": lambda s, x, y: x.mv(y), "mm": lambda s, x, y: x.mm(y),
    "bmm": lambda s, x, y: x.bmm(y), "outer": lambda s, x, y: x.outer(y), "cross": lambda s, x, y: torch.linalg.cross(*torch.broadcast_tensors(x, y), dim=s["axis"]),
    "addmm": lambda s, x, a, b: torch.addmm(x, a, b, beta=0.5, alpha=2), "baddbmm": lambda s, x, a, b: torch.baddbmm(x, a, b, beta=0.5, alpha=2),
    "multi_dot": lambda s, *x: torch.linalg.multi_dot(x) if len(x) > 1 else x[0] * 1, "kron": lambda s, x, y: x.kron(y), "inner": lambda s, x, y: x.inner(y),
    "tensordot": lambda s, x, y: torch.tensordot(x, y, (s["axes"], s["to"])), "einsum": lambda s, *x: torch.einsum(s["text"], *x),
    "mse": lambda s, x, y: F.mse_loss(x, y), "huber": lambda s, x, y: F.huber_loss(x, y, delta=s["number"]),
    "bce_with_logits": lambda s, x, y: F.binary_cross_entropy_with_logits(x, y),
    "cross_entropy": lambda s, x, y: F.cross_entropy(rows(x), y.reshape(-1).long()),
    "mse_loss": lambda s, x, y: F.mse_loss(x, y, **how(s)), "l1_loss": lambda s, x, y: F.l1_loss(x, y, **how(s)),
    "huber_loss": lambda s, x, y: F.huber_loss(x, y, delta=usual(s["number"], 1), **how(s)),
    "smooth_l1_loss": lambda s, x, y: F.smooth_l1_loss(x, y, beta=usual(s["number"], 1), **how(s)),
    "gaussian_nll_loss": lambda s, x, y, v: F.gaussian_nll_loss(x, y, v, full=bool(s["start"]), **how(s)),
    "poisson_nll_loss": lambda s, x, y: F.poisson_nll_loss(x, y, log_input=not s["start"], full=bool(s["stop"]), eps=s["number"], **how(s)),
    "bce": layers.cross_entropy_of_two,
    "bce_with_logits_loss": logits_loss, "pos_weight": positive_weight,
    "kl_div_loss": lambda s, x, y: F.kl_div(x, y, log_target=bool(s["start"]), **how(s)),
    "cross_entropy_loss": cross_entropy, "nll_loss": negative_likelihood,
    "soft_margin_loss": lambda s, x, y: F.soft_margin_loss(y * x, torch.ones_like(x), **how(s)),
    "hinge_embedding_loss": lambda s, x, y: F.hinge_embedding_loss(x, y.detach().sign(), margin=usual(s["number"], 1), **how(s)),
    "margin_ranking_loss": lambda s, x, y, t: F.margin_ranking_loss(x, y, t, margin=s["number"], **how(s)),
    "cosine_embedding_loss": cosine_embedding,
    "triplet_margin_loss": lambda s, x, y, z: F.triplet_margin_loss(x, y, z, margin=usual(s["number"], 1), swap=bool(s["start"]), **how(s)),
    "multi_margin_loss": multi_margin,
    "accuracy": lambda s, x, y: (rows(x).argmax(-1) == y.reshape(-1)).double().mean(),
    "batch_norm": lambda s, x, w=None, b=None: F.batch_norm(x, None, None, w, b, training=True, eps=s["number"]) if x.numel() else x * 1,
    "batch_norm_running": lambda s, x, m, v: F.batch_norm(x, m, v, eps=usual(s["number"], 1e-5)),
    "group_norm": group_norm,
    "instance_norm": lambda s, x, w=None, b=None: F.instance_norm(x, weight=w, bias=b, eps=s["number"]) if x.numel() else nothing_of(x, w, b),
    "instance_norm_running": lambda s, x, m, v: F.instance_norm(x, m, v, use_input_stats=False, eps=usual(s["number"], 1e-5)),
    "local_response_norm": lambda s, x: F.local_response_norm(x.unsqueeze(-1), s["axis"], s["number"], 0.75, 2).squeeze(-1),
    "normalized": lambda s, x: F.normalize(x, s["number"], s["axis"], 100 if s["start"] else 1e-12),
    "weight_norm": layers.weight_norm,
    "cosine_similarity": lambda s, x, y: F.cosine_similarity(x, y, s["axis"]),
    "pairwise_distance": lambda s, x, y: F.pairwise_distance(x, y, s["number"], 1e-6, bool(s["keepdim"])),
    "cdist": distances,
    "reshape": lambda s, x: x.reshape(s["to"]), "permute": lambda s, x: x.permute(s["axes"]),
    "transpose": lambda s, x: x.transpose(s["axis"], s["axis1"]), "expand": lambda s, x: x.expand(s["to"]),
    "squeeze": lambda s, x: x.squeeze(s["axis"]), "unsqueeze": lambda s, x: x.unsqueeze(s["axis"]),
    "copy": lambda s, x: x.clone(), "contiguous": lambda s, x: x.mT, "detach": lambda s, x: x.detach(),
    "slice": sliced, "select": lambda s, x: x.select(s["axis"], s["start"]), "unslice": unsliced,
    "flip": lambda s, x: x.flip(axes(s, x)), "roll": lambda s, x: x.roll(s["start"], s["axis"]),
    "rot90": lambda s, x: x.rot90(s["start"], [s["axis"], s["axis1"]]),
    "roll_axes": lambda s, x: x.roll(s["to"], axes(s, x)) if s["to"] else x * 1,
    "narrow": lambda s, x: x.narrow(s["axis"], s["start"], s["stop"]), "movedim": lambda s, x: x.movedim(s["axes"], s["to"]),
    "swapaxes": lambda s, x: x.swapaxes(s["axis"], s["axis1"]), "unflatten": lambda s, x: x.unflatten(s["axis"], s["to"]),
    "squeeze_axes": lambda s, x: x.reshape([n for k, n in enumerate(x.shape) if n != 1 or k not in axes(s, x)]),
    "tile": lambda s, x: x.tile(s["to"]), "repeat_interleave": lambda s, x: x.repeat_interleave(s["start"], s["axis"]),
    "repeat_interleave_by": lambda s, x, n: x.repeat_interleave(n, s["axis"]),
    "unbind": lambda s, x: x.unbind(s["axis"])[0] + x.unbind(s["axis"])[2], "chunk": lambda s, x: x.chunk(s["step"], s["axis"])[s["start"]],
    "hstack": lambda s, *x: torch.hstack(x), "vstack": lambda s, *x: torch.vstack(x),
    "meshgrid": lambda s, *x: torch.meshgrid(*x, indexing="ij")[s["axis"]],
    "diagonal": lambda s, x: x.diagonal(s["start"], s["axis"], s["axis1"]), "diag_embed": lambda s, x: x.diag_embed(s["start"]),
    "diag": lambda s, x: x.diag(s["start"]), "trace": lambda s, x: x.diagonal(0, -2, -1).sum(-1),
    # PyTorch gets gradients beside a block of no elements and one axis wrong.
    "block_diag": lambda s, *x: torch.block_diag(*map(torch.atleast_2d, x)), "pad": padded, "pad_crop": padded, "pad_beside": padded,
    "cat": lambda s, *x: torch.cat(x, s["axis"]),
    "gather": lambda s, x, i: x.gather(s["axis"], i.long()), "index_select": lambda s, x, i: x.index_select(s["axis"], i),
    "scatter_add": lambda s, x, i: torch.zeros(s["to"], dtype=x.dtype).scatter_add(s["axis"], i.long(), x),
    "index_add": lambda s, x, i: torch.zeros(s["to"], dtype=x.dtype).index_add(s["axis"], i, x),
    "take": lambda s, x, i: x.take(i.long()),
    "take_along": lambda s, x, i: torch.take_along_dim(x, along(s, x, i), s["axis"]),
    "index": lambda s, x, i: x[at_places(s, x, i)], "index_put": index_put,
    "scatter_to": lambda s, x, i, v: x.scatter_add(s["axis"], along(s, x, i), v[tuple(slice(n) for n in i.shape)]),
    "index_add_to": lambda s, x, i, v: x.index_add(s["axis"], along(s, x, i), v),
    "scatter_max": lambda s, x, i, v: x.scatter_reduce(s["axis"], along(s, x, i), v, "amax", include_self=False),
    "scatter_reduce": lambda s, x, i, v: x.scatter_reduce(s["axis"], along(s, x, i), v[tuple(slice(n) for n in i.shape)],
                                                          ["sum", "mean", "prod", "amax", "amin"][s["start"]], include_self=not s["keepdim"]),
    "masked_scatter": lambda s, x, m, v: x.masked_scatter(m, v),
    "embedding_padded": lambda s, x, i: F.embedding(i.long(), x, padding_idx=s["start"]), "segment_sum": segments, "segment_mean": lambda s, x, i: segments(s, x, i) / counts(s, x, i),
    "embedding_bag": lambda s, x, i: F.embedding(i.long(), x).sum(-2) / (max(i.shape[-1], 1) if s["keepdim"] else 1),
    "embedding_bag_offsets": lambda s, x, i: F.embedding_bag(i.long(), x, torch.tensor([0, 2, 2]), mode="mean" if s["keepdim"] else "sum"),
    "cumsum": lambda s, x: x.cumsum(s["axis"]), "cumprod": lambda s, x: x.cumprod(s["axis"]),
    "logcumsumexp": lambda s, x: x.logcumsumexp(s["axis"]), "cummax": lambda s, x: x.cummax(s["axis"])[0] if x.numel() else x,
    "cummin": lambda s, x: x.cummin(s["axis"])[0] if x.numel() else x, "diff": lambda s, x: x.diff(n=s["start"], dim=s["axis"]),
    "argsort": lambda s, x: x.argsort(dim=s["axis"], descending=bool(s["start"])), "msort": lambda s, x: x.msort(),
    "topk": lambda s, x: x.topk(s["start"], s["axis"], bool(s["keepdim"]))[0],
    "kthvalue": lambda s, x: x.kthvalue(s["start"], s["axis"], bool(s["keepdim"]))[0],
    "median": lambda s, x: x.median(s["axis"], bool(s["keepdim"]))[0],
    "quantile": lambda s, x: x.quantile(s["number"], s["axis"], bool(s["keepdim"])) if x.numel() else x.sum(s["axis"], bool(s["keepdim"])),
    "quantiles": quantiles(torch.quantile), "nanquantiles": quantiles(torch.nanquantile),
    "nanmedian": lambda s, x: x.nanmedian(s["axis"], bool(s["keepdim"]))[0],
    "nanquantile": lambda s, x: x.nanquantile(s["number"], s["axis"], bool(s["keepdim"])) if x.numel() else x.sum(s["axis"], bool(s["keepdim"])),
    "histogram": lambda s, x: torch.histogram(x.detach(), torch.linspace(-1.5, 1.5, 8, dtype=x.dtype))[0].long(),
    "histogram_weights": lambda s, w, x: histogram(w, x),
    "searchsorted": lambda s, x, v: torch.searchsorted(x.sort(-1)[0], v, right=bool(s["start"])),
    "isin": lambda s, x, y: torch.isin(x, torch.cat([x.flatten()[::2], y])),
    "bincount": lambda s, i: torch.bincount(i.flatten().long(), minlength=s["start"]),
    "bincount_weights": lambda s, x, i: torch.zeros(s["start"], dtype=x.dtype).index_add(0, i.flatten().long(), x.flatten()),
    "histc": lambda s, x: x.detach().histc(s["start"], -1 if s["number"] else 0, s["number"]),
    "sort": lambda s, x: x.sort(dim=s["axis"], descending=bool(s["start"]), stable=True)[0],
    "one_hot": lambda s, i: F.one_hot(i.long(), s["start"]).double(), "check_index": lambda s, i: i.long(),
    "to_i64": lambda s, x: x.long(), "to_i32": lambda s, x: x.int(), "to_u8": lambda s, x: x.byte(),
    "to_i16": lambda s, x: x.short(), "to_bool": lambda s, x: x.bool(),
}
