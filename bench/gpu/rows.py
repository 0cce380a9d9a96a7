"""What the kit measures of single kernels: works as internal/bench/work.go has them, in
the sizes of ResNet-18 for CIFAR and of airbench94, and how near they have to come.

With k the number of terms of a sum, and inputs between −1 and 1, a sum walks about
√k/3 far; each of its k additions rounds by at most ε = 2⁻²⁴ of that, and as errors of
chance add like √k, so the sum is off by about ε·k/3. Four times that is allowed, and
half a unit of the type that the result is stored in. SPREAD is the same for the others.
"""
import collections
import math

EPS = 2.0 ** -24
PRECISIONS = ("fp32", "bf16", "fp16")

# size, in, out, kernel, stride, pad, and groups where there are some
RESNET18 = [
    (32, 3, 64, 3, 1, 1), (32, 64, 64, 3, 1, 1), (32, 64, 128, 3, 2, 1), (32, 64, 128, 1, 2, 0), (16, 128, 128, 3, 1, 1),
    (16, 128, 256, 3, 2, 1), (16, 128, 256, 1, 2, 0), (8, 256, 256, 3, 1, 1), (8, 256, 512, 3, 2, 1), (8, 256, 512, 1, 2, 0),
    (4, 512, 512, 3, 1, 1),
]
AIRBENCH94 = [(32, 3, 24, 2, 1, 0), (31, 24, 64, 3, 1, 1), (15, 64, 64, 3, 1, 1), (15, 64, 256, 3, 1, 1), (7, 256, 256, 3, 1, 1), (3, 256, 256, 3, 1, 1)]

# The lengths of ResNet-18's parameters: 62 tensors, 11.2 million numbers.
PARAMETERS = [i * o * k * k for i, o, k in (
    [(3, 64, 3)] + 4 * [(64, 64, 3)] + [(64, 128, 3), (64, 128, 1)] + 3 * [(128, 128, 3)] + [(128, 256, 3), (128, 256, 1)] +
    3 * [(256, 256, 3)] + [(256, 512, 3), (256, 512, 1)] + 3 * [(512, 512, 3)] + [(512, 10, 1), (10, 1, 1)])]
PARAMETERS += 10 * [64] + 10 * [128] + 10 * [256] + 10 * [512]


def walk(k):
    """How far a sum of k products may be off."""
    return 4 * EPS * k / 3


class Row:
    def __init__(self, name, work, off, precisions=PRECISIONS, flops=0):
        self.name, self.work, self.off, self.precisions, self.flops = name, work, off, precisions, flops


def out_size(size, kernel, stride, pad):
    return (size + 2 * pad - kernel) // stride + 1


