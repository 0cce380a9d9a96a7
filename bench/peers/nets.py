"""The models of imgcls as PyTorch users write them, with what trains them."""
from typing import Callable, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from muon import Muon


class CifarNet(nn.Module):
    """The net of the tutorial "Training a Classifier"."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class Block(nn.Module):
    """A block of a residual network, with torchvision's names: basic, or of three layers."""

    def __init__(self, inner, width, stride, expansion):
        super().__init__()
        out = width * expansion
        kernels = [(inner, width, 3, stride), (width, out, 3, 1)] if expansion == 1 else [(inner, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        self.layers = len(kernels)
        for i, (a, b, k, s) in enumerate(kernels, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, k, s, k // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride > 1 or inner != out:
            self.downsample = nn.Sequential(nn.Conv2d(inner, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for i in range(1, self.layers + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.layers else y
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Torchvision's, and for pictures up to 64×64, or where it never reduces them, with a
    small first layer."""

    def __init__(self, size, blocks, width=64, expansion=1, reduces=True):
        super().__init__()
        large = reduces and size > 64
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False) if large else nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        inner, self.stages = width, len(blocks)
        for i, n in enumerate(blocks):
            stage = []
            for k in range(n):
                stage.append(Block(inner, width << i, 2 if i and not k else 1, expansion))
                inner = (width << i) * expansion
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inner, 10)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean((2, 3)))


def normed(inner, out, kernel, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(inner, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out), nn.ReLU6())


class Inverted(nn.Module):
    def __init__(self, inner, expand, out, stride):
        super().__init__()
        wide = inner * expand
        layers = [normed(inner, wide, 1)] if expand > 1 else []
        self.conv = nn.Sequential(*layers, normed(wide, wide, 3, stride, wide), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))
        self.adds = stride == 1 and inner == out

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """Torchvision's without dropout, that halves small pictures less often."""

    def __init__(self, size):
        super().__init__()
        first = 2 if size > 64 else 1
        second = 2 if (size + first - 1) // first > 32 else 1
        layers, inner = [normed(3, 32, 3, first)], 32
        for expand, out, n, stride in ((1, 16, 1, 1), (6, 24, 2, second), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for k in range(n):
                layers.append(Inverted(inner, expand, out, stride if k == 0 else 1))
                inner = out
        self.features = nn.Sequential(*layers, normed(inner, 1280, 1))
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(1280, 10))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class BiasNorm(nn.BatchNorm2d):
    """A batch norm of which only the bias is learnt."""

    def __init__(self, width):
        super().__init__(width, eps=1e-12, momentum=0.4)
        self.weight.requires_grad_(False)


class Group(nn.Module):
    """Two convolutions of airbench94 that start by handing channels on."""

    def __init__(self, inner, out):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, out, 3, padding=1, bias=False)
        self.norm1 = BiasNorm(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = BiasNorm(out)
        for conv in (self.conv1, self.conv2):
            nn.init.dirac_(conv.weight.data[:conv.in_channels])

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class AirBench94(nn.Module):
    """The network of airbench94_muon, the division of its logits put into the head's weight.
    The first filters stay as they are drawn, and are fitted to no pictures."""

    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        self.layers = nn.Sequential(nn.GELU(), Group(24, 64), Group(64, 256), Group(256, FEATURES))
        self.head = nn.Linear(FEATURES, 10, bias=False)
        nn.init.uniform_(self.head.weight, -(3 ** 0.5) / FEATURES, 3 ** 0.5 / FEATURES)

    def forward(self, x):
        x = self.layers(self.whiten(x))
        return self.head(F.max_pool2d(x, min(3, *x.shape[2:])).mean((2, 3)))


FEATURES = 256


def sgd(weight_decay=0, **settings):
    """SGD without decay of norms and biases."""

    def make(net, batch, fused, half):
        groups = [{"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": weight_decay},
                  {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0}]
        return [torch.optim.SGD(groups, **settings, fused=fused)]

    return make


def airbench(net, batch, fused, half):
    """The recipe of airbench94_muon, whose rates and decay are for the sum of a batch's
    losses; here the loss is their mean, and the head's rate is by the square of its scale."""
    bias, head, decay = 0.053 * batch, 0.67 * batch / FEATURES**2, 2e-6 * batch
    learnt = [p for p in net.parameters() if p.requires_grad]
    rest = [
        {"params": [p for p in learnt if p.ndim == 1], "lr": bias, "weight_decay": decay / bias},
        {"params": [net.head.weight], "lr": head, "weight_decay": decay / head},
    ]
    filters = [p for p in learnt if p.ndim == 4]
    return [Muon(filters, lr=0.24, momentum=0.6, half=half), torch.optim.SGD(rest, momentum=0.85, nesterov=True, fused=fused)]


class Twin(NamedTuple):
    net: Callable  # of a size of pictures: the net for 10 classes
    size: int  # of its recipe
    optimizers: Callable  # of the net, the batch, whether SGD is fused, whether 16 bits are enough for products
    smoothing: float = 0.0  # of labels


# By imgcls's name. A model of imgcls that is not here is named by the tables and left out.
RESIDUAL = sgd(lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
MODELS = {
    "cifar-net": Twin(lambda size: CifarNet(), 32, sgd(lr=0.001, momentum=0.9)),
    "resnet20": Twin(lambda size: ResNet(size, [3, 3, 3], width=16, reduces=False), 32, RESIDUAL),
    "resnet18": Twin(lambda size: ResNet(size, [2, 2, 2, 2]), 224, RESIDUAL),
    "resnet34": Twin(lambda size: ResNet(size, [3, 4, 6, 3]), 224, RESIDUAL),
    "resnet50": Twin(lambda size: ResNet(size, [3, 4, 6, 3], expansion=4), 224, RESIDUAL),
    "mobilenet_v2": Twin(MobileNetV2, 224, RESIDUAL),
    "airbench94": Twin(lambda size: AirBench94(), 32, airbench, 0.2),
}


def cost(net, size):
    """What imgcls calls the cost of a network: the numbers that are learnt, and the
    multiply-adds of convolutions and linear layers for one picture, forward."""
    macs = 0

    def count(layer, _, out):
        nonlocal macs
        macs += out.numel() * layer.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    first, was = next(net.parameters()), net.training
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, size, size, device=first.device))
    net.train(was)
    for hook in hooks:
        hook.remove()
    return {"parameters": sum(p.numel() for p in net.parameters() if p.requires_grad), "macs": macs}
