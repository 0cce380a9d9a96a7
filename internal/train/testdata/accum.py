"""Prints the goldens of accum_test.go, which PyTorch 2.15.0 computed in double precision.

    python accum.py

Two epochs over 79 pictures in batches of 12, each taken in two parts whose gradients add
up, and the last one of 7 in parts of 4 and 3: the network "batchnorm" of models.py, by SGD
of rate 0.01 with momentum 0.9, with gradients clipped to norm 0.5.
"""
import torch
import torch.nn.functional as F
from models import LAYERS, pictures, prepare, single

SAMPLES, BATCH, PARTS, EPOCHS, CLIP = 79, 12, 2, 2, 0.5

torch.set_num_threads(1)
x, t = pictures(SAMPLES, 32)
x = (x / 255 - 0.5) / 0.5
net = prepare(LAYERS["batchnorm"]()).train()
optimizer = torch.optim.SGD(net.parameters(), lr=single(0.01), momentum=single(0.9))
losses, norms = [], []
for batch in torch.arange(SAMPLES).split(BATCH) * EPOCHS:
    optimizer.zero_grad()
    total = 0.0
    for part in batch.tensor_split(PARTS):
        loss = F.cross_entropy(net(x[part]), t[part]) * len(part) / len(batch)
        loss.backward()
        total += loss.item()
    norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP).item())
    optimizer.step()
    losses.append(total)

print("losses", losses)
print("sums of running statistics and of their squares")
for name, v in net.state_dict().items():
    if "running" in name:
        print(name, v.sum().item(), (v * v).sum().item())
print("norms, for the choice of the bound", norms)
