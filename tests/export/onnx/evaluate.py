"""An evaluator of ONNX models in NumPy, for the ops that tapegrad exports: node by node, each op by its definition (opset 17). It is there so that models
can be computed where no runtime is installed; it is slow, and takes nothing else."""
import math

import numpy as np
import onnx
from onnx import numpy_helper

TYPES = {1: np.float32, 2: np.uint8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
erf = np.vectorize(math.erf, otypes=[np.float64])


def axes_of(a, x):
    return tuple(k % max(x.ndim, 1) for k in a)


def reduction(f):
    """Axes are an attribute, or all."""
    def call(a, x):
        return np.asarray(f(x, axes_of(a["axes"], x) if "axes" in a else None, bool(a.get("keepdims", 1)))).astype(x.dtype)
    return call


def reduce_sum(a, x, axes):
    return x.sum(axes_of(axes.tolist(), x), keepdims=bool(a.get("keepdims", 1)), dtype=np.float64 if x.dtype == np.float32 else None).astype(x.dtype)


def mean(x, axes, keepdims):
    return x.sum(axes, keepdims=keepdims, dtype=np.float64) / np.float64(math.prod(x.shape[k] for k in (range(x.ndim) if axes is None else axes)))


def log_sum_exp(x, axes, keepdims):
    m = x.max(axes, keepdims=True)
    m = np.where(np.isfinite(m), m, 0)
    s = np.log(np.exp(x - m).sum(axes, keepdims=True)) + m
    return s if keepdims else s.squeeze(axes)


def place(f):
    def call(a, x):
        y = f(x, axis=a.get("axis", 0)).astype(np.int64)
        return np.expand_dims(y, a.get("axis", 0)) if a.get("keepdims", 1) else y
    return call


def mod(a, x, y):
    return np.fmod(x, y) if a.get("fmod", 0) else np.mod(x, y)


def div(a, x, y):
    """Of integers: towards zero."""
    if x.dtype.kind == "f":
        return x / y
    q = np.abs(x) // np.abs(y)
    return np.where((x < 0) != (y < 0), -q, q).astype(x.dtype)


def cast(a, x):
    return x.astype(TYPES[a["to"]])


def expand(a, x, shape):
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape)))


def slices(a, x, starts, ends, axes, steps):
    at = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes.tolist(), steps.tolist()):
        at[axis] = slice(start, None if end < -x.shape[axis] else end, step)
    return x[tuple(at)]


def pad(a, x, widths, value):
    n = x.ndim
    return np.pad(x, [(widths[k], widths[n + k]) for k in range(n)], constant_values=value)


def gather_elements(a, x, index):
    axis = a.get("axis", 0)
    x = x[tuple(slice(None) if k == axis % x.ndim else slice(0, n) for k, n in enumerate(index.shape))]
    return np.take_along_axis(x, np.where(index < 0, index + x.shape[axis], index), axis)


def scatter_elements(a, x, index, values):
    y, axis = x.copy(), a.get("axis", 0)
    for at in np.ndindex(index.shape):
        to = list(at)
        to[axis] = index[at]
        if a.get("reduction", b"none") == b"add":
            y[tuple(to)] += values[at]
        else:
            y[tuple(to)] = values[at]
    return y


def one_hot(a, index, depth, values):
    return np.where(index[..., None] == np.arange(int(depth)), values[1], values[0])


def top_k(a, x, k):
    axis = a.get("axis", -1)
    order = np.argsort(-x if a.get("largest", 1) else x, axis=axis, kind="stable").take(range(int(k[0])), axis=axis)
    return np.take_along_axis(x, order, axis), order.astype(np.int64)


def cumsum(a, x, axis):
    axis = int(axis)
    return np.flip(np.flip(x, axis).cumsum(axis), axis).astype(x.dtype) if a.get("reverse", 0) else x.cumsum(axis).astype(x.dtype)


