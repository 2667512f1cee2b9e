"""Writes tests/golden/modules.safetensors: PyTorch's modules (python3-torch 1.13), their state_dict, inputs, results and gradients, and the losses of a network
trained with them. With a file as argument: loads it strictly into that network, and compares its results with those in the file ("check/…").

    python3 tests/golden/modules.py            writes the file
    python3 tests/golden/modules.py FILE       the way back
"""
import json
import os
import struct
import sys

import torch
from torch import nn

DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def write(path, tensors):
    header, data = {}, b""
    for name, t in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        raw = t.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def read(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), f.read()
    kinds = {name: dtype for dtype, name in DTYPES.items()}
    return {name: torch.frombuffer(bytearray(data[e["data_offsets"][0]:e["data_offsets"][1]]), dtype=kinds[e["dtype"]]).reshape(e["shape"])
            for name, e in header.items() if name != "__metadata__"}


class Net(nn.Module):
    """Images [N,1,8,8]: convolution, batch norm, an LSTM over rows, a transformer's block, a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.lstm = nn.LSTM(48, 16, 2, batch_first=True, bidirectional=True)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        h = torch.relu(self.bn(self.conv(x)))
        h, _ = self.lstm(h.permute(0, 2, 1, 3).reshape(x.shape[0], 8, 48))
        return self.head(self.block(h).mean(1))


def train(out):
    net, loss = Net(), nn.CrossEntropyLoss()
    x, y = torch.randn(12, 1, 8, 8), torch.randint(5, (12,))
    out.update({"net/x": x, "net/y": y})
    out.update({"net/model/" + k: v.clone() for k, v in net.state_dict().items()})
    net.eval()
    out["net/evaluated"] = net(x)
    net.train()
    sgd, losses = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9), []
    for _ in range(50):
        sgd.zero_grad()
        loss_now = loss(net(x), y)
        loss_now.backward()
        sgd.step()
        losses.append(loss_now.detach())
    net.eval()
    out.update({"net/losses": torch.stack(losses), "net/trained": net(x), "net/running_mean": net.bn.running_mean.clone()})


def case(out, name, module, call, *inputs):
    """Results and gradients of sum(result * seed), in f64."""
    module = module.double()
    inputs = [i.double().requires_grad_() if i.is_floating_point() else i for i in inputs]
    result = call(module, *inputs)
    seed = torch.randn(result.shape, dtype=torch.float64)
    (result * seed).sum().backward()
    out.update({f"{name}/in{k}": i for k, i in enumerate(inputs)})
    out.update({f"{name}/model/{k}": v for k, v in module.state_dict().items()})
    out.update({f"{name}/grad/{k}": v.grad for k, v in module.named_parameters()})
    out.update({f"{name}/out": result, f"{name}/seed": seed})


def packed(module, x, lengths):
    seq = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    result, last = module(seq)
    result, _ = nn.utils.rnn.pad_packed_sequence(result, batch_first=True, total_length=x.shape[1])
    h = last[0] if isinstance(last, tuple) else last
    return torch.cat([result.flatten(), h.flatten()])


def cases(out):
    plain = lambda m, x: m(x)
    case(out, "linear", nn.Linear(5, 3), plain, torch.randn(2, 4, 5))
    case(out, "embedding", nn.Embedding(7, 3, padding_idx=2), plain, torch.tensor([[0, 2, 6], [1, 2, 0]]))
    case(out, "conv1", nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), plain, torch.randn(2, 4, 9))
    case(out, "conv3", nn.Conv3d(2, 3, 2, dilation=2, bias=False), plain, torch.randn(2, 2, 4, 5, 4))
    case(out, "group", nn.GroupNorm(2, 6), plain, torch.randn(2, 6, 3, 2))
    case(out, "layer", nn.LayerNorm(6), plain, torch.randn(2, 3, 6))
    lengths = torch.tensor([4, 1, 6])
    case(out, "lstm", nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), packed, torch.randn(3, 6, 3), lengths)
    case(out, "gru", nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), packed, torch.randn(3, 6, 3), lengths)
    case(out, "rnn", nn.RNN(3, 4, 1, batch_first=True, nonlinearity="relu"), packed, torch.randn(3, 6, 3), lengths)
    block = nn.TransformerDecoderLayer(8, 2, 12, 0.0, "relu", batch_first=True)
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    case(out, "decoder", block, lambda m, x, memory: m(x, memory, tgt_mask=causal), torch.randn(2, 5, 8), torch.randn(2, 3, 8))
    hidden = torch.tensor([[False, False, True], [False, False, False]])
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    case(out, "attention", attention, lambda m, q, k: m(q, k, k, key_padding_mask=hidden)[0], torch.randn(2, 5, 8), torch.randn(2, 3, 8))


if len(sys.argv) == 1:
    torch.manual_seed(1)
    tensors = {}
    train(tensors)
    cases(tensors)
    write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "modules.safetensors"), tensors)
else:
    tensors = read(sys.argv[1])
    net = Net()
    net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("check/")}, strict=True)
    net.eval()
    worst = (net(tensors["check/x"]) - tensors["check/y"]).abs().max().item()
    print(f"largest difference {worst:.2e}")
    sys.exit(0 if worst <= 1e-5 else 1)
