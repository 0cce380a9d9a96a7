"""Makes models.json: what PyTorch and torchvision make of networks with batch norm
and the other layers of imgcls, from weights that both sides compute.

    python models.py models.json [NAME...]        # what is in the file already is kept

The committed file came from PyTorch 2.15.0 and torchvision 0.29.2 (CPU),
all of it in double precision. Weights and pictures are not in it: element i of tensor
NAME, in PyTorch's order, is center + (2u − 1)·bound in double precision, rounded to
single, where u is the upper 24 bits of the first word of Philox4x32-10 under seed 0,
with the FNV-1a hash of NAME as stream and i as index. See first().

A deep network in double precision and one in single part soon at a higher rate than
DEEP says, PyTorch's as well: at 0.01 the losses of resnet20 are 6 % apart after 20
steps. One number of a million that lies within rounding of 0 passes a ReLU in one and
not in the other, and moves a gradient by 0.1 %; on seven of the first eight batches of
resnet20 with pictures of 16×16 no such number exists, and every gradient agrees within
2e-7. The deeper the network, the more such numbers: the loss of resnet50's second step
at 0.00005 is 6e-4 apart, and that of its fifth at 1e-6 by 1e-4 where the last bit of
each weight is another.

steps   for each network NAME@32 on pictures of 32×32: the losses of STEPS steps of
        BATCH pictures (before each), and for each running statistic after them, and
        each parameter's gradient in the first step, the sum of its values and of
        their squares. airbench94@32 is by that
        network's own recipe, with muon.py. Names without a size are of RECIPES:
        each optimizer and schedule with PyTorch's own.
logits  of two pictures of 224×224, after running statistics have been moved by WARM
        batches.
"""
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim import lr_scheduler as rates

from muon import Muon

CLASSES = 10
BATCH = 4
STEPS = 20
WARM = 3


def single(x):
    return float(np.float32(x))


def uniform(name, n):
    """The first word of Philox4x32-10 of counters (i, stream) for i < n, in [0, 1)."""
    stream = 0xCBF29CE484222325
    for byte in name.encode():
        stream = (stream ^ byte) * 0x100000001B3 % 2**64
    low, word = np.uint64(0xFFFFFFFF), np.uint64(32)
    i = np.arange(n, dtype=np.uint64)
    c = [i, np.zeros_like(i), np.full_like(i, stream & 0xFFFFFFFF), np.full_like(i, stream >> 32)]
    k0 = k1 = 0
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> word) ^ c[1] ^ np.uint64(k0), b & low, (a >> word) ^ c[3] ^ np.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return (c[0] >> np.uint64(8)).astype(np.float64) / 2**24


def first(name, t):
    """How a parameter or buffer starts."""
    if name.endswith("running_mean"):
        return torch.zeros_like(t)
    if name.endswith("running_var"):
        return torch.ones_like(t)
    center, bound = 0.0, 0.1  # of biases
    if name.endswith("weight"):
        center, bound = (0.0, 1 / math.sqrt(t[0].numel())) if t.dim() > 1 else (1.0, 0.5)
    values = (center + (2 * uniform(name, t.numel()) - 1) * bound).astype(np.float32)
    return torch.from_numpy(values).reshape(t.shape).to(t.dtype)


def prepare(net):
    net = net.double()
    state = {k: v if k.endswith("num_batches_tracked") else first(k, v) for k, v in net.state_dict().items()}
    net.load_state_dict(state)
    return net


def pictures(n, size):
    """n pictures of 8×8 squares of one colour each, normalised to [N,C,H,W], and labels."""
    at = np.arange(size) * 8 // size
    squares = np.floor(256 * uniform("pictures", n * 8 * 8 * 3)).reshape(n, 8, 8, 3)
    x = torch.from_numpy(squares[:, at][:, :, at]).permute(0, 3, 1, 2).contiguous()
    return x, torch.from_numpy(np.floor(CLASSES * uniform("labels", n))).long()


def sums(named):
    return {k: [v.sum().item(), (v * v).sum().item()] for k, v in named}


def running(net):
    return sums((k, v) for k, v in net.state_dict().items() if "running" in k)


def train(net, std=0.5, lr=0.01):
    net = prepare(net).train()
    x, t = pictures(BATCH * STEPS, 32)
    x = (x / 255 - 0.5) / std
    optimizer = SGD(net.parameters(), lr=single(lr), momentum=single(0.9))
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[batch]), t[batch])
        loss.backward()
        if step == 0:
            gradients = sums((k, p.grad) for k, p in net.named_parameters())
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "sums": running(net), "gradients": gradients}