def exps(a, x):
    return np.exp(x - x.max(a.get("axis", -1), keepdims=True))


def softmax(a, x):
    return exps(a, x) / exps(a, x).sum(a.get("axis", -1), keepdims=True)


def log_softmax(a, x):
    return x - x.max(a.get("axis", -1), keepdims=True) - np.log(exps(a, x).sum(a.get("axis", -1), keepdims=True))


def layer_norm(a, x, scale):
    axes = tuple(range(a["axis"] % x.ndim, x.ndim))
    d = x.astype(np.float64) - x.mean(axes, keepdims=True, dtype=np.float64)
    return (d / np.sqrt((d * d).mean(axes, keepdims=True) + a["epsilon"]) * scale).astype(x.dtype)


def windows(a, x, size, fill):
    """x [N,C,…] as [N,C,windows…,size…], and where there is an element of x or of its margins."""
    n = len(size)
    pads, strides, dilations = a.get("pads", [0] * 2 * n), a.get("strides", [1] * n), a.get("dilations", [1] * n)
    width = [(0, 0), (0, 0)] + [(pads[k], pads[n + k]) for k in range(n)]
    x = np.pad(x, width, constant_values=fill)
    for k in range(n):
        count = (x.shape[2 + k] - dilations[k] * (size[k] - 1) - 1) // strides[k] + 1
        at = np.arange(count)[:, None] * strides[k] + np.arange(size[k])[None] * dilations[k]
        x = np.moveaxis(x.take(at.reshape(-1), 2 + k).reshape(*x.shape[:2 + k], count, size[k], *x.shape[3 + k:]), 3 + k, -1)
    return x


def conv(a, x, w, bias=None):
    group, n = a.get("group", 1), w.ndim - 2
    seen = windows(a, x.astype(np.float64), w.shape[2:], 0)
    parts = [np.tensordot(s, k, (list((1, *range(2 + n, 2 + 2 * n))), list(range(1, 2 + n))))
             for s, k in zip(np.split(seen, group, 1), np.split(w.astype(np.float64), group, 0))]
    y = np.moveaxis(np.concatenate(parts, -1), -1, 1)
    return (y if bias is None else y + bias.reshape(-1, *[1] * n)).astype(x.dtype)


def conv_transpose(a, x, w):
    """Each element adds the kernel to where it goes."""
    n, group = w.ndim - 2, a.get("group", 1)
    s, d, p, more = a["strides"], a["dilations"], a["pads"], a["output_padding"]
    full = [(x.shape[2 + k] - 1) * s[k] + d[k] * (w.shape[2 + k] - 1) + 1 + more[k] for k in range(n)]
    y = np.zeros((x.shape[0], w.shape[1] * group, *full))
    for at in np.ndindex(*w.shape[2:]):
        to = tuple(slice(at[k] * d[k], at[k] * d[k] + (x.shape[2 + k] - 1) * s[k] + 1, s[k]) for k in range(n))
        part = [np.tensordot(g, k[(slice(None), slice(None), *at)], (1, 0)) for g, k in zip(np.split(x, group, 1), np.split(w, group, 0))]
        y[(slice(None), slice(None), *to)] += np.moveaxis(np.concatenate(part, -1), -1, 1)
    return y[(slice(None), slice(None), *[slice(p[k], full[k] - p[n + k]) for k in range(n)])].astype(x.dtype)


def max_pool(a, x):
    n = len(a["kernel_shape"])
    return windows(a, x, a["kernel_shape"], -np.inf).max(tuple(range(-n, 0)))


def average_pool(a, x):
    axes = tuple(range(-len(a["kernel_shape"]), 0))
    counted = windows(a, np.ones_like(x), a["kernel_shape"], a.get("count_include_pad", 0))
    return (windows(a, x, a["kernel_shape"], 0).sum(axes, dtype=np.float64) / counted.sum(axes)).astype(x.dtype)


def plain(f):
    return lambda a, *x: f(*x)


