"""PyTorch's functions for the samples of windows, images and sequences (samples_conv.c, samples_image.c, samples_sequence.c)."""
import torch
import torch.nn.functional as F


def of_axes(pair, n, usual=0):
    """Height's and width's number by axis: one axis has the second one alone, and depth has that of the height."""
    return [p or usual for p in ([pair[0]] * (n - 1) + [pair[1]])]


def by_axes(name, n):
    return getattr(F, f"{name}{n}d")


# ---- convolution and pooling

def conv_options(s, n):
    d = s["to"]
    return of_axes(d[0:2], n, 1), "same" if s["keepdim"] else of_axes(d[2:4], n), of_axes(d[4:6], n, 1), d[6] or 1


def conv(s, x, w, b=None):
    n = x.dim() - 2
    stride, padding, dilation, groups = conv_options(s, n)
    if x.numel() and w.numel():
        return by_axes("conv", n)(x, w, b, stride, padding, dilation, groups)
    sizes = list(x.shape[2:]) if padding == "same" else [
        (size + 2 * p - t * (k - 1) - 1) // q + 1
        for size, k, q, p, t in zip(x.shape[2:], w.shape[2:], stride, padding, dilation)]
    y = torch.zeros([x.shape[0], w.shape[0]] + sizes, dtype=x.dtype) + 0 * (x.sum() + w.sum())
    return y if b is None else y + b.reshape([-1] + [1] * n)


def conv_transpose(s, x, w, b=None):
    n = x.dim() - 2
    stride, padding, dilation, groups = conv_options(s, n)
    return by_axes("conv_transpose", n)(x, w, b, stride, padding, s["stop"], groups, dilation)


def pool_options(s, n):
    d = s["to"]
    return of_axes(d[0:2], n), of_axes(d[2:4], n), of_axes(d[4:6], n)


def max_pool(s, x):
    n = x.dim() - 2
    kernel, stride, padding = pool_options(s, n)
    return by_axes("max_pool", n)(x, kernel, stride, padding, s["to"][6] or 1, bool(s["keepdim"]))


