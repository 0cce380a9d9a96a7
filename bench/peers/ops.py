"""Single operations in PyTorch, on the inputs that imgcls draws (internal/bench/draw.go
and ops.go say how), so that results can be compared and times set side by side.

one(work, device, typ, layout) returns a function that does the work once and gives a list
of what imgcls's dump holds: the same tensors, in imgcls's order and layout.
"""
import math

import torch
import torch.nn.functional as F

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "fp64": torch.float64}
MOST = 1 << 24  # elements that are drawn at a time


def hashes(name, first, n, device):
    """The 32-bit hashes of elements first … first+n−1."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    low = 0xFFFFFFFF
    h = torch.arange(first, first + n, dtype=torch.int64, device=device)
    h = (h * 0x9E3779B1 + seed) & low
    h ^= h >> 16
    h = (h * 0x85EBCA6B) & low
    h ^= h >> 13
    h = (h * 0xC2B2AE35) & low
    return h ^ (h >> 16)


def signed(h):
    return (2 * (h >> 24) - 255).float() / 256


def positive(h):
    return 1 + signed(h) / 2


def below(n):
    return lambda h: (h >> 8) % n


class Inputs:
    """Draws inputs by name, in imgcls's layout, for one device and type."""

    def __init__(self, device, typ, channels_last):
        self.device, self.typ, self.channels_last = device, typ, channels_last
        self.drawn = []  # elements of each input, and how many bytes imgcls has of each: "h" where the precision says

    def flat(self, name, n, how=signed, typ=None, size="h"):
        typ = typ or self.typ
        self.drawn.append((n, size))
        out = torch.empty(n, dtype=typ, device=self.device)
        for first in range(0, n, MOST):
            out[first:first + MOST] = how(hashes(name, first, min(MOST, n - first), self.device)).to(typ)
        return out

    def channels(self, name, work, how=signed):
        """A number for each channel; statistics are never of 16 bits."""
        return self.flat(name, work["in"], how, self.exact, 4)

    @property
    def exact(self):
        """The type of what is never of 16 bits."""
        return torch.float64 if self.typ == torch.float64 else torch.float32

    def turned(self, name, shape, how=signed, typ=None, size="h"):
        """[N,H,W,C] as it lies in imgcls, as PyTorch names it: [N,C,H,W]."""
        t = self.flat(name, math.prod(shape), how, typ, size).view(shape).permute(0, 3, 1, 2)
        return t if self.channels_last else t.contiguous()

    def images(self, name, work):
        return self.turned(name, (work["batch"], work["size"], work["size"], work["in"]))

    def windows(self, name, work, how=signed, typ=None, channels="in", size="h"):
        out = out_size(work)
        return self.turned(name, (work["batch"], out, out, work[channels]), how, typ, size)


def out_size(work):
    return (work["size"] + 2 * work.get("pad", 0) - work["kernel"]) // work["stride"] + 1


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def matmul(work, draw):
    def factor(name, rows, columns, turned):
        t = draw.flat(name, rows * columns)
        return t.view(columns, rows).t() if turned else t.view(rows, columns)

    a = factor("a", work["m"], work["k"], work.get("trans_a"))
    b = factor("b", work["k"], work["n"], work.get("trans_b"))
    return lambda: [torch.mm(a, b)]


