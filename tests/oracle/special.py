"""What PyTorch computes for samples of special functions."""
import math

import torch

S = torch.special


class Digamma(torch.autograd.Function):
    """With a slope that has all digits: PyTorch's trigamma has nine."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.digamma()

    @staticmethod
    def backward(ctx, g):
        return g * S.zeta(2, ctx.saved_tensors[0])


class LogGamma(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.lgamma()

    @staticmethod
    def backward(ctx, g):
        return g * Digamma.apply(ctx.saved_tensors[0])


def polygamma(s, x, n):
    """Of the order that is the same in all elements of n, which may have none."""
    order = int(n.max()) if n.numel() else 1
    return (-1) ** (order + 1) * math.factorial(order) * S.zeta(order + 1, x) + 0 * n

OPS = {
    "erfc": lambda s, x: x.erfc(), "erfcx": lambda s, x: S.erfcx(x), "erfinv": lambda s, x: x.erfinv(), "ndtr": lambda s, x: S.ndtr(x),
    "log_ndtr": lambda s, x: S.log_ndtr(x), "ndtri": lambda s, x: S.ndtri(x), "entr": lambda s, x: S.entr(x), "xlog1py": lambda s, x, y: S.xlog1py(x, y),
    "lgamma": lambda s, x: LogGamma.apply(x), "digamma": lambda s, x: Digamma.apply(x), "polygamma": polygamma,
    "betaln": lambda s, a, b: LogGamma.apply(a) + LogGamma.apply(b) - LogGamma.apply(a + b),
    "i0": lambda s, x: torch.i0(x), "i1": lambda s, x: S.i1(x), "i0e": lambda s, x: S.i0e(x), "i1e": lambda s, x: S.i1e(x),
}