OPS = {
    "Abs": plain(np.abs), "Acos": plain(np.arccos), "Acosh": plain(np.arccosh), "Add": plain(np.add), "And": plain(np.logical_and), "ArgMax": place(np.argmax),
    "ArgMin": place(np.argmin), "Asin": plain(np.arcsin), "Asinh": plain(np.arcsinh), "Atan": plain(np.arctan), "Atanh": plain(np.arctanh),
    "AveragePool": average_pool, "Cast": cast, "Ceil": plain(np.ceil), "Concat": lambda a, *x: np.concatenate(x, a["axis"]), "Conv": conv,
    "ConvTranspose": conv_transpose, "Cos": plain(np.cos), "Cosh": plain(np.cosh), "CumSum": cumsum, "Div": div, "Equal": plain(np.equal),
    "Erf": lambda a, x: erf(x).astype(x.dtype), "Exp": plain(np.exp), "Expand": expand, "Floor": plain(np.floor),
    "Gather": lambda a, x, i: x.take(i, a.get("axis", 0)), "GatherElements": gather_elements, "Greater": plain(np.greater),
    "GreaterOrEqual": plain(np.greater_equal), "Identity": plain(lambda x: x), "IsInf": plain(np.isinf), "IsNaN": plain(np.isnan),
    "LeakyRelu": lambda a, x: np.where(x < 0, np.float32(a["alpha"]) * x, x), "LayerNormalization": layer_norm, "Less": plain(np.less), "LessOrEqual": plain(np.less_equal), "Log": plain(np.log), "LogSoftmax": log_softmax,
    "MatMul": plain(np.matmul), "Max": plain(np.maximum), "MaxPool": max_pool, "Min": plain(np.minimum), "Mod": mod, "Mul": plain(np.multiply),
    "Neg": plain(np.negative), "Not": plain(np.logical_not), "OneHot": one_hot, "Or": plain(np.logical_or),
    "Pad": pad, "Pow": plain(np.power), "Range": plain(lambda a, b, c: np.arange(a, b, c)), "Reciprocal": plain(np.reciprocal),
    "ReduceLogSumExp": reduction(log_sum_exp), "ReduceMax": reduction(lambda x, a, k: x.max(a, keepdims=k)),
    "ReduceMean": reduction(mean), "ReduceMin": reduction(lambda x, a, k: x.min(a, keepdims=k)),
    "ReduceProd": reduction(lambda x, a, k: x.prod(a, keepdims=k)), "ReduceSum": reduce_sum, "Relu": plain(lambda x: np.maximum(x, 0).astype(x.dtype)),
    "Reshape": plain(lambda x, s: x.reshape(s)), "Round": plain(np.rint), "ScatterElements": scatter_elements,
    "Sigmoid": plain(lambda x: np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))).astype(x.dtype)),
    "Sign": plain(np.sign), "Sin": plain(np.sin), "Sinh": plain(np.sinh), "Slice": slices, "Softmax": softmax,
    "Softplus": plain(lambda x: np.logaddexp(x, 0).astype(x.dtype)), "Softsign": plain(lambda x: x / (x.dtype.type(1) + np.abs(x))), "Sqrt": plain(np.sqrt),
    "Sub": plain(np.subtract), "Tan": plain(np.tan), "Tanh": plain(np.tanh), "TopK": top_k, "Transpose": lambda a, x: x.transpose(a["perm"]),
    "Where": plain(np.where), "Xor": plain(np.logical_xor),
}


def evaluate(model, inputs):
    """The model's outputs by name."""
    values = {"": None, **inputs, **{t.name: numpy_helper.to_array(t) for t in model.graph.initializer}}
    with np.errstate(all="ignore"):
        for node in model.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            result = OPS[node.op_type](attributes, *[values[name] for name in node.input])
            values.update(zip(node.output, result if isinstance(result, tuple) else (np.asarray(result),)))
    return {o.name: values[o.name] for o in model.graph.output}
