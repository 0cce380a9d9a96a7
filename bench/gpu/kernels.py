"""Holds each kernel to PyTorch: first what it computes, against PyTorch in fp64 from the
same inputs, then microseconds beside PyTorch's (cuDNN, cuBLAS) and the least that the
device can take. Writes rows to OUT.json as it goes. Ends with 1 where a kernel is wrong,
with 124, as timeout does, where rows were not reached in time, and with 3 where PyTorch is
not there.

    kernels.py IMGCLS OUT.json [--device cuda] [--quick] [--only REGEXP] [--limit SECONDS]

Without a GPU PyTorch computes on the CPU, and no times are taken: on the stand-in driver
they mean nothing.
"""
import json
import os
import re
import sys
import tempfile
import time

try:
    import torch
except ImportError:
    print("no PyTorch")
    sys.exit(3)

import pytorch as peer
import ops
from contender import Contender, Failed, options
from floors import floor
from rows import early, rows

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "u8": torch.uint8, "i32": torch.int32}
WORST = 1e9  # what is no number at all is as far off as this
WIDTH = {"fp32": 4, "bf16": 2, "fp16": 2}
# Half of the last place of what is stored, relative, and of its smallest number.
STORED = {"f32": (2.0 ** -24, 2.0 ** -150), "bf16": (2.0 ** -9, 2.0 ** -134), "f16": (2.0 ** -11, 2.0 ** -25), "u8": (0, 0), "i32": (0, 0)}


def read(path, outputs):
    """The tensors of a dump."""
    data, at = torch.frombuffer(bytearray(open(path, "rb").read()), dtype=torch.uint8), 0
    tensors = []
    for o in outputs:
        typ = TYPES[o["type"]]
        size = typ.itemsize
        for extent in o["shape"]:
            size *= extent
        tensors.append(data[at:at + size].view(typ).view(o["shape"]))
        at += size
    if at != len(data):
        raise Failed(f"a dump of {len(data)} bytes holds {outputs}")
    return tensors


def distance(got, kind, want, off):
    """The largest difference in parts of what is allowed: right up to 1."""
    want = want.to(torch.float64)
    relative, least = STORED[kind]
    got = got.to(want.device).to(torch.float64).reshape(want.shape)
    # What rounds to a neighbour of the rounded exact result rounds twice.
    allowed = torch.clamp(relative * want.abs(), min=least) * (2 if off else 1) + off
    wrong = (got - want).abs()
    parts = wrong / torch.clamp(allowed, min=1e-300)
    return min(WORST, float(torch.nan_to_num(parts, nan=WORST).max()))


def check(imgcls, row, precision, device, path):
    """How far imgcls is off, in parts of what is allowed, and the bytes that are moved."""
    work = {**row.work, "precision": precision}
    imgcls.open(work)
    outputs = imgcls.dump(path)
    results = read(path, outputs)
    want, drawn, reference = exact(work, device)
    if [list(w.shape) or [1] for w in want] != [o["shape"] for o in outputs]:
        raise Failed(f"shapes are {outputs}, want {[list(w.shape) for w in want]}")
    if len(row.off) != len(want):
        raise Failed(f"{len(want)} results, and bounds for {len(row.off)}")
    worst = max(distance(r, o["type"], w.reshape(o["shape"]), off) for r, o, w, off in zip(results, outputs, want, row.off))
    moved = sum(n * (WIDTH[precision] if size == "h" else size) for n, size in drawn) + sum(r.nbytes for r in results)
    return {"off": worst, "right": worst <= 1, "bytes": moved, "reference": reference}


def exact(work, device):
    """What PyTorch gives in fp64, or in fp32 where it cannot or lacks the memory; what was
    drawn for it; and which of the two it is."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for typ, name in ((torch.float64, "fp64"), (torch.float32, "fp32")):
        try:
            draw = ops.Inputs(device, typ, False)
            want = ops.OPS[work["op"]](work, draw)()
            return [w() if callable(w) else w for w in want], draw.drawn, name
        except RuntimeError:
            if typ == torch.float32:
                raise
            torch.cuda.empty_cache()
        finally:
            torch.backends.cudnn.benchmark = True


def best(run, seconds=0.05, times=3):
    run(seconds)
    return min(s["seconds"] / s["steps"] for s in (run(seconds) for _ in range(times)))


def theirs(work, *settings):
    """Seconds of PyTorch's way of doing it, or None and why."""
    try:
        step = peer.prepare({**work, "settings": ["channels_last", *settings]})
        for _ in range(3):
            step()
        return best(lambda seconds: peer.on_gpu(step, 0, seconds, False)), None
    except Exception as e:  # a way that fails is named and left out
        return None, f"{type(e).__name__}: {e}"[:200]
    finally:
        torch.cuda.empty_cache()


