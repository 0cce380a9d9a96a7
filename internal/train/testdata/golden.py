"""Makes the PyTorch goldens of this folder.

    python golden.py FOLDER

The committed files came from PyTorch 2.15.0 (CPU, one thread) and safetensors
0.8.0. Another version or processor may change the last digits of what is
computed, and so a few bytes.

cifar-net-steps.safetensors
    100 steps of training cifar-net. images u8 [400,32,32,3], labels i32 [400]
    and order i32 [400]: step s trains on samples order[4s : 4s+4]. init.NAME is
    PyTorch's default initialisation; losses f32 [100] (of each batch, before its
    step) and final.NAME are the outcome in single precision. losses64 f64 [100]
    and final64.NAME (the small tensors only) are that of double precision from
    the same initial weights, with the learning rate and the momentum rounded to
    single precision, as a schedule table of single-precision numbers has them.
cifar-net-trained.safetensors
    The state dict of a trained cifar-net, as safetensors.torch.save_file writes
    it: no metadata.
cifar-net-logits.safetensors
    What that net says of images u8 [16,32,32,3], none of which it was trained
    on: logits f32 [16,10], and logits64 f64 [16,10] computed in double precision.
layers.safetensors
    Each operation by itself, in double precision and PyTorch's layouts (NCHW,
    OIHW). Everything that goes in is a single-precision number, so that a device
    whose inputs are single precision can be held to 1e-9. The metadata key
    "cases" is JSON text: for each operation, a list of its cases' attributes.
    Case 0 of conv is conv.0.x and so on; d before a name is the gradient of
    Σ y·dy with respect to it.
      conv.<i>.    x w b y dy dx dw db; no b and db where "bias" is false
      pool.<i>.    x y dy dx: max-pooling; "ties" where values are equal in a window
      linear.<i>.  x w b y dy dx dw db
      relu.<i>.    x y dy dx; x holds 0 and −0
      xent.<i>.    x t(i32) loss dx: softmax cross-entropy, mean over the batch
      sgd.<i>.     p(before) g[step] p.<step> v.<step>: three steps from momentum
                   0; no v where momentum is 0
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

CLASSES = 10
BATCH = 4
STEPS = 100
TRAINING_EPOCHS = 10  # of the net whose logits are kept


class Net(nn.Module):
    """The network of PyTorch's tutorial "Training a Classifier"."""

    def __init__(self, classes=CLASSES):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def single(x):
    """The float nearest to x that single precision holds."""
    return float(np.float32(x))


def make_net(dtype=torch.float32):
    torch.manual_seed(0)
    return Net().to(dtype)


def make_pictures(n, seed):
    """n pictures u8 [n,32,32,3] and their labels: a smooth pattern for each
    class, mixed with a smooth pattern of the picture's own and some noise. Low
    classes are the more frequent, so that a hundred steps move the loss."""
    gen = torch.Generator().manual_seed(99)
    classes = torch.rand(CLASSES, 3, 4, 4, generator=gen)
    gen.manual_seed(seed)
    labels = (CLASSES * torch.rand(n, generator=gen) ** 3).long()
    own = torch.rand(n, 3, 6, 6, generator=gen)
    noise = torch.randn(n, 3, 32, 32, generator=gen)

    def smooth(x):
        return F.interpolate(x, size=(32, 32), mode="bilinear", align_corners=False)

    x = 0.65 * smooth(classes[labels]) + 0.35 * smooth(own)
    x = (x - 0.5) * 3 + 0.5 + 0.05 * noise
    x = (x * 255).round().clamp(0, 255).to(torch.uint8)
    return x.permute(0, 2, 3, 1).contiguous(), labels.to(torch.int32)


def normalize(images, dtype):
    """u8 [N,H,W,C] to numbers [N,C,H,W] in −1 … 1."""
    return ((images.to(dtype) / 255 - 0.5) / 0.5).permute(0, 3, 1, 2).contiguous()


def train(net, images, labels, order, dtype):
    """One step for each BATCH samples of order; returns the losses."""
    optimizer = torch.optim.SGD(net.parameters(), lr=single(0.001), momentum=single(0.9))
    x, t = normalize(images, dtype), labels.long()
    losses = []
    for batch in order.long().split(BATCH):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[batch]), t[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def steps():
    images, labels = make_pictures(STEPS * BATCH, seed=1)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(2)).to(torch.int32)
    out = {"images": images, "labels": labels, "order": order}

    net = make_net()
    out |= {f"init.{k}": v.clone() for k, v in net.state_dict().items()}
    out["losses"] = train(net, images, labels, order, torch.float32)
    out |= {f"final.{k}": v for k, v in net.state_dict().items()}

    net = make_net(torch.float64)
    out["losses64"] = train(net, images, labels, order, torch.float64)
    small = ("conv1.weight", "conv1.bias", "conv2.bias", "fc3.weight", "fc3.bias")
    out |= {f"final64.{k}": net.state_dict()[k] for k in small}
    return out


def trained():
    """The state of a trained net, and its logits on pictures that it never saw."""
    images, labels = make_pictures(STEPS * BATCH, seed=1)
    net = make_net()
    gen = torch.Generator().manual_seed(3)
    for _ in range(TRAINING_EPOCHS):
        train(net, images, labels, torch.randperm(len(images), generator=gen), torch.float32)
    state = {k: v.clone() for k, v in net.state_dict().items()}

    images, labels = make_pictures(16, seed=4)
    with torch.no_grad():
        logits = net(normalize(images, torch.float32))
        logits64 = net.double()(normalize(images, torch.float64))
    return state, {"images": images, "logits": logits, "logits64": logits64}


