"""Trains every model of imgcls beside PyTorch: eager, compiled, as a CUDA graph, and both.
Each is a process that holds its work ready (internal/bench), from data on the device.
Writes rows of images a second to OUT.json as it goes. Ends with 1 where imgcls fails or a
net is not the same in both, with 124, as timeout does, where rows were not reached in
time, and with 3 where PyTorch is not there.

    models.py IMGCLS OUT.json [--device cuda] [--quick] [--only REGEXP] [--limit SECONDS]
"""
import json
import os
import re
import statistics
import subprocess
import sys
import time

try:
    import torch
except ImportError:
    print("no PyTorch")
    sys.exit(3)

from contender import Contender, Failed, options
from nets import MODELS, cost
from rows import early

PRECISIONS = ("fp32", "bf16")
SMALL, BATCHES = 32, (128, 1024)  # of pictures of that size, beside the recipe's batch
WAYS = {
    "eager": ["channels_last"], "compiled": ["compile", "channels_last", "fused"],
    "graphed": ["graph", "channels_last", "fused"], "compiled, graphed": ["graph", "compile", "channels_last", "fused"],
}
REFUSED = (2, 6)  # imgcls's exit codes for what cannot be on this device: a precision, so much memory
QUICK = 100e6  # multiply-adds of a picture, the most in a quick run on the stand-in driver
RUN_UP, SECONDS, SAMPLES = 0.4, 0.4, 5


def speed(contender, work, quick):
    """Images a second: the median of samples."""
    contender.open(work)
    if quick:
        s = contender.run(0.01)
        return s["images"] / s["seconds"]
    contender.run(RUN_UP)
    return statistics.median(s["images"] / s["seconds"] for s in (contender.run(SECONDS) for _ in range(SAMPLES)))


def works(models, quick):
    for m in models:
        for precision in PRECISIONS:
            if quick:
                yield m, {"model": m["name"], "mode": "train", "batch": 2, "size": SMALL, "samples": 2, "precision": precision}
                continue
            for size in sorted({SMALL, m["size"]}):
                for batch in sorted({m["batch_size"], *(BATCHES if size == SMALL else ())}):
                    yield m, {"model": m["name"], "mode": "train", "batch": batch, "size": size, "precision": precision}


def twin(model):
    """Why PyTorch's net is not that of imgcls, or None."""
    if model["name"] not in MODELS:
        return f"nets.py has no {model['name']}"
    have = cost(MODELS[model["name"]].net(model["size"]), model["size"])
    for what, n in have.items():
        if n != model[what]:
            return f"nets.py has a {model['name']} of {n} {what}, imgcls of {model[what]}"
    return None


class Measurement:
    def __init__(self, o):
        self.o, self.rows, self.left, self.begun = o, [], 0, time.monotonic()
        self.imgcls = Contender(o.imgcls, "bench", "--serve", "--device", o.device)
        self.gpu = o.device.startswith("cuda") and torch.cuda.is_available() and "IMGCLS_LIBCUDA" not in os.environ
        self.peer = self.start() if self.gpu or o.device == "cpu" else None

    def start(self):
        here = os.path.dirname(os.path.abspath(__file__))
        places = [p for p in (here, os.path.join(here, "..", "peers")) if os.path.exists(os.path.join(p, "pytorch.py"))]
        return Contender(sys.executable, os.path.join(places[0], "pytorch.py"), "--device", "cuda" if self.gpu else "cpu")

    def row(self, model, work):
        row = {**work, "images_per_second": {}, "left_out": {}}
        self.rows.append(row)
        try:
            row["images_per_second"]["imgcls"] = speed(self.imgcls, work, self.o.quick)
        except Failed as e:
            row["left_out" if e.code in REFUSED else "failed"] = {"imgcls": str(e)}
            return
        for way, settings in WAYS.items():
            if why := self.without(model, way):
                row["left_out"][way] = why
                continue
            try:
                row["images_per_second"][way] = speed(self.peer, {**work, "settings": settings}, self.o.quick)
            except Failed as e:
                row["left_out"][way] = str(e)
                if self.peer.process.poll() is not None:
                    self.peer = self.start()

    def without(self, model, way):
        if self.peer is None:
            return "no GPU here"
        if "graph" in WAYS[way] and not self.gpu:
            return "a CUDA graph needs a GPU"
        if "compile" in WAYS[way] and self.o.quick:
            return "not compiled in a quick run"
        return model["twin"]

    def write(self):
        with open(self.o.out, "w") as f:
            json.dump({"torch": torch.__version__, "cuda": torch.version.cuda, "rows": self.rows, "left": self.left}, f, indent=1)

    def run(self):
        models = json.loads(subprocess.run([self.o.imgcls, "models", "--format", "json"], check=True, capture_output=True).stdout)
        for m in models:
            m["twin"] = twin(m)
        if "IMGCLS_LIBCUDA" in os.environ:
            print("too large for the stand-in: " + ", ".join(m["name"] for m in models if m["macs"] > QUICK))
            models = [m for m in models if m["macs"] <= QUICK]
        all_works = list(works(models, self.o.quick))
        for model, work in early(all_works, lambda pair: (pair[1]["model"], pair[1]["precision"])):
            if not re.search(self.o.only, f"{work['model']} {work['precision']} {work['size']} {work['batch']}"):
                continue
            if time.monotonic() - self.begun > self.o.limit:
                self.left += 1
                continue
            self.row(model, work)
            self.write()
            print(show(self.rows[-1], self.o.quick), flush=True)
        place = [work for _, work in all_works]
        self.rows.sort(key=lambda row: place.index({k: row[k] for k in place[0]}))
        self.write()
        return [m["twin"] for m in models if m["twin"]]


def show(row, quick):
    figures = row["images_per_second"]
    text = ", ".join(f"{way} {rate:.0f}" for way, rate in figures.items()) or f"{row.get('failed') or row['left_out']}"
    peers = [rate for way, rate in figures.items() if way != "imgcls"]
    return f"{row['model']} {row['precision']} {row['size']}² batch {row['batch']}, images/s: {text}" + (f"; {figures['imgcls'] / max(peers):.2f}×" if peers and not quick else "")


def main():
    m = Measurement(options(__doc__))
    unlike = m.run()
    failed = [r for r in m.rows if "failed" in r]
    beside = sum(len(r["images_per_second"]) > 1 for r in m.rows)
    print(f"{len(m.rows) - len(failed)} of {len(m.rows)} trainings ran, {beside} beside PyTorch" + (f", {m.left} not reached" if m.left else "") +
          ("" if m.gpu else "; no GPU here") + "".join(f"; {why}" for why in unlike))
    sys.exit(1 if failed or not m.rows or any("imgcls of" in why for why in unlike) else 124 if m.left else 0)


if __name__ == "__main__":
    main()