def recipe(make, schedule=None, epochs=1, smooth=0.0, clip=0.0):
    """The losses of two convolutions with GELU, by the optimizer that make returns and
    what schedule returns for it, which counts steps, or sees of each epoch's loss of
    PLATEAU. Nothing is rounded: the test gives the reference rates in double precision."""
    net = prepare(LAYERS["gelu"]()).train()
    steps = STEPS // epochs
    x, t = pictures(BATCH * steps, 32)
    x = (x / 255 - 0.5) / 0.5
    optimizer = make(net)
    scheduler = schedule(optimizer) if schedule else None
    losses = []
    for step in range(STEPS):
        batch = slice(step % steps * BATCH, (step % steps + 1) * BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[batch]), t[batch], label_smoothing=smooth)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        if isinstance(scheduler, rates.ReduceLROnPlateau):
            if (step + 1) % steps == 0:
                scheduler.step(PLATEAU[step // steps])
        elif scheduler:
            scheduler.step()
        losses.append(loss.item())
    return {"losses": losses, "sums": {}}


def by_shape(net, rule, **settings):
    """An optimizer that lets no biases decay."""
    matrices = [p for p in net.parameters() if p.dim() > 1]
    vectors = [p for p in net.parameters() if p.dim() == 1]
    return rule([{"params": matrices}, {"params": vectors, "weight_decay": 0.0}], **settings)


def first_apart(net, lr, decay):
    """AdamW, by which the first convolution learns at half the rate and decays twice as much."""
    first, rest = list(net.conv1.parameters()), [net.conv2.weight, net.fc.weight]
    biases = [net.conv2.bias, net.fc.bias]
    return AdamW([
        {"params": first, "lr": lr / 2, "weight_decay": 2 * decay},
        {"params": rest, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}], lr=lr)


def warm(optimizer, after):
    """after, behind five steps in which rates rise."""
    rise = rates.LinearLR(optimizer, start_factor=1 / 6, total_iters=5)
    return rates.SequentialLR(optimizer, [rise, after(optimizer)], [5])


def logits(net):
    net = prepare(net).train()
    x, _ = pictures(BATCH * WARM + 2, 224)
    x = (x / 255 - 0.5) / 0.5
    with torch.no_grad():
        for batch in x[: BATCH * WARM].split(BATCH):
            net(batch)
        return net.eval()(x[BATCH * WARM :]).tolist()


class Basic(nn.Module):
    """A residual block of two 3×3 convolutions."""

    def __init__(self, inputs, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = nn.Identity()
        if stride != 1 or inputs != out:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Basic(16, 16, 1), Basic(16, 16, 1), Basic(16, 16, 1))
        self.layer2 = nn.Sequential(Basic(16, 32, 2), Basic(32, 32, 1), Basic(32, 32, 1))
        self.layer3 = nn.Sequential(Basic(32, 64, 2), Basic(64, 64, 1), Basic(64, 64, 1))
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class Plain(nn.Module):
    """Two convolutions with an activation, or what else is to be tried, behind each."""

    def __init__(self, act1, act2, groups=1, pool=None):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(3, 8, 3, 2, 1), act1
        self.conv2, self.act2 = nn.Conv2d(8, 8, 3, 1, 1, groups=groups), act2
        self.pool = pool or nn.Identity()
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.act2(self.conv2(self.act1(self.conv1(x))))
        return self.fc(self.pool(x).mean((2, 3)))


class Residual(Plain):
    def forward(self, x):
        x = self.act1(self.conv1(x))
        return self.fc((x + self.act2(self.conv2(x))).mean((2, 3)))


def deep(name):
    return ResNet20() if name == "resnet20" else torchvisions(name)


def torchvisions(name, small=True):
    """torchvision's network; with small strides for pictures of at most 32×32."""
    net = getattr(torchvision.models, name)(num_classes=CLASSES, **({"dropout": 0.0} if "mobile" in name else {}))
    if small and "mobile" in name:
        net.features[0][0].stride = (1, 1)
        net.features[2].conv[1][0].stride = (1, 1)
    elif small:
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return net


LAYERS = {
    "batchnorm": lambda: Plain(nn.BatchNorm2d(8), nn.BatchNorm2d(8)),
    "gelu": lambda: Plain(nn.GELU(), nn.GELU()),
    "silu": lambda: Plain(nn.SiLU(), nn.SiLU()),
    "relu6": lambda: Plain(nn.ReLU6(), nn.ReLU6()),
    "avgpool": lambda: Plain(nn.ReLU(), nn.ReLU(), pool=nn.AvgPool2d(3, 2, 1)),
    "residual": lambda: Residual(nn.ReLU(), nn.ReLU()),
    "groups": lambda: Plain(nn.ReLU(), nn.ReLU(), groups=4),
    "depthwise": lambda: Plain(nn.ReLU(), nn.ReLU(), groups=8),
}
PLATEAU = (1.0, 2.0, 0.5, 0.5, 0.5)  # what the plateau is told of each epoch
RECIPES = {
    "sgd": lambda: recipe(lambda net: SGD(net.parameters(), lr=0.01)),
    "momentum, warm-up": lambda: recipe(
        lambda net: SGD(net.parameters(), lr=0.01, momentum=0.9), lambda o: rates.LinearLR(o, 1 / 6, total_iters=5)),
    "decay, step": lambda: recipe(
        lambda net: by_shape(net, SGD, lr=0.01, momentum=0.9, weight_decay=0.5), lambda o: rates.StepLR(o, 5, 0.5), epochs=4),
    "nesterov, one cycle": lambda: recipe(
        lambda net: by_shape(net, SGD, lr=0.01, momentum=0.9, weight_decay=0.5, nesterov=True),
        lambda o: rates.OneCycleLR(o, 0.01, total_steps=STEPS, cycle_momentum=False), clip=0.5),
    "nesterov, plateau": lambda: recipe(
        lambda net: SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True),
        lambda o: rates.ReduceLROnPlateau(o, factor=0.5, patience=0, min_lr=0.002), epochs=5),
    "adamw, linear": lambda: recipe(
        lambda net: by_shape(net, AdamW, lr=0.01, weight_decay=0.5), lambda o: rates.LinearLR(o, 1, 0.1, total_iters=STEPS)),
    "adamw, groups, cosine": lambda: recipe(
        lambda net: first_apart(net, 0.01, 0.5),
        lambda o: warm(o, lambda o: rates.CosineAnnealingLR(o, T_max=STEPS - 5)), smooth=0.1),
}
DEEP = {"resnet20": 2e-4, "resnet18": 5e-5, "resnet34": 5e-6, "resnet50": 2e-7, "mobilenet_v2": 1e-6}  # and their rates


class Group(nn.Module):
    """Two convolutions of airbench94, with a pooling behind the first."""

    def __init__(self, inputs, out):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(i, out, 3, padding="same", bias=False) for i in (inputs, out))
        self.norm1, self.norm2 = (nn.BatchNorm2d(out, eps=1e-12, momentum=0.4) for _ in range(2))
        self.norm1.weight.requires_grad = self.norm2.weight.requires_grad = False

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class AirBench94(nn.Module):
    """The network of airbench94_muon, which divides logits by the number of features."""

    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.layers = nn.Sequential(nn.GELU(), Group(24, 64), Group(64, 256), Group(256, 256), nn.MaxPool2d(3))
        self.head = nn.Linear(256, CLASSES, bias=False)

    def forward(self, x):
        x = self.layers(self.whiten(x)).flatten(1)
        return self.head(x) / x.size(-1)


