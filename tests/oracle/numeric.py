"""What PyTorch computes for samples of polynomials, integrals of samples, interpolation and vectors that are convolved."""
import torch
import torch.nn.functional as F


def polyval(s, p, x):
    y = torch.zeros_like(x)
    for c in p:
        y = y * x + c
    return y


def vander(s, x):
    powers = [x**k for k in range(s["start"])]
    if not powers:
        return x.new_zeros([*x.shape, 0]) + 0 * x.sum()
    return torch.stack(powers if s["keepdim"] else powers[::-1], -1)


def trapezoid(s, y, x=None):
    if not y.shape[s["axis"]]:
        return y.sum(s["axis"])
    return torch.trapezoid(y, dim=s["axis"]) if x is None else torch.trapezoid(y, x if x.dim() == 1 else x.expand_as(y), dim=s["axis"])


def interp1d(s, x, xp, fp):
    """Of the sample's places, none of which x is at."""
    n, x = len(xp), x + s["number"]
    places = torch.arange(n, dtype=x.dtype) + xp * 0.1
    right = torch.searchsorted(places.detach(), x.detach().contiguous())
    left, inside = (right - 1).clamp(0), right.clamp(max=n - 1)
    width = torch.where(left == inside, torch.ones_like(x), places[inside] - places[left])
    return torch.where((right == 0) | (right == n), fp[inside if n == 1 else torch.where(right == 0, left, inside)] + 0 * x,
                       fp[left] + (fp[inside] - fp[left]) * (x - places[left]) / width)


def convolve(s, a, v):
    n, m = max(len(a), len(v)), min(len(a), len(v))
    long, short = (a, v) if len(a) >= len(v) else (v, a)
    y = F.conv1d(long.reshape(1, 1, n), short.flip(0).reshape(1, 1, m), padding=m - 1).reshape(-1)
    return y if s["start"] == 0 else y[(m - 1) // 2:(m - 1) // 2 + n] if s["start"] == 1 else y[m - 1:n]


OPS = {"polyval": polyval, "vander": vander, "trapezoid": trapezoid, "trapezoid_x": trapezoid, "interp1d": interp1d, "convolve": convolve}
