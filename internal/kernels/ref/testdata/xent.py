"""Writes xent.golden: PyTorch's cross-entropy with smoothed and mixed targets, in float64.

Score i is ((37 i i + 11 i) mod 101 - 50) / 16. A line holds the rows N, the classes C, the
smoothing, whether targets are mixed, the loss, and its gradient [N,C]. Row n is of class
3 n mod C or, mixed, n / (N + 1) of that and the rest of 5 n + 1 mod C. Made with torch 2.15.0:

    python3 xent.py > xent.golden
"""

import torch
import torch.nn.functional as F

for rows, classes in ((1, 1), (1, 2), (4, 10), (5, 33)):
    for smoothing in (0.0, 0.1, 0.2, 0.9):
        for mixed in (0, 1):
            i = torch.arange(rows * classes)
            x = (((37 * i * i + 11 * i) % 101 - 50).double() / 16).reshape(rows, classes).requires_grad_()
            n = torch.arange(rows)
            first, second = 3 * n % classes, (5 * n + 1) % classes
            target = first
            if mixed:
                w = (n.double() / (rows + 1))[:, None]
                target = w * F.one_hot(first, classes) + (1 - w) * F.one_hot(second, classes)
            loss = F.cross_entropy(x, target, label_smoothing=smoothing)
            loss.backward()
            print(rows, classes, smoothing, mixed, loss.item(), *x.grad.flatten().tolist())
