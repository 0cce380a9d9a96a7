"""Muon, the optimizer of filters (Jordan et al. 2024, as airbench94_muon has it)."""
import torch


def orthogonal(x, steps=3):
    """Newton and Schulz's iterations on x of norm 1, a row for each filter."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    for _ in range(steps):
        s = x @ x.T
        x = torch.addmm(x, torch.addmm(s, s, s, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Moves filters along their gradients made nearly orthogonal, with Nesterov's momentum;
    their length stays. Where half says so, products are of bfloat16, as in the original."""

    def __init__(self, params, lr, momentum, half=False):
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self.half = half

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                v = self.state[p].setdefault("momentum", torch.zeros_like(p))
                v.mul_(group["momentum"]).add_(p.grad)
                d = p.grad.add(v, alpha=group["momentum"])
                d.div_(d.norm() + 1e-7)
                x = d.bfloat16() if self.half else d
                p.mul_(len(p) ** 0.5 / p.norm())
                p.sub_(orthogonal(x.reshape(len(x), -1)).view_as(p), alpha=group["lr"])