class Layers:
    """Collects the cases of single operations."""

    def __init__(self):
        self.gen = torch.Generator().manual_seed(5)
        self.cases = {}
        self.tensors = {}

    def random(self, *shape):
        """Normally distributed numbers that single precision holds."""
        return torch.randn(*shape, generator=self.gen, dtype=torch.float32).double()

    def add(self, op, attributes, tensors):
        cases = self.cases.setdefault(op, [])
        for name, t in tensors.items():
            self.tensors[f"{op}.{len(cases)}.{name}"] = t.detach().clone().contiguous()
        cases.append(attributes)

    def differentiate(self, op, attributes, function, **inputs):
        """Adds a case with y, a random dy, and the gradient of every input."""
        for t in inputs.values():
            t.requires_grad_()
        y = function(**inputs)
        dy = self.random(*y.shape)
        y.backward(dy)
        gradients = {"d" + name: t.grad for name, t in inputs.items()}
        self.add(op, attributes, inputs | {"y": y, "dy": dy} | gradients)

    def conv(self, x, w, stride, pad, bias=True):
        def function(x, w, b=None):
            return F.conv2d(x, w, b, stride, pad)

        inputs = {"x": self.random(*x), "w": self.random(*w)}
        if bias:
            inputs["b"] = self.random(w[0])
        self.differentiate("conv", {"stride": stride, "pad": pad, "bias": bias}, function, **inputs)

    def pool(self, x, kernel, stride, pad, ties=False):
        def function(x):
            return F.max_pool2d(x, kernel, stride, pad)

        values = self.random(*x)
        if ties:
            values = values.round().clamp(-1, 1)
        attributes = {"kernel": kernel, "stride": stride, "pad": pad, "ties": ties}
        self.differentiate("pool", attributes, function, x=values)

    def linear(self, n, inputs, outputs):
        def function(x, w, b):
            return F.linear(x, w, b)

        self.differentiate("linear", {}, function, x=self.random(n, inputs), w=self.random(outputs, inputs),
                           b=self.random(outputs))

    def relu(self, *shape):
        x = self.random(*shape)
        x.view(-1)[:2] = torch.tensor([0.0, -0.0])
        self.differentiate("relu", {}, lambda x: F.relu(x), x=x)

    def xent(self, n, classes, scale):
        """scale is a power of two, so that x stays in single precision."""
        x = (self.random(n, classes) * scale).requires_grad_()
        t = torch.randint(classes, (n,), generator=self.gen)
        loss = F.cross_entropy(x, t)
        loss.backward()
        self.add("xent", {}, {"x": x, "t": t.int(), "loss": loss.reshape(1), "dx": x.grad})

    def sgd(self, momentum=0.0, weight_decay=0.0, nesterov=False):
        settings = {"lr": single(0.1), "momentum": single(momentum), "weight_decay": single(weight_decay),
                    "nesterov": nesterov}
        p, g = nn.Parameter(self.random(5, 7)), self.random(3, 5, 7)
        out = {"p": p.detach().clone(), "g": g}
        optimizer = torch.optim.SGD([p], **settings)
        for step in range(3):
            p.grad = g[step]
            optimizer.step()
            out[f"p.{step}"] = p.detach().clone()
            if momentum:
                out[f"v.{step}"] = optimizer.state[p]["momentum_buffer"].clone()
        self.add("sgd", settings, out)

    def make(self):
        self.conv([2, 3, 9, 7], [4, 3, 5, 5], stride=1, pad=0)
        self.conv([3, 1, 7, 7], [5, 1, 3, 3], stride=1, pad=1)
        self.conv([2, 5, 9, 7], [3, 5, 3, 3], stride=2, pad=1)
        self.conv([1, 3, 8, 11], [2, 3, 5, 5], stride=2, pad=2)
        self.conv([2, 3, 8, 7], [4, 3, 3, 3], stride=2, pad=0)
        self.conv([2, 5, 5, 3], [3, 5, 1, 1], stride=1, pad=0)
        self.conv([2, 3, 6, 5], [4, 3, 2, 3], stride=1, pad=2)
        self.conv([2, 5, 5, 7], [1, 5, 3, 3], stride=1, pad=1, bias=False)
        self.conv([1, 1, 5, 5], [1, 1, 5, 5], stride=1, pad=0)

        self.pool([2, 3, 8, 6], kernel=2, stride=2, pad=0)
        self.pool([2, 5, 7, 9], kernel=2, stride=2, pad=0)
        self.pool([2, 3, 8, 7], kernel=3, stride=2, pad=1)
        self.pool([1, 1, 7, 7], kernel=3, stride=1, pad=1)
        self.pool([2, 3, 9, 8], kernel=3, stride=2, pad=1, ties=True)

        self.linear(3, 7, 5)
        self.linear(1, 13, 1)
        self.relu(3, 5, 7)
        self.xent(4, 10, scale=1)
        self.xent(3, 2, scale=1)
        self.xent(5, 7, scale=256)  # exp overflows unless the greatest is taken off first
        self.xent(1, 3, scale=1)

        self.sgd()
        self.sgd(momentum=0.9)
        self.sgd(momentum=0.9, weight_decay=0.01)
        self.sgd(momentum=0.9, weight_decay=0.01, nesterov=True)
        return self.tensors, {"cases": json.dumps(self.cases, sort_keys=True)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where the files go")
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    def write(name, tensors, metadata=None):
        save_file(tensors, os.path.join(folder, name + ".safetensors"), metadata)

    state, logits = trained()
    write("cifar-net-steps", steps())
    write("cifar-net-trained", state)
    write("cifar-net-logits", logits)
    write("layers", *Layers().make())


if __name__ == "__main__":
    main()
