"""Trains cifar-net on a GPU in PyTorch, as fast as its users can: eager, compiled, and
as a CUDA graph, from data on the GPU. Writes images a second to the file named, and
prints them on one line. Ends with 3 where there is no GPU.

    pytorch.py OUT.json
"""
import json
import sys
import time

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError:
    print("no PyTorch")
    sys.exit(3)
if not torch.cuda.is_available():
    print("no GPU for PyTorch", torch.__version__)
    sys.exit(3)


class Net(nn.Module):
    """The tutorial's."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def step_of(net, optimizer, x, y, half):
    def step():
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        return loss

    return step


def graphed(step):
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


def speed(step, batch, seconds=1.0):
    for _ in range(20):
        step()
    torch.cuda.synchronize()
    best = 0.0
    for _ in range(5):
        begun, n = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds / 5:
            for _ in range(20):
                step()
            torch.cuda.synchronize()
            n += 20
        best = max(best, n * batch / (time.perf_counter() - begun))
    return best


torch.backends.cudnn.benchmark = True
rows = []
for half in (False, True):
    for batch in (4, 128):
        x = torch.randn(batch, 3, 32, 32, device="cuda").contiguous(memory_format=torch.channels_last)
        y = torch.randint(0, 10, (batch,), device="cuda")
        for way in ("eager", "compiled", "graphed"):
            net = Net().cuda().to(memory_format=torch.channels_last)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, fused=way != "eager")
            step = step_of(torch.compile(net) if way == "compiled" else net, optimizer, x, y, half)
            try:
                rate = speed(graphed(step) if way == "graphed" else step, batch)
            except Exception as e:  # a way that fails is named and left out
                print(way, batch, e, file=sys.stderr)
                continue
            rows.append({"way": way, "precision": "bf16" if half else "fp32", "batch": batch, "images_per_second": rate})
json.dump({"torch": torch.__version__, "device": torch.cuda.get_device_name(), "rows": rows}, open(sys.argv[1], "w"), indent=1)
print("; ".join(f"{r['way']} {r['precision']} {r['batch']}: {r['images_per_second']:.0f}/s" for r in rows))
