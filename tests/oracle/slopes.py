"""What PyTorch computes for the ops that gradients record: slopes, and products of slopes with a gradient x at a point y."""
import math

import torch
import torch.nn.functional as F


def power(x, y):
    """PyTorch's mixed second derivative is 0 where the exponent is; the limit is 1/x there, and so is ours."""
    return torch.where(y == 0, (y * x.log()).exp(), x ** torch.where(y == 0, torch.ones_like(y), y))


def bell(y):
    """sigmoid'(v), where tanh's gelu is y sigmoid(v)."""
    s = (2 * math.sqrt(2 / math.pi) * (y + 0.044715 * y ** 3)).sigmoid()
    return s * (1 - s)


def gelu_tanh_slope(y):
    c = 2 * math.sqrt(2 / math.pi)
    return (c * (y + 0.044715 * y ** 3)).sigmoid() + y * bell(y) * c * (1 + 3 * 0.044715 * y ** 2)


def density(y):
    return (-y.square() / 2).exp() / math.sqrt(2 * math.pi)


def mish_slope(y):
    t = F.softplus(y).tanh()
    return t + y * (1 - t * t) * y.sigmoid()


def hardswish_slope(y):
    return torch.where(y >= 3, torch.ones_like(y), torch.where(y <= -3, torch.zeros_like(y), (2 * y + 3) / 6))


def sinc_slope(y):
    """By its series near 0, where the formula cancels."""
    near = y.abs() < 1.2
    a, far = torch.where(near, y, torch.zeros_like(y)) * math.pi, torch.where(near, torch.ones_like(y), y)
    series = sum((-1) ** k * 2 * k / math.factorial(2 * k + 1) * a ** (2 * k - 1) for k in range(1, 20)) * math.pi
    return torch.where(near, series, (math.pi * far).cos() / far - (math.pi * far).sin() / (math.pi * far.square()))


OPS = {
    "square_grad": lambda s, x, y: 2 * x * y, "reciprocal_grad": lambda s, x, y: -x * y * y, "sqrt_grad": lambda s, x, y: x / (2 * y),
    "log1p_grad": lambda s, x, y: x / (1 + y), "relu_grad": lambda s, x, y: x * (y > 0), "abs_grad": lambda s, x, y: x * y.sign(),
    "leaky_relu_grad": lambda s, x, y, z: torch.where(y > 0, x, z.detach() * x), "hardswish_grad": lambda s, x, y: x * hardswish_slope(y),
    "greater_grad": lambda s, x, y, z: x * (y > z), "at_least_grad": lambda s, x, y, z: x * (y >= z),
    "guard_zero": lambda s, x, y, z: x + torch.zeros_like(y + z),
    "cbrt_grad": lambda s, x, y: x * y.abs() ** (-2 / 3) / 3,
    "erf_grad": lambda s, x, y: x * (2 / math.sqrt(math.pi)) * (-y.square()).exp(), "phi_grad": lambda s, x, y: x * density(y),
    "silu_grad": lambda s, x, y: x * y.sigmoid() * (1 + y * (-y).sigmoid()),
    "gelu_grad": lambda s, x, y: x * (0.5 * (1 + (y / math.sqrt(2)).erf()) + y * density(y)),
    "gelu_tanh_grad": lambda s, x, y: x * gelu_tanh_slope(y), "gelu_tanh_bell": lambda s, x, y: x * bell(y),
    "mish_grad": lambda s, x, y: x * mish_slope(y),
    "tanh_slope": lambda s, x: x.cosh() ** -2, "sigmoid_slope": lambda s, x: x.sigmoid() * (-x).sigmoid(), "sinc_slope": lambda s, x: sinc_slope(x),
    "sigmoid_sub": lambda s, x, y: x.sigmoid() - y, "pow_grad": lambda s, x, y: y * power(x, y - 1), "pow_log": lambda s, x, y: power(x, y) * x.log(),
    "pow_half": lambda s, x: x.sqrt(), "pow_zero": lambda s, x: x ** 0,
}
