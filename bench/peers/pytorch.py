"""PyTorch as a contender: python pytorch.py --threads 2

Settings of a work, as words:
    channels_last  images and filters in NHWC
    fused          the fused form of SGD
    compile        torch.compile, of the net and its loss or of the forward pass
    autotune       with compile: mode max-autotune-no-cudagraphs
    freeze         inference: torch.jit.freeze and optimize_for_inference

Batches lie ready in memory as normalised floats, so PyTorch is spared gathering
and normalising, which imgcls does in each step. With "samples" the pictures are
bytes in memory, as a training run keeps them, and each batch is gathered.
"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch._inductor import config as inductor

import talk

READY = 16  # batches that lie ready


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


MODELS = {"cifar-net": (CifarNet, 32, {"lr": 0.001, "momentum": 0.9})}


def layout(settings):
    return torch.channels_last if "channels_last" in settings else torch.contiguous_format


def compiled(function, settings):
    torch._dynamo.reset()
    return torch.compile(function, mode="max-autotune-no-cudagraphs" if "autotune" in settings else None)


def batches(work, size, form):
    """Returns a function that gives the next batch."""
    n, many = work["batch"], work.get("samples", 0)
    if many:
        pictures = torch.randint(0, 256, (many, 3, size, size), dtype=torch.uint8).contiguous(memory_format=form)
        labels = torch.randint(0, 10, (many,))
        order, at = torch.randperm(many), 0

        def gathered():
            nonlocal at
            if at + n > many:
                torch.randperm(many, out=order)
                at = 0
            chosen = order[at:at + n]
            at += n
            return pictures[chosen].float().div_(127.5).sub_(1), labels[chosen]

        return gathered
    ready = [(torch.randn(n, 3, size, size).contiguous(memory_format=form), torch.randint(0, 10, (n,))) for _ in range(READY)]
    at = 0

    def given():
        nonlocal at
        at = (at + 1) % READY
        return ready[at]

    return given


def training(work, settings):
    make, size, recipe = MODELS[work["model"]]
    net = make().to(memory_format=layout(settings))
    optimizer = torch.optim.SGD(net.parameters(), **recipe, fused="fused" in settings or None)

    def forward(x, t):
        return F.cross_entropy(net(x), t)

    loss_of = compiled(forward, settings) if "compile" in settings else forward
    batch = batches(work, size, layout(settings))

    def step():
        x, t = batch()
        optimizer.zero_grad()
        loss = loss_of(x, t)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference(work, settings):
    make, size, _ = MODELS[work["model"]]
    net = make().eval().to(memory_format=layout(settings))
    x = torch.rand(work["batch"], 3, size, size).contiguous(memory_format=layout(settings))
    with torch.no_grad():
        if "freeze" in settings:
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))
        elif "compile" in settings:
            inductor.freezing = True
            net = compiled(net, settings)

    def step():
        with torch.inference_mode():
            return net(x)

    def step_without_grad():  # what freezing in inductor asks for
        with torch.no_grad():
            return net(x)

    return step_without_grad if "compile" in settings else step


def matmul(work, settings):
    a, b = torch.rand(work["m"], work["k"]) * 2 - 1, torch.rand(work["k"], work["n"]) * 2 - 1
    y = torch.empty(work["m"], work["n"])

    def step():
        with torch.inference_mode():
            torch.mm(a, b, out=y)

    return step


def convolution(work, settings):
    form = layout(settings)
    n, size, inner, outer, kernel = (work[k] for k in ("batch", "size", "in", "out", "kernel"))
    stride, pad, groups = work["stride"], work.get("pad", 0), work.get("groups", 1)
    out = (size + 2 * pad - kernel) // stride + 1

    def noise(*shape):
        return (torch.rand(*shape) * 2 - 1).contiguous(memory_format=form)

    x, w, dy = noise(n, inner, size, size), noise(outer, inner // groups, kernel, kernel), noise(n, outer, out, out)

    def forward():
        with torch.inference_mode():
            F.conv2d(x, w, None, stride, pad, 1, groups)

    def backward(wanted):
        def step():
            with torch.inference_mode():
                torch.ops.aten.convolution_backward(
                    dy, x, w, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], groups, wanted)
        return step

    return {
        "Conv": forward,
        "ConvBackData": backward([True, False, False]),
        "ConvBackFilter": backward([False, True, False]),
    }[work["op"]]


def prepare(work):
    settings = work.get("settings", [])
    torch.manual_seed(42)
    if work.get("op") == "MatMul":
        return matmul(work, settings)
    if work.get("op"):
        return convolution(work, settings)
    return {"train": training, "infer": inference}[work["mode"]](work, settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    talk.serve("PyTorch", torch.__version__, args.threads, prepare)


if __name__ == "__main__":
    main()
