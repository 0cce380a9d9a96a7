"""Prints the goldens of recipes_test.go, which PyTorch 2.15.0 computed in double precision.

    python recipes.py

Each takes 20 steps of four on the pictures and from the weights of
cifar-net-steps.safetensors, by SGD of rate 0.01 with momentum 0.9, rounded to single
precision as a schedule table has them.
"""
import torch
import torch.nn.functional as F
from golden import Net, normalize, single
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS, CLIP, DECAY = 20, 0.75, 0.75

torch.set_num_threads(1)
g = load_file("cifar-net-steps.safetensors")
x, t = normalize(g["images"], torch.float64), g["labels"].long()


def train(clip=0.0, decay=None):
    net = Net().double()
    net.load_state_dict({k[5:]: v for k, v in g.items() if k.startswith("init.")})
    ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay or 0))
    ema.update_parameters(net)  # the first time is a copy: the average begins with the first weights
    optimizer = torch.optim.SGD(net.parameters(), lr=single(0.01), momentum=single(0.9))
    losses, norms = [], []
    for batch in g["order"].long().split(4)[:STEPS]:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[batch]), t[batch])
        loss.backward()
        if clip:
            norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), clip).item())
        optimizer.step()
        ema.update_parameters(net)
        losses.append(loss.item())
    return net, ema.module, losses, norms


def loss(net):
    with torch.no_grad():
        return F.cross_entropy(net(x[:100]), t[:100]).item()


_, _, losses, norms = train(clip=CLIP)
print("clip", CLIP, losses)
print("norms, for the choice of the bound", norms)
raw, ema, _, _ = train(decay=DECAY)
print("ema", DECAY, "loss of the first 100 pictures by the weights", loss(raw), "by their average", loss(ema))