def convolution(work, draw):
    stride, pad, op = work["stride"], work.get("pad", 0), work["op"]
    k, groups = work["kernel"], work.get("groups") or 1
    w = draw.turned("w", (work["out"], k, k, work["in"] // groups)) if op != "ConvBackFilter" else None
    x = draw.images("x", work) if op != "ConvBackData" else None
    if op == "Conv":
        return lambda: [nhwc(F.conv2d(x, w, None, stride, pad, 1, groups))]
    dy = draw.windows("dy", work, channels="out")
    # What a gradient does not read gives its shape alone.
    if x is None:
        x = torch.empty((work["batch"], work["in"], work["size"], work["size"]), dtype=dy.dtype, device=dy.device)
    if w is None:
        w = torch.empty((work["out"], work["in"] // groups, k, k), dtype=dy.dtype, device=dy.device)
    if draw.channels_last:
        x, w = (t.contiguous(memory_format=torch.channels_last) for t in (x, w))
    wanted = [op == "ConvBackData", op == "ConvBackFilter", False]

    def step():
        d = torch.ops.aten.convolution_backward(dy, x, w, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], groups, wanted)
        return [nhwc(d[0] if wanted[0] else d[1])]

    return step


def max_pool(work, draw):
    k, stride, pad, size = work["kernel"], work["stride"], work.get("pad", 0), work["size"]
    x = draw.images("x", work)
    out = out_size(work)

    def step():
        y, at = F.max_pool2d(x, k, stride, pad, return_indices=True)
        return [nhwc(y), lambda: nhwc(places(at))]

    def places(at):  # of a picture → of the window, along its rows
        corner = torch.arange(out, device=at.device) * stride - pad
        return ((at // size - corner.view(-1, 1)) * k + at % size - corner).to(torch.uint8)

    return step


def max_pool_back(work, draw):
    k, stride, size = work["kernel"], work["stride"], work["size"]
    dy = draw.windows("dy", work)
    place = draw.windows("arg", work, below(k * k), torch.int64, size=1)
    corner = torch.arange(out_size(work), device=dy.device) * stride
    at = (corner.view(-1, 1) + place // k) * size + corner + place % k
    x = torch.empty((work["batch"], work["in"], size, size), dtype=dy.dtype, device=dy.device)
    if draw.channels_last:
        at, x = at.contiguous(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    return lambda: [nhwc(torch.ops.aten.max_pool2d_with_indices_backward(dy, x, [k, k], [stride] * 2, [0, 0], [1, 1], False, at))]


def avg_pool(work, draw):
    x = draw.images("x", work)
    return lambda: [nhwc(F.avg_pool2d(x, work["kernel"], work["stride"], work.get("pad", 0)))]


def avg_pool_back(work, draw):
    k, stride, pad = work["kernel"], work["stride"], work.get("pad", 0)
    dy = draw.windows("dy", work)
    x = torch.empty((work["batch"], work["in"], work["size"], work["size"]), dtype=dy.dtype, device=dy.device)
    if draw.channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    return lambda: [nhwc(torch.ops.aten.avg_pool2d_backward(dy, x, [k, k], [stride] * 2, [pad] * 2, False, True, None))]


def softmax_xent(work, draw):
    n, c = work["batch"], work["out"]
    x = draw.flat("x", n * c, typ=draw.exact, size=4).view(n, c).requires_grad_()
    t = draw.flat("t", n, below(c), torch.int64, 4)

    def step():
        loss = F.cross_entropy(x, t)
        return [loss.detach(), torch.autograd.grad(loss, x)[0]]

    return step


def batch_norm(work, draw):
    x, weight, bias = draw.images("x", work), draw.channels("weight", work, positive), draw.channels("bias", work)

    def step():
        y = F.batch_norm(x, None, None, weight, bias, True, 0.1, 1e-5)
        return [nhwc(y), lambda: x.mean((0, 2, 3)), lambda: x.var((0, 2, 3), correction=0)]

    return step


def batch_norm_back(work, draw):
    x, dy = draw.images("x", work), draw.images("dy", work)
    weight, mean = draw.channels("weight", work, positive), draw.channels("mean", work)
    scale = (draw.channels("var", work, positive) + 1e-5) ** -0.5

    def step():
        dx, dweight, dbias = torch.ops.aten.native_batch_norm_backward(dy, x, weight, None, None, mean, scale, True, 1e-5, [True] * 3)
        return [nhwc(dx), dweight, dbias]

    return step


def act(work, draw):
    x = draw.images("x", work)
    f = {"relu": F.relu, "relu6": F.relu6, "gelu": F.gelu, "silu": F.silu}[work["kind"]]
    return lambda: [nhwc(f(x))]


def act_back(work, draw):
    x, dy = draw.images("x", work), draw.images("dy", work)
    aten = torch.ops.aten
    back = {
        "relu": lambda: aten.threshold_backward(dy, x, 0),
        "relu6": lambda: aten.hardtanh_backward(dy, x, 0, 6),
        "gelu": lambda: aten.gelu_backward(dy, x),
        "silu": lambda: aten.silu_backward(dy, x),
    }[work["kind"]]
    return lambda: [nhwc(back())]


def add(work, draw):
    x, dy = draw.images("x", work), draw.images("dy", work)
    return lambda: [nhwc(x + dy)]


def channel_sum(work, draw):
    dy = draw.images("dy", work)
    return lambda: [dy.sum((0, 2, 3), dtype=draw.exact)]


def optimizer(work, draw):
    adam, fused = work["op"] == "AdamW", draw.device != "cpu" and draw.exact == torch.float32

    def all_of(name, how=signed):
        return [draw.flat(f"{name}{i}", n, how, draw.exact, 4) for i, n in enumerate(work["lengths"])]

    parameters = [torch.nn.Parameter(p) for p in all_of("p")]
    for p, g in zip(parameters, all_of("g")):
        p.grad = g
    if adam:
        o = torch.optim.AdamW(parameters, lr=0.001, weight_decay=0.01, fused=fused or None, capturable=draw.device != "cpu")
        for p, m, v in zip(parameters, all_of("m"), all_of("v", positive)):
            o.state[p] = {"step": torch.zeros((), device=draw.device if draw.device != "cpu" else None), "exp_avg": m, "exp_avg_sq": v}
    else:
        o = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4, fused=fused or None)
        for p, m in zip(parameters, all_of("m")):
            o.state[p] = {"momentum_buffer": m}
    kept = ("exp_avg", "exp_avg_sq") if adam else ("momentum_buffer",)

    cells = [torch.ones(1, dtype=torch.int32)]
    for p in parameters:
        cells += [p.detach()] + [o.state[p][name] for name in kept]

    def step():
        o.step()
        return cells

    return step


def gather(work, draw):
    n, size, c = work["samples"], work["size"], work["in"]
    order = draw.flat("order", max(n, work["batch"]), below(n), torch.int64, 4)[:work["batch"]]
    pictures = draw.turned("pictures", (n, size, size, c), below(256), torch.uint8, 1)
    return lambda: [nhwc((pictures[order].to(draw.exact) / 255 - 0.5) / 0.5).to(draw.typ)]


OPS = {
    "MatMul": matmul, "Conv": convolution, "ConvBackData": convolution, "ConvBackFilter": convolution,
    "MaxPool": max_pool, "MaxPoolBack": max_pool_back, "AvgPool": avg_pool, "AvgPoolBack": avg_pool_back,
    "SoftmaxXent": softmax_xent, "BatchNorm": batch_norm, "BatchNormBack": batch_norm_back,
    "Act": act, "ActBack": act_back, "Add": add, "ChannelSum": channel_sum,
    "SGD": optimizer, "AdamW": optimizer, "Gather": gather,
}


def one(work, device="cpu", typ=None, channels_last=True):
    """A function that does the work once. Of what it gives, some is a function still:
    what only a comparison asks for."""
    draw = Inputs(device, typ or TYPES[work.get("precision") or "fp32"], channels_last)
    return OPS[work["op"]](work, draw)
