"""What PyTorch computes for the samples of attention, positions, recurrent networks and CTC (samples_sequence.c)."""
import torch
import torch.nn.functional as F


def scores_of(s, q, k):
    """-1e300 where a query may not see a key."""
    rows, cols = q.shape[-2], k.shape[-2]
    scores = q @ k.mT * (s["number"] or max(q.shape[-1], 1) ** -0.5)
    place = torch.arange(rows * cols).reshape(rows, cols)
    if s["start"] == 1:
        scores = scores.masked_fill((torch.arange(rows)[:, None] == 1) | (place % 3 == 1), -1e300)
    if s["start"] == 2:
        scores = scores + (place % 5) / 4
    if s["axis"]:
        scores = scores.masked_fill(torch.arange(cols) > torch.arange(rows)[:, None], -1e300)
    return scores


def kept(s, weights, row_of):
    """What dropout multiplies the weights with: 2 or 0 each. The draw is read off our result: of all there are it is the one that gives row_of's rows."""
    if not s["step"]:
        return torch.ones_like(weights)
    ours, cols = torch.tensor(s["out"][0]["data"], dtype=weights.dtype).reshape(s["out"][0]["shape"]), weights.shape[-1]
    draws = [torch.tensor([2.0 * (n >> j & 1) for j in range(cols)], dtype=weights.dtype) for n in range(1 << cols)]
    with torch.no_grad():
        off = torch.stack([(row_of(draw.expand_as(weights)) - ours).abs().sum(-1) for draw in draws])
        return torch.stack(draws)[off.argmin(0)]


def attention(s, q, k, v):
    scores = scores_of(s, q, k)
    p = scores.softmax(-1) if k.shape[-2] else scores
    p = p.masked_fill(scores <= -1e300, 0)
    p = p.expand(*torch.broadcast_shapes(p.shape[:-2], v.shape[:-2]), *p.shape[-2:])
    return p * kept(s, p, lambda draw: p * draw @ v) @ v


def attention_grad(s, x, k, v):
    """dq = scale S k, where S = P (g v^T kept - delta) and P = e^(scores - logarithm - 1/4); q, the logarithm, delta and g lie side by side in x."""
    q, log, delta, g = x.split([k.shape[-1], 1, 1, v.shape[-1]], -1)
    scores, to_weights = scores_of(s, q, k), g @ v.mT
    p = (scores - log - 0.25).exp().expand_as(scores + to_weights)
    dq = lambda draw: p * (to_weights * draw - delta) @ k * s["number"]
    return dq(kept(s, p, dq))


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


def ctc_lengths(x, y):
    steps, n, labels = x.shape[0], x.shape[1], y.shape[1]
    return torch.tensor([steps - k % 2 for k in range(n)]), torch.tensor([labels - k if k < labels else 0 for k in range(n)])


def ctc(s, x, y):
    """PyTorch's has no second derivative."""
    theirs, own = F.ctc_loss(x.log_softmax(-1), y.long(), *ctc_lengths(x, y), x.shape[2] - 1, ["mean", "sum", "none"][s["axis"]]), ctc_by_definition(s, x, y)
    if not (own - theirs).abs().max() <= 1e-12 * theirs.abs().max():
        raise ValueError(f"the definition gives {own.flatten().tolist()} and PyTorch {theirs.flatten().tolist()}")
    return own


def alone(s, log_p, y, inputs, targets, k):
    """The loss of one sequence by its definition, for second derivatives: ln of the sum over paths, a step at a time."""
    blank = log_p.shape[2] - 1
    symbols = [blank]
    for label in y[k, :targets[k]].tolist():
        symbols += [label, blank]
    lowest = torch.full((), -float("inf"), dtype=log_p.dtype)
    a = [log_p[0, k, c] if i < 2 else lowest for i, c in enumerate(symbols)]
    for t in range(1, int(inputs[k])):
        before = a
        a = []
        for i, c in enumerate(symbols):
            ways = [before[j] for j in range(max(i - 1, 0), i + 1)]
            if i > 1 and c != blank and c != symbols[i - 2]:
                ways.append(before[i - 2])
            ways = [w for w in ways if w > -float("inf")]
            a.append(torch.stack(ways).logsumexp(0) + log_p[t, k, c] if ways else lowest)
    return -torch.stack(a[-2:]).logsumexp(0)


def ctc_by_definition(s, x, y):
    log_p, (inputs, targets) = x.log_softmax(-1), ctc_lengths(x, y)
    losses = torch.stack([alone(s, log_p, y, inputs, targets, k) for k in range(x.shape[1])])
    return [lambda v: (v / targets.clamp(min=1)).mean(), torch.sum, lambda v: v][s["axis"]](losses)


def rope(s, x):
    """Pairs as complex numbers."""
    steps, width = x.shape[-2:]
    rate = (s["number"] or 10000) ** (-2 * torch.arange(width // 2, dtype=x.dtype) / width)
    angle = (s["start"] + torch.arange(steps, dtype=x.dtype))[:, None] * rate * (-1 if s["keepdim"] else 1)
    a, b = x.chunk(2, -1) if s["axis"] else (x[..., ::2], x[..., 1::2])
    turned = a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()
    return torch.cat(turned, -1) if s["axis"] else torch.stack(turned, -1).flatten(-2)


COMPOSED = {"multi_head_attention": heads, "attention_grad": attention_grad}
OPS = {
    "scaled_dot_product_attention": attention, "attention": attention, "attention_grad": attention_grad, "multi_head_attention": heads, "rope": rope, "rnn_cell": rnn_cell, "lstm_cell": lstm_cell,
    "gru_cell": lambda s, x, h, w: torch.gru_cell(x, h, *weights(x, h, w)),
    "rnn": sequence(lambda s, x, h, c, w: (cell("relu" if s["axis"] else "rnn")(x, h, *w), c)),
    "lstm": sequence(lambda s, x, h, c, w: torch.lstm_cell(x, (h, c), *w)),
    "gru": sequence(lambda s, x, h, c, w: (torch.gru_cell(x, h, *w), c)),
    "ctc_loss": ctc,
}
