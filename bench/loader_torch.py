#!/usr/bin/python3
"""What tg-bench --loader measures, in PyTorch: an epoch of the same network on MNIST, with images as they are, augmented by the DataLoader, and
augmented by a process of its own.

  loader_torch.py DIRECTORY [EPOCHS]    (2 epochs; the shorter one counts)

DIRECTORY holds MNIST's IDX files, gzipped or not. Each image is turned, scaled, sheared and shifted by one bilinear map.
"""
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from mnist_torch import BATCH, MOMENTUM, RATE, read


class Images(Dataset):
    def __init__(self, x, y, augmented):
        self.x, self.y, self.augmented = x, y, augmented

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return (turn(self.x[i]) if self.augmented else self.x[i]), self.y[i]


def turn(image):
    """Rotation within 15 degrees, shear within 8, a scale of 1/1.15 to 1.15, a shift within a tenth."""
    draw = (2 * torch.rand(5) - 1).tolist()
    angle, shear, scale = math.radians(15 * draw[0]), math.radians(8 * draw[1]), math.exp(draw[2] * math.log(1.15))
    c, s, t = math.cos(angle) / scale, math.sin(angle) / scale, math.tan(shear)
    theta = torch.tensor([[[c - t * s, s + t * c, 0.2 * draw[3]], [-s, c, 0.2 * draw[4]]]])
    grid = F.affine_grid(theta, (1, 1, 28, 28), align_corners=False)
    return F.grid_sample(image.view(1, 1, 28, 28), grid, align_corners=False).view(784)


def run_epoch(net, optimizer, loader):
    start = time.perf_counter()
    for x, y in loader:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return time.perf_counter() - start


def main(directory, epochs=2):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    x, y = read(directory, "train")
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    print(f"{len(x)} images in batches of {BATCH}, milliseconds of an epoch")
    for name, augmented, workers in ("as they are", False, 0), ("augmented", True, 0), ("augmented ahead", True, 1):
        loader = DataLoader(Images(x, y, augmented), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
        print(f"{name:16} {1e3 * min(run_epoch(net, optimizer, loader) for _ in range(epochs)):8.1f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