def airbench():
    """Its recipe, at rates of 0.002 that fall to 0, of whiten.bias in half of the steps.
    imgcls has a head that is smaller by the number of features, at a rate that is by
    its square: here it is as in the original."""
    lr, decay, half, features = 0.002, 0.25, STEPS / 2, 256
    net = prepare(AirBench94()).train()
    with torch.no_grad():
        net.head.weight.mul_(features)
    learnt = {k: p for k, p in net.named_parameters() if p.requires_grad}
    filters = [p for p in learnt.values() if p.ndim == 4]
    norms = [p for k, p in learnt.items() if "norm" in k]
    sgd = SGD(
        [{"params": [net.whiten.bias]}, {"params": norms}, {"params": [net.head.weight]}],
        lr=lr, momentum=single(0.85), nesterov=True, weight_decay=decay)
    muon = Muon(filters, lr, single(0.6))
    x, t = pictures(BATCH * STEPS, 32)
    x = (x / 255 - 0.5) / 0.5
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        net.zero_grad()
        loss = F.cross_entropy(net(x[batch]), t[batch], label_smoothing=0.2)
        loss.backward()
        if step == 0:  # of the head as imgcls has it
            gradients = sums((k, p.grad * (features if k == "head.weight" else 1)) for k, p in learnt.items())
        rate = lr - lr * (step / STEPS)
        first, second, head = sgd.param_groups
        first["lr"] = single(lr * max(0, 1 - step / half))
        second["lr"] = muon.param_groups[0]["lr"] = single(rate)
        head["lr"], head["weight_decay"] = single(rate / 2) * features**2, decay / 2 / features**2
        muon.step()
        sgd.step()
        losses.append(loss.item())
    return {"losses": losses, "sums": running(net), "gradients": gradients}


def entries():
    """What the file holds: for each entry, how it is made."""
    steps = {name + "@32": lambda name=name: train(LAYERS[name](), 0.05 if name == "relu6" else 0.5) for name in LAYERS}
    for name, lr in DEEP.items():
        steps[name + "@32"] = lambda name=name, lr=lr: train(deep(name), lr=lr)
    steps |= RECIPES
    steps["airbench94@32"] = airbench
    big = {name: lambda name=name: logits(torchvisions(name, small=False)) for name in ("resnet18", "mobilenet_v2", "resnet50")}
    return {"steps": steps, "logits": big}


def main():
    torch.set_num_threads(1)
    made = {"steps": {}, "logits": {}}
    if os.path.exists(sys.argv[1]):
        with open(sys.argv[1]) as f:
            made = json.load(f)
    for kind, makers in entries().items():
        for name, make in makers.items():
            if name in made[kind] or sys.argv[2:] and name not in sys.argv[2:]:
                continue
            print(kind, name, file=sys.stderr, flush=True)
            made[kind][name] = make()
            with open(sys.argv[1], "w") as f:
                json.dump(made, f, indent=0)
                f.write("\n")


if __name__ == "__main__":
    main()
