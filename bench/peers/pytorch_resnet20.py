"""Trains ResNet-20 on CIFAR-10 by the recipe of `imgcls train --model resnet20`.

    python pytorch_resnet20.py --data cifar-10-batches-bin --threads 2 --epochs 10

Batch 128; SGD 0.1 with Nesterov's momentum 0.9, weight decay 5e-4 but on norms and
biases; a warm-up of one epoch, then half a cosine; mirrored pictures, and crops of
pictures with a border of 4. The training set is held in memory as bytes.

Prints one line of JSON to standard output. "seconds" is training alone.
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from nets import MODELS
from pytorch_tutorial import accuracy, positive, read

TWIN, BATCH = MODELS["resnet20"], 128
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BORDER, SIZE = 4, 32


def normalised(pictures):
    """f32 of u8 [N,3,H,W]."""
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    return ((pictures.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)


def changed(x):
    """Half of the pictures mirrored, each a part of itself and its border."""
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
    wide = F.pad(x, [BORDER] * 4)
    tops, lefts = torch.randint(0, 2 * BORDER + 1, (2, len(x), 1))
    rows, columns = tops + torch.arange(SIZE), lefts + torch.arange(SIZE)
    picture = torch.arange(len(x)).view(-1, 1, 1)
    wide = wide.permute(0, 2, 3, 1)[picture, rows.unsqueeze(2), columns.unsqueeze(1)]
    return wide.permute(0, 3, 1, 2)


def rate(step, per_epoch, total):
    if step < per_epoch:
        return (step + 1) / (per_epoch + 1)
    return (1 + math.cos(math.pi * (step - per_epoch) / (total - per_epoch))) / 2


def initialise(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="cifar-10-batches-bin, or the folder that holds it")
    parser.add_argument("--epochs", type=positive, default=10, metavar="N")
    parser.add_argument("--threads", type=positive, metavar="T", help="default: PyTorch's own choice")
    parser.add_argument("--seed", type=int, default=42, metavar="S")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)

    pictures, labels = (torch.from_numpy(v) for v in read(a.data, *(f"data_batch_{i}" for i in range(1, 6))))
    tests, answers = (torch.from_numpy(v) for v in read(a.data, "test_batch"))
    net = TWIN.net(SIZE).to(memory_format=torch.channels_last)
    initialise(net)
    [optimizer] = TWIN.optimizers(net, BATCH, True, False)
    per_epoch = math.ceil(len(pictures) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, per_epoch, a.epochs * per_epoch))

    begun, loss = time.perf_counter(), 0.0
    for epoch in range(1, a.epochs + 1):
        net.train()
        total = 0.0
        for batch in torch.randperm(len(pictures)).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(changed(normalised(pictures[batch]))), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        loss = total / len(pictures)
        print(f"epoch {epoch} loss {loss:.4f} {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    seconds = time.perf_counter() - begun
    net.eval()
    top1 = accuracy(net, ((normalised(x), t) for x, t in zip(tests.split(500), answers.split(500))))
    print(json.dumps({"top1": top1, "loss": round(loss, 4), "seconds": round(seconds, 1), "epochs": a.epochs,
                      "seed": a.seed, "threads": torch.get_num_threads(), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
