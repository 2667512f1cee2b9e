"""PyTorch's functions for the samples of windows and images (samples_conv.c, samples_image.c)."""
import torch
import torch.nn.functional as F


def of_axes(pair, n, usual=0):
    """Height's and width's number by axis: one axis has the second one alone, and depth has that of the height."""
    return [p or usual for p in ([pair[0]] * (n - 1) + [pair[1]])]


def by_axes(name, n):
    return getattr(F, f"{name}{n}d")


def at(s, k):
    """Number k of those that the sample has in `to`; 0 where there are fewer."""
    return (s["to"] + [0] * 8)[k]


def pair(s, k):
    return at(s, k), at(s, k + 1)


# ---- convolution

def conv_options(s, n, at_padding=2):
    return of_axes(pair(s, 0), n, 1), "same" if s["keepdim"] else of_axes(pair(s, at_padding), n), of_axes(pair(s, 4), n, 1), at(s, 6) or 1


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


def gradient(f, point, g):
    """That of f at a point, for the gradient g of its result, to be differentiated further."""
    point = point if point.requires_grad else point.detach().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(f(point), point, g, create_graph=True)[0]


def plane(s, x):
    """Depth, height and width of what was pooled, or pooling is to give."""
    return [s["step"], s["start"], s["stop"]][5 - x.dim():]


def conv_dx(s, g, w):
    x = torch.zeros(g.shape[0], w.shape[1] * at(s, 6), *plane(s, g), dtype=g.dtype)
    return gradient(lambda x: conv(s, x, w), x, g)


def conv_dw(s, g, x):
    w = torch.zeros(g.shape[1], x.shape[1] // at(s, 6), *of_axes(s["axes"], x.dim() - 2), dtype=g.dtype)
    return gradient(lambda w: conv(s, x, w), w, g)


# ---- pooling

def pool_options(s, n):
    kernel = of_axes(pair(s, 0), n, 1)
    stride = of_axes(pair(s, 2), n)
    return kernel, [q or k for q, k in zip(stride, kernel)], of_axes(pair(s, 4), n)


def max_pool(s, x):
    n = x.dim() - 2
    kernel, stride, padding = pool_options(s, n)
    return by_axes("max_pool", n)(x, kernel, stride, padding, at(s, 6) or 1, bool(s["keepdim"]))


def sums_with_gaps(x, n, kernel, stride, padding, dilation):
    """The sum of each window, one axis after the other: PyTorch's averages have no dilation."""
    x = F.pad(x, [p for p in reversed(padding) for _ in range(2)])
    for k in range(n):
        count = (x.shape[2 + k] - dilation * (kernel[k] - 1) - 1) // stride[k] + 1
        x = sum(x.narrow(2 + k, i * dilation, (count - 1) * stride[k] + 1)[(slice(None),) * (2 + k) + (slice(None, None, stride[k]),)]
                for i in range(kernel[k]))
    return x


def avg_pool(s, x):
    n, dilation = x.dim() - 2, at(s, 6) or 1
    kernel, stride, padding = pool_options(s, n)
    if dilation == 1:
        return by_axes("avg_pool", n)(x, kernel, stride, padding, bool(s["keepdim"]), not s["axis"])
    divisor = sums_with_gaps(torch.ones_like(x), n, kernel, stride, padding, dilation) if s["axis"] else torch.tensor(kernel).prod()
    return sums_with_gaps(x, n, kernel, stride, padding, dilation) / divisor


def avg_pool_dx(s, g):
    return gradient(lambda x: avg_pool(s, x), torch.zeros(*g.shape[:2], *plane(s, g), dtype=g.dtype), g)


def lp_pool(s, x):
    n, p = x.dim() - 2, s["number"]
    kernel, stride, padding = pool_options(s, n)
    return sums_with_gaps(x.abs() ** p, n, kernel, stride, padding, 1) ** (1 / p)


def adaptive(name):
    return lambda s, x: by_axes(f"adaptive_{name}_pool", x.dim() - 2)(x, plane(s, x))


# ---- images

def patches(s):
    d = s["to"]
    return dict(kernel_size=d[0:2], stride=of_axes(d[2:4], 2, 1), padding=d[4:6], dilation=of_axes(d[6:8], 2, 1))


def pixels(f):
    """PyTorch's shapes, or gradients, of nothing are wrong: the axes are divided here."""
    def call(s, x):
        if x.numel():
            return f(x, s["start"])
        k, (c, h, w) = s["start"], x.shape[-3:]
        sizes = (c // (k * k), h * k, w * k) if f is F.pixel_shuffle else (c * k * k, h // k, w // k)
        return x.reshape(*x.shape[:-3], *sizes)
    return call


def interpolate(s, x):
    n = x.dim() - 2
    mode = ["linear", "bilinear", "trilinear"][n - 1] if s["axis"] else "nearest"
    size, scale = (None, s["number"]) if s["number"] else (s["to"][:n], None)
    return F.interpolate(x, size, scale, mode, bool(s["keepdim"]) if s["axis"] else None)


OPS = {
    "unfold": lambda s, x: F.unfold(x, **patches(s)), "fold": lambda s, x: F.fold(x, [s["start"], s["stop"]], **patches(s)),
    "pixel_shuffle": pixels(F.pixel_shuffle), "pixel_unshuffle": pixels(F.pixel_unshuffle), "interpolate": interpolate,
    "global_avg_pool": lambda s, x: x.mean(list(range(2, x.dim())), True), "global_max_pool": lambda s, x: x.amax(list(range(2, x.dim())), True),
}
for n in "123":
    OPS |= {f"conv{n}d": conv, f"conv{n}d_dx": conv_dx, f"conv{n}d_dw": conv_dw, f"conv_transpose{n}d": conv_transpose,
            f"max_pool{n}d": max_pool, f"avg_pool{n}d": avg_pool, f"lp_pool{n}d": lp_pool, f"avg_pool{n}d_dx": avg_pool_dx,
            f"max_pool{n}d_dx": lambda s, x, g: gradient(lambda x: max_pool(s, x), x, g),
            f"adaptive_max_pool{n}d": adaptive("max"), f"adaptive_avg_pool{n}d": adaptive("avg")}
