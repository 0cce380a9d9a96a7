"""Prints the first losses of cifar-net trained by Muon, in double precision.

    python muon.py

Pictures, order and first weights are those of cifar-net-steps.safetensors, which
golden.py makes. Filters follow Muon (momentum 0.6 of Nesterov's kind, rate 0.02); all
else SGD with Nesterov's momentum 0.85, rate 0.001 and, matrices alone, decay 5e-4.
Settings are rounded to single precision, as a schedule table has them. The committed
numbers came from PyTorch 2.15.0 (CPU, one thread).
"""
import torch
import torch.nn.functional as F

import golden


def orthogonal(g, steps=3, eps=1e-7):
    """Newton and Schulz's iterations on g, a row for each filter."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + eps)
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    for _ in range(steps):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                v = self.state[p].setdefault("v", torch.zeros_like(p))
                v.mul_(group["momentum"]).add_(p.grad)
                d = p.grad + group["momentum"] * v
                p.mul_(len(p) ** 0.5 / p.norm())
                p.sub_(group["lr"] * orthogonal(d.reshape(len(d), -1)).view_as(p))


def main():
    torch.set_num_threads(1)
    out = golden.steps()
    net = golden.make_net(torch.float64)
    single = golden.single
    filters = [p for p in net.parameters() if p.ndim == 4]
    matrices = [p for p in net.parameters() if p.ndim == 2]
    vectors = [p for p in net.parameters() if p.ndim == 1]
    optimizers = [
        Muon(filters, single(0.02), single(0.6)),
        torch.optim.SGD(
            [{"params": matrices, "weight_decay": single(5e-4)}, {"params": vectors}],
            lr=single(0.001), momentum=single(0.85), nesterov=True),
    ]
    x, t = golden.normalize(out["images"], torch.float64), out["labels"].long()
    for batch in out["order"].long().split(golden.BATCH)[:20]:
        net.zero_grad()
        loss = F.cross_entropy(net(x[batch]), t[batch])
        loss.backward()
        for o in optimizers:
            o.step()
        print(f"{loss.item()!r},")


if __name__ == "__main__":
    main()
