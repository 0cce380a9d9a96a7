"""Reads sealed.safetensors, which the Go tests wrote, with the Python library.

    python check.py FOLDER

Not run by go test, which needs no Python.
"""
import hashlib
import json
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

path = os.path.join(sys.argv[1], "sealed.safetensors")
tensors = load_file(path)
with safe_open(path, "pt") as f:
    metadata = f.metadata()
with open(path, "rb") as f:
    text = f.read()

want = {
    "conv1.bias": torch.tensor([0.0, -0.0, 1 / 3]),
    "conv1.weight": torch.arange(12, dtype=torch.float32).reshape(3, 1, 2, 2) - 6,
    "empty": torch.zeros(0, 5),
    "labels": torch.tensor([-1, 2**62]),
    "pixels é\n": torch.tensor([0, 128, 255], dtype=torch.uint8),
    "scale": torch.tensor(0.5),
}
assert tensors.keys() == want.keys(), tensors.keys()
for name, t in want.items():
    assert tensors[name].dtype == t.dtype and torch.equal(tensors[name], t), name

sums = json.loads(metadata["sha256"])
assert sums == {n: hashlib.sha256(t.numpy().tobytes()).hexdigest() for n, t in tensors.items()}

# The header's sum is of its compact JSON, keys in the order of the file.
size = int.from_bytes(text[:8], "little")
assert size % 8 == 0
header = json.loads(text[8 : 8 + size])
said = header["__metadata__"].pop("sha256_header")
compact = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
assert said == hashlib.sha256(compact.encode()).hexdigest()

# Without metadata the library writes the same bytes; sealing adds only metadata.
plain = save(tensors)
assert text.endswith(plain[8 + int.from_bytes(plain[:8], "little") :])
print("sealed.safetensors is right:", len(tensors), "tensors")