def convolutions(net, batch, shapes):
    for size, i, o, k, stride, pad, *groups in shapes:
        p = out_size(size, k, stride, pad)
        work = {"batch": batch, "size": size, "in": i, "out": o, "kernel": k, "stride": stride, "pad": pad, "resident": True, "groups": (groups or [1])[0]}
        g = work["groups"]
        parted = f" in {g} groups" if g > 1 else ""
        for op, name, terms in (
            ("Conv", "forward", k * k * i // g), ("ConvBackData", "input gradient", k * k * o // g), ("ConvBackFilter", "filter gradient", batch * p * p),
        ):
            yield Row(f"convolution {name}, {net} {i}→{o} {k}×{k}{parted} at {size}² by {stride}, batch {batch}", {"op": op, **work},
                      [walk(terms)], flops=2 * batch * p * p * o * k * k * i // g)


def products(sizes):
    for m, n, k in sizes:
        for name, turned in (("NN", {}), ("NT", {"trans_b": True}), ("TN", {"trans_a": True})):
            yield Row(f"GEMM {name} {m}×{n}×{k}", {"op": "MatMul", "m": m, "n": n, "k": k, **turned}, [walk(k)], flops=2 * m * n * k)


def images(net, batch, size, channels):
    """Everything that is done to images between convolutions."""
    m = batch * size * size
    work = {"batch": batch, "size": size, "in": channels}
    where = f", {net} {channels} channels at {size}², batch {batch}"
    few = 64 * EPS
    rows = [("batch norm forward", "BatchNorm", {}, [4 * few, few, few]), ("batch norm backward", "BatchNormBack", {}, [8 * few, 3 * walk(m), 3 * walk(m)]),
            ("addition", "Add", {}, [0]), ("channel sums", "ChannelSum", {}, [3 * walk(m)])]
    for kind in ("relu", "relu6", "gelu", "silu"):
        rows += [(f"{kind} forward", "Act", {"kind": kind}, [8 * EPS]), (f"{kind} backward", "ActBack", {"kind": kind}, [8 * EPS])]
    for name, op, more, off in rows:
        yield Row(name + where, {"op": op, **work, **more}, off)


def pools(net, batch, size, channels, kernel, stride):
    work = {"batch": batch, "size": size, "in": channels, "kernel": kernel, "stride": stride}
    where = f", {net} {kernel}×{kernel} by {stride}, {channels} channels at {size}², batch {batch}"
    for name, op, off in (
        ("max pooling forward", "MaxPool", [0, 0]), ("max pooling backward", "MaxPoolBack", [4 * EPS]),
        ("average pooling forward", "AvgPool", [8 * EPS]), ("average pooling backward", "AvgPoolBack", [8 * EPS]),
    ):
        yield Row(name + where, {"op": op, **work}, off)


def early(things, family):
    """The first of each family, then the second of each, and so on: where time runs out,
    each has been tried."""
    met, turns = collections.Counter(), []
    for thing in things:
        turns.append(met[family(thing)])
        met[family(thing)] += 1
    return [thing for _, thing in sorted(zip(turns, things), key=lambda pair: pair[0])]


def rows(quick):
    """All rows; quick, for a device that is slow, those of the same kernels at sizes
    that no tile divides."""
    if quick:
        yield from convolutions("odd", 2, [(9, 3, 10, 3, 1, 1), (7, 10, 18, 3, 2, 1), (7, 10, 18, 1, 2, 0), (8, 3, 24, 2, 1, 0), (9, 10, 10, 3, 2, 1, 10)])
        yield from products([(67, 37, 53)])
        yield from images("odd", 3, 7, 10)
        yield from pools("odd", 3, 9, 10, 2, 2)
        yield from others(batch=33, lengths=[1009, 7, 64, 3, 9011], size=9)
        return
    yield from convolutions("airbench94", 2000, AIRBENCH94)
    yield from convolutions("ResNet-18", 512, RESNET18)
    yield from convolutions("MobileNetV2", 128, [(32, 192, 192, 3, 1, 1, 192), (32, 144, 144, 3, 2, 1, 144), (8, 576, 576, 3, 1, 1, 576)])
    yield from products([(4096, 4096, 4096), (2000, 10, 256), (512, 512, 10), (128, 120, 400)])
    yield from images("airbench94", 2000, 15, 64)
    yield from images("ResNet-18", 512, 32, 64)
    yield from images("ResNet-18", 512, 4, 512)
    yield from pools("airbench94", 2000, 31, 64, 2, 2)
    yield from pools("airbench94", 2000, 3, 256, 3, 3)
    yield from pools("ResNet-18", 512, 4, 512, 4, 4)
    yield from others(batch=2000, lengths=PARAMETERS, size=32)


def others(batch, lengths, size):
    full = ("fp32",)
    for classes in (10, 1000):
        yield Row(f"softmax cross-entropy of {batch}×{classes}", {"op": "SoftmaxXent", "batch": batch, "out": classes},
                  [64 * EPS * math.log(classes), 16 * EPS / batch], full)
    for op, cells in (("SGD", 2), ("AdamW", 3)):
        yield Row(f"{op}, {len(lengths)} tensors of {sum(lengths)} numbers", {"op": op, "lengths": lengths},
                  [0] + [16 * EPS] * cells * len(lengths), full)
    yield Row(f"gather and normalise, batch {batch} of {size}²×3", {"op": "Gather", "samples": batch, "batch": batch, "size": size, "in": 3}, [8 * EPS])
