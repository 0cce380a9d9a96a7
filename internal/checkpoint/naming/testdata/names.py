"""Writes names.json.gz: what torchvision, timm and transformers call the tensors of
their networks, with shapes, and the first logits that they compute from weights and
a picture made by formula. Made with torch 2.15.0, torchvision 0.29.2, timm 1.0.31
and transformers 5.24.0:

    pip install torch torchvision timm transformers
    python names.py
"""

import gzip
import json
import math
import pathlib

import numpy as np
import timm
import torch
import torchvision
import transformers

SIZE = 224
LOGITS = 10


def uniform(name, n):
    """n numbers in [0, 1): SplitMix64 of FNV-1a of the name and the index."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)) / 2.0**24


def numbers(name, shape):
    """Weights that keep the scale of what passes through; norms near 1 and 0."""
    u = uniform(name, math.prod(shape))
    if len(shape) > 1:
        u = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    elif name.endswith("running_var") or name.endswith("weight"):
        u = 0.5 + u
    else:
        u = (2 * u - 1) * 0.1
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def picture():
    pixels = np.floor(256 * uniform("picture", SIZE * SIZE * 3)).reshape(1, SIZE, SIZE, 3)
    return torch.from_numpy(((pixels / 255 - 0.5) / 0.5).astype(np.float32)).permute(0, 3, 1, 2).contiguous()


def hugging(**config):
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000, **config))


def hugging_body():
    return transformers.ResNetModel(transformers.ResNetConfig(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512]))


NETS = {
    "torchvision/resnet18": lambda: torchvision.models.resnet18(),
    "torchvision/resnet34": lambda: torchvision.models.resnet34(),
    "torchvision/resnet50": lambda: torchvision.models.resnet50(),
    "torchvision/mobilenet_v2": lambda: torchvision.models.mobilenet_v2(),
    "timm/resnet18": lambda: timm.create_model("resnet18"),
    "timm/resnet50": lambda: timm.create_model("resnet50"),
    "timm/mobilenetv2_100": lambda: timm.create_model("mobilenetv2_100"),
    "transformers/resnet18": lambda: hugging(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512]),
    "transformers/resnet34": lambda: hugging(layer_type="basic", depths=[3, 4, 6, 3], hidden_sizes=[64, 128, 256, 512]),
    "transformers/resnet50": lambda: hugging(),
    "transformers/resnet18-body": hugging_body,
    "transformers/mobilenet_v2": lambda: transformers.MobileNetV2ForImageClassification(transformers.MobileNetV2Config()),
}


def main():
    out = {}
    for key, make in NETS.items():
        net = make().eval()
        state = net.state_dict()
        tensors = [[name, list(t.shape)] for name, t in state.items()]
        out[key] = {"tensors": tensors, "logits": []}
        if key.endswith("-body") or key == "transformers/mobilenet_v2":
            continue
        for name, shape in tensors:
            if shape:
                state[name].copy_(numbers(name, shape))
        with torch.no_grad():
            logits = net(picture())
        logits = getattr(logits, "logits", logits)
        out[key]["logits"] = [float(x) for x in logits[0, :LOGITS]]
        print(key, len(tensors), out[key]["logits"][:3])
    text = json.dumps(out, separators=(",", ":"))
    path = pathlib.Path(__file__).with_name("names.json.gz")
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
