"""Trains the net of PyTorch's tutorial "Training a Classifier" on CIFAR-10.

    python pytorch_tutorial.py --data cifar-10-batches-bin --threads 2

The peer that imgcls is measured against: the tutorial's net and recipe (batch 4,
SGD 0.001 with momentum 0.9, mean and deviation 0.5), with the training set held
in memory as normalised floats, so that nothing but training is in the measured
time. --as-published reads it as the tutorial does instead: a picture at a time
through torchvision's transforms in a DataLoader with two workers.

Prints one line of JSON to standard output, and the running loss of the tutorial
to standard error. "seconds" is training alone: reading the files, a run-up of
forward and backward passes that changes no weight, and evaluation are outside.
"""
import argparse
import json
import os
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nets import CifarNet

BATCH = 4
EVALUATION_BATCH = 500
REPORT_EVERY = 2000  # steps
RUN_UP = 300  # passes


def read(folder, *names):
    """The pictures u8 [N,3,32,32] and labels [N] of binary CIFAR-10 files."""
    inner = os.path.join(folder, "cifar-10-batches-bin")
    folder = inner if os.path.isdir(inner) else folder
    records = np.concatenate([np.fromfile(os.path.join(folder, n + ".bin"), np.uint8) for n in names])
    records = records.reshape(-1, 1 + 3 * 32 * 32)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


class InMemory:
    """Batches of tensors that lie ready, normalised."""

    def __init__(self, pictures, labels, batch, layout, shuffle):
        x = torch.from_numpy(pictures).float().div_(255).sub_(0.5).div_(0.5)
        self.x, self.t = x.contiguous(memory_format=layout), torch.from_numpy(labels)
        self.batch, self.shuffle = batch, shuffle

    def __iter__(self):
        n = len(self.x)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for batch in order.split(self.batch):
            yield self.x[batch], self.t[batch]


def as_published(pictures, labels, shuffle):
    """The tutorial's DataLoader."""
    from PIL import Image
    from torchvision import transforms

    transform = transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ])
    pictures = np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return len(labels)

        def __getitem__(self, i):
            return transform(Image.fromarray(pictures[i])), int(labels[i])

    return torch.utils.data.DataLoader(Pictures(), batch_size=BATCH, shuffle=shuffle, num_workers=2)


def run_up(net, batches):
    """Warms memory and thread pools, and compiles where that was asked for."""
    x, t = next(iter(batches))
    for _ in range(RUN_UP):
        F.cross_entropy(net(x), t).backward()
        net.zero_grad()


def train(net, optimizer, batches, epoch, most):
    """One epoch, or its first `most` steps; returns the steps and the mean loss."""
    criterion = nn.CrossEntropyLoss()
    total = running = 0.0
    steps = 0
    for x, t in batches:
        if steps == most:
            break
        optimizer.zero_grad()
        loss = criterion(net(x), t)
        loss.backward()
        optimizer.step()
        value = loss.item()
        total += value
        running += value
        steps += 1
        if steps % REPORT_EVERY == 0:
            print(f"[{epoch}, {steps:5d}] loss: {running / REPORT_EVERY:.3f}", file=sys.stderr)
            running = 0.0
    return steps, total / steps


@torch.no_grad()
def accuracy(net, batches):
    right = samples = 0
    for x, t in batches:
        right += (net(x).argmax(1) == t).sum().item()
        samples += len(t)
    return right / samples


def positive(text):
    n = int(text)
    if n < 1:
        raise ValueError
    return n


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="cifar-10-batches-bin, or the folder that holds it")
    parser.add_argument("--epochs", type=positive, default=2, metavar="N")
    parser.add_argument("--steps", type=positive, metavar="N", help="stop each epoch after N steps")
    parser.add_argument("--threads", type=positive, metavar="T", help="default: PyTorch's own choice")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--fused", action="store_true", help="the fused form of SGD")
    parser.add_argument("--compile", action="store_true", help="torch.compile the net")
    parser.add_argument("--as-published", action="store_true", help="the tutorial's DataLoader, two workers")
    parser.add_argument("--no-eval", action="store_true")
    return parser.parse_args()


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    net = CifarNet().to(memory_format=layout)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, fused=args.fused or None)
    model = torch.compile(net) if args.compile else net

    training = read(args.data, *(f"data_batch_{i}" for i in range(1, 6)))
    if args.as_published:
        batches = as_published(*training, shuffle=True)
    else:
        batches = InMemory(*training, BATCH, layout, shuffle=True)
    if not args.no_eval:
        testing = read(args.data, "test_batch")
        if args.as_published:
            test = as_published(*testing, shuffle=False)
        else:
            test = InMemory(*testing, EVALUATION_BATCH, layout, shuffle=False)

    run_up(model, batches)
    epochs = []
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        steps, loss = train(model, optimizer, batches, epoch, args.steps)
        seconds = time.perf_counter() - start
        top1 = None if args.no_eval else accuracy(net, test)
        epochs.append({"epoch": epoch, "steps": steps, "seconds": seconds, "train_loss": loss, "test_top1": top1})

    rate = statistics.median(e["steps"] / e["seconds"] for e in epochs)
    print(json.dumps({
        "peer": "pytorch-tutorial",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "seed": args.seed,
        "batch": BATCH,
        "as_published": args.as_published,
        "channels_last": args.channels_last,
        "fused": args.fused,
        "compile": args.compile,
        "epochs": epochs,
        "seconds": statistics.median(e["seconds"] for e in epochs),
        "steps_per_second": rate,
        "images_per_second": rate * BATCH,
    }))


if __name__ == "__main__":
    main()