def times(imgcls, row, precision, moved):
    work = {**row.work, "precision": precision}
    found = {"imgcls_s": best(imgcls.run)}
    ways = {"torch_s": [], "torch_graph_s": ["graph"]}
    if precision == "fp32" and row.flops:
        ways["torch_tf32_graph_s"] = ["graph", "tf32"]
    for key, settings in ways.items():
        found[key], why = theirs(work, *settings)
        if why:
            found[key + "_failed"] = why
    name = torch.cuda.get_device_name()
    found["floor_s"] = floor(name, precision, row.flops, moved)
    peers = [found[k] for k in ("torch_s", "torch_graph_s") if found[k]]
    found["ratio"] = min(peers) / found["imgcls_s"] if peers else None
    return found


def precisions(imgcls):
    """Those that the device has: the others are refused."""
    for p in ("fp32", "bf16", "fp16"):
        try:
            imgcls.open({"op": "Add", "batch": 1, "size": 1, "in": 1, "precision": p})
            yield p
        except Failed as e:
            print(f"without {p}: {e}", file=sys.stderr)


def show(row):
    def us(key):
        return f"{1e6 * row[key]:9.1f}" if row.get(key) else "        –"

    verdict = "ok" if row["right"] else "WRONG"
    return f"{verdict:5} {row['off']:9.2g}  {us('imgcls_s')} {us('torch_s')} {us('torch_graph_s')} {us('floor_s')}  {row['precision']} {row['name']}"


def measure(o, imgcls, write):
    gpu = o.device == "cuda" and torch.cuda.is_available()
    peer.DEVICE = "cuda" if gpu else "cpu"
    begun, done, left = time.monotonic(), [], 0
    has, all_rows = list(precisions(imgcls)), list(rows(o.quick))
    place = {row.name: i for i, row in enumerate(all_rows)}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        for row in early(all_rows, lambda row: (row.work["op"], row.work.get("kind"))):
            for p in has:
                if p not in row.precisions or not re.search(o.only, f"{p} {row.name}"):
                    continue
                if time.monotonic() - begun > o.limit:
                    left += 1
                    continue
                result = {"name": row.name, "work": row.work, "precision": p, "flops": row.flops}
                try:
                    result.update(check(imgcls, row, p, peer.DEVICE, os.path.join(folder, "results")))
                    if gpu and "IMGCLS_LIBCUDA" not in os.environ:
                        result.update(times(imgcls, row, p, result["bytes"]))
                except (Failed, RuntimeError) as e:
                    result.update(off=WORST, right=False, error=str(e)[:500])
                done.append(result)
                done.sort(key=lambda r: place[r["name"]])
                print(show(result) + (f": {result['error']}" if "error" in result else ""), flush=True)
                write(done, left)
    return done, left


def main():
    o = options(__doc__)
    imgcls = Contender(o.imgcls, "bench", "--serve", "--device", o.device)
    print(f"right  off/bound  imgcls µs  PyTorch µs  graphed µs  floor µs; imgcls on {imgcls.hello['device']}, PyTorch {torch.__version__}")

    def write(done, left):
        with open(o.out, "w") as f:
            json.dump({"torch": torch.__version__, "rows": done, "left": left}, f, indent=1)

    done, left = measure(o, imgcls, write)
    imgcls.close()
    write(done, left)
    wrong = sum(not r["right"] for r in done)
    slower = [r["ratio"] for r in done if r.get("ratio")]
    print(f"{len(done) - wrong} of {len(done)} kernels right" + (f", {left} not reached" if left else "") +
          (f"; {sum(x >= 1 for x in slower)} of {len(slower)} as fast as PyTorch" if slower else "; no GPU here: no times"))
    sys.exit(1 if wrong or not done else 124 if left else 0)


if __name__ == "__main__":
    main()