def avg_pool(s, x):
    n = x.dim() - 2
    kernel, stride, padding = pool_options(s, n)
    if (s["to"][6] or 1) == 1:
        return by_axes("avg_pool", n)(x, kernel, stride, padding, bool(s["keepdim"]), not s["axis"])
    windows = F.unfold(x.reshape(-1, 1, *x.shape[2:]), kernel, s["to"][6], padding, stride).mean(1)
    sizes = [(size + 2 * p - 2 * (k - 1) - 1) // q + 1 for size, k, q, p in zip(x.shape[2:], kernel, stride, padding)]
    return windows.reshape(*x.shape[:2], *sizes)


def lp_pool(s, x):
    n, p = x.dim() - 2, s["number"]
    kernel, stride, padding = pool_options(s, n)
    return by_axes("avg_pool", n)(x.abs() ** p, kernel, stride, padding, divisor_override=1) ** (1 / p) if n > 1 else \
        (F.avg_pool1d(x.abs() ** p, kernel, stride, padding) * kernel[0]) ** (1 / p)


def sizes_of(s, x):
    return [s["step"], s["start"], s["stop"]][5 - x.dim():]


# ---- images

def patches(s):
    d = s["to"]
    return dict(kernel_size=d[0:2], stride=of_axes(d[2:4], 2, 1), padding=d[4:6], dilation=of_axes(d[6:8], 2, 1))


def pixel_shuffle(s, x):
    """PyTorch's gradient of nothing has a wrong shape."""
    y = F.pixel_shuffle(x if x.numel() else x.detach(), s["start"])
    return y if x.numel() else y + x.sum()


def interpolate(s, x):
    n = x.dim() - 2
    mode = ["linear", "bilinear", "trilinear"][n - 1] if s["axis"] else "nearest"
    size, scale = (None, s["number"]) if s["number"] else (s["to"][:n], None)
    return F.interpolate(x, size, scale, mode, bool(s["keepdim"]) if s["axis"] else None)


# ---- sequences

def attention(s, q, k, v):
    rows, cols = q.shape[-2], k.shape[-2]
    scores = q @ k.mT * (s["number"] or max(q.shape[-1], 1) ** -0.5)
    place = torch.arange(rows * cols).reshape(rows, cols)
    if s["start"] == 1:
        scores = scores.masked_fill((torch.arange(rows)[:, None] == 1) | (place % 3 == 1), -1e300)
    if s["start"] == 2:
        scores = scores + (place % 5) / 4
    if s["axis"]:
        scores = scores.masked_fill(torch.arange(cols) > torch.arange(rows)[:, None], -1e300)
    p = scores.softmax(-1) if cols else scores
    return p.masked_fill(scores <= -1e300, 0) @ v


def heads(s, x, *others):
    """PyTorch's module's function, the batch second; its masks say what is not seen."""
    kv, w = others if len(others) > 1 else (x, others[0])
    batched = x.dim() > 2
    q, k = (x.transpose(0, 1), kv.transpose(0, 1)) if batched else (x, kv)
    e, rows, cols = x.shape[-1], x.shape[-2], kv.shape[-2]
    i, j = torch.arange(rows)[:, None], torch.arange(cols)
    mask, keys = torch.zeros(rows, cols, dtype=x.dtype), None
    if s["start"] == 1 and cols > 1:
        mask = mask.masked_fill(j == (i + 1) % cols, float("-inf"))
    if s["start"] == 2:
        mask = mask + (i * cols + j) % 5 / 4
    if s["axis"]:
        mask = mask.masked_fill(j > i, float("-inf"))
    if s["keepdim"] and cols > 1:
        keys = (j == cols - 1).expand(kv.shape[:-1])
    parts = [w[n * e:(n + 1) * e, :kv.shape[-1] if n in (1, 2) else e] for n in range(4)]
    each = dict(use_separate_proj_weight=True, q_proj_weight=parts[0], k_proj_weight=parts[1], v_proj_weight=parts[2]) if s["step"] else {}
    y, _ = F.multi_head_attention_forward(
        q, k, k, e, int(s["number"]), None if s["step"] else w[:3 * e, :e], w[:3 * e, -1], None, None, False, 0.0, parts[3], w[3 * e:, -1], False, keys,
        False, mask, **each)
    return y.transpose(0, 1) if batched else y


def weights(x, h, w):
    f, n = x.shape[-1], h.shape[-1]
    return w[:, :f], w[:, f:f + n], w[:, -2], w[:, -1]


def cell(name):
    return {"rnn": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell, "gru": torch.gru_cell}[name]


def rnn_cell(s, x, h, w):
    return cell("relu" if s["axis"] else "rnn")(x, h, *weights(x, h, w))


def lstm_cell(s, x, h, w):
    y, c = torch.lstm_cell(x, (h, h / 2), *weights(x, h, w))
    return y + c


def sequence(step):
    """All results and the last state, added; step gives the next (h, c)."""
    def run(s, x, h, w):
        c, y = h, [None] * x.shape[0]
        lengths = torch.tensor([2, 3, 0, 1][:x.shape[1]])[:, None]
        for t in reversed(range(x.shape[0])) if s["keepdim"] else range(x.shape[0]):
            on = lengths > t if s["start"] else torch.tensor(True)
            a, b = step(s, x[t], h, c, weights(x, h, w))
            y[t] = torch.where(on, a, torch.zeros_like(a))
            h, c = torch.where(on, a, h), torch.where(on, b, c)
        return torch.stack(y) + h + (c if s["name"] == "lstm" else 0)
    return run


def ctc(s, x, y):
    steps, n, labels = x.shape[0], x.shape[1], y.shape[1]
    inputs = torch.tensor([steps - k % 2 for k in range(n)])
    targets = torch.tensor([labels - k if k < labels else 0 for k in range(n)])
    return F.ctc_loss(x.log_softmax(-1), y.long(), inputs, targets, x.shape[2] - 1, ["mean", "sum", "none"][s["axis"]])


OPS = {
    "unfold": lambda s, x: F.unfold(x, **patches(s)), "fold": lambda s, x: F.fold(x, [s["start"], s["stop"]], **patches(s)),
    "pixel_shuffle": pixel_shuffle, "pixel_unshuffle": lambda s, x: F.pixel_unshuffle(x, s["start"]),
    "global_avg_pool": lambda s, x: x.mean(list(range(2, x.dim())), True), "global_max_pool": lambda s, x: x.amax(list(range(2, x.dim())), True),
    "interpolate": interpolate, "scaled_dot_product_attention": attention, "multi_head_attention": heads, "rnn_cell": rnn_cell, "lstm_cell": lstm_cell,
    "gru_cell": lambda s, x, h, w: torch.gru_cell(x, h, *weights(x, h, w)),
    "rnn": sequence(lambda s, x, h, c, w: (cell("relu" if s["axis"] else "rnn")(x, h, *w), c)),
    "lstm": sequence(lambda s, x, h, c, w: torch.lstm_cell(x, (h, c), *w)),
    "gru": sequence(lambda s, x, h, c, w: (torch.gru_cell(x, h, *w), c)),
    "ctc_loss": ctc,
}
for n in "123":
    OPS |= {f"conv{n}d": conv, f"conv_transpose{n}d": conv_transpose, f"max_pool{n}d": max_pool, f"avg_pool{n}d": avg_pool, f"lp_pool{n}d": lp_pool,
            f"adaptive_max_pool{n}d": lambda s, x: by_axes("adaptive_max_pool", x.dim() - 2)(x, sizes_of(s, x)),
            f"adaptive_avg_pool{n}d": lambda s, x: by_axes("adaptive_avg_pool", x.dim() - 2)(x, sizes_of(s, x))}
