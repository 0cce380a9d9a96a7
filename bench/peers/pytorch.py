"""PyTorch as a contender: python pytorch.py --threads 2, or --device cuda

Settings of a work, as words:
    channels_last  images and filters in NHWC
    fused          the fused form of SGD
    compile        torch.compile, of the net and its loss or of the forward pass
    autotune       with compile: mode max-autotune-no-cudagraphs
    graph          on a GPU: the step as a CUDA graph
    tf32           on a GPU: products of fp32 by tensor cores, of 10 bits each
    freeze         inference: torch.jit.freeze and optimize_for_inference

Batches lie ready in memory as normalised floats, so PyTorch is spared gathering
and normalising, which imgcls does in each step. With "samples" the pictures are
bytes in memory, as a training run keeps them, and each batch is gathered.
"""
import argparse
import sys

import torch
import torch.nn.functional as F

import ops
import talk
from nets import MODELS, cost

DEVICE = "cpu"
READY = 16  # batches that lie ready


def layout(settings):
    return torch.channels_last if "channels_last" in settings else torch.contiguous_format


def compiled(function, settings):
    torch._dynamo.reset()
    return torch.compile(function, mode="max-autotune-no-cudagraphs" if "autotune" in settings else None)


def batches(work, size, form):
    """Returns a function that gives the next batch."""
    n, many = work["batch"], work.get("samples", 0)
    if many:
        pictures = torch.randint(0, 256, (many, 3, size, size), dtype=torch.uint8, device=DEVICE).contiguous(memory_format=form)
        labels = torch.randint(0, 10, (many,), device=DEVICE)
        order, at = torch.randperm(many, device=DEVICE), 0

        def gathered():
            nonlocal at
            if at + n > many:
                torch.randperm(many, out=order)
                at = 0
            chosen = order[at:at + n]
            at += n
            return pictures[chosen].float().div_(127.5).sub_(1), labels[chosen]

        return gathered
    ready = [(torch.randn(n, 3, size, size, device=DEVICE).contiguous(memory_format=form), torch.randint(0, 10, (n,), device=DEVICE))
             for _ in range(READY if DEVICE == "cpu" else 1)]
    at = 0

    def given():
        nonlocal at
        at = (at + 1) % len(ready)
        return ready[at]

    return given


def lower(work):
    """Computes in the work's precision what of it PyTorch would: autocast."""
    typ = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(work.get("precision"))
    return torch.autocast(DEVICE, typ or torch.bfloat16, enabled=typ is not None)


def made(work, settings):
    """The work's twin, its net, and the size of pictures; the net's cost is told."""
    twin = MODELS[work["model"]]
    size = work.get("size") or twin.size
    net = twin.net(size)
    talk.tell(**cost(net, size))
    return twin, net.to(DEVICE, memory_format=layout(settings)), size


def training(work, settings):
    twin, net, size = made(work, settings)
    precision = work.get("precision") or "fp32"
    optimizers = twin.optimizers(net, work["batch"], "fused" in settings or None, precision != "fp32")
    scaler = torch.amp.GradScaler(DEVICE, enabled=precision == "fp16" and "graph" not in settings)

    def forward(x, t):
        with lower(work):
            return F.cross_entropy(net(x), t, label_smoothing=twin.smoothing)

    loss_of = compiled(forward, settings) if "compile" in settings else forward
    batch = batches(work, size, layout(settings))

    def step():
        x, t = batch()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none="graph" not in settings)
        loss = loss_of(x, t)
        scaler.scale(loss).backward()
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update()
        return loss.item() if DEVICE == "cpu" else loss  # a GPU's user reads losses now and then

    return step


def inference(work, settings):
    _, net, size = made(work, settings)
    net.eval()
    x = torch.rand(work["batch"], 3, size, size).contiguous(memory_format=layout(settings)).to(DEVICE)
    with torch.no_grad():
        if "freeze" in settings:
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))
        elif "compile" in settings:
            import torch._inductor.config as inductor  # not before: it takes 150 MB

            inductor.freezing = DEVICE == "cpu"
            net = compiled(net, settings)

    def step():
        with torch.inference_mode(), lower(work):
            return net(x)

    def step_without_grad():  # what freezing in inductor asks for
        with torch.no_grad(), lower(work):
            return net(x)

    return step_without_grad if "compile" in settings else step


def single(work, settings):
    step = ops.one(work, device=DEVICE, channels_last="channels_last" in settings)

    def run():
        with torch.inference_mode(work["op"] not in ("SoftmaxXent", "SGD", "AdamW")):
            return step()

    return run


def graphed(step):
    """The step as a CUDA graph, which starts it at the cost of one call."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def on_gpu(step, images, seconds, one_by_one):
    """repeat, by the GPU's own clock: from its beginning of the first step to its end
    of the last."""
    if one_by_one:
        return talk.repeat(lambda: (step(), torch.cuda.synchronize()), images, seconds, True)
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    steps, at_once, passed = 0, 1, 0.0
    while passed < seconds:
        begun.record()
        for _ in range(at_once):
            step()
        ended.record()
        ended.synchronize()
        steps, passed = steps + at_once, passed + begun.elapsed_time(ended) / 1e3
        at_once = max(1, int(min(10 * talk.LOOK, seconds - passed) * steps / passed))
    return {"steps": steps, "seconds": passed, "images": steps * images}


def prepare(work):
    settings = work.get("settings", [])
    torch.manual_seed(42)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = "tf32" in settings
    make = single if work.get("op") else {"train": training, "infer": inference}[work["mode"]]
    step = make(work, settings)
    return graphed(step) if "graph" in settings else step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit(f"no GPU for PyTorch {torch.__version__}")
    global DEVICE
    DEVICE = args.device
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True
    talk.serve("PyTorch", torch.__version__, args.threads, prepare, DEVICE, talk.repeat if DEVICE == "cpu" else on_gpu)


if __name__ == "__main__":
    main()
