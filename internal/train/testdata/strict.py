"""Checks a model file of imgcls against a plain PyTorch module.

    imgcls predict --logits --format jsonl MODEL.safetensors PICTURES… > LOGITS.json
    python strict.py MODEL.safetensors LOGITS.json PICTURES…

The file must load with safetensors.torch.load_file and strict=True into the
tutorial's network, and every logit that imgcls printed must be within 1e-4 of
PyTorch's, relative to the greatest of the picture. Pictures are PNG or JPEG
files of exactly 32×32; PNG leaves no doubt about pixels, while JPEG decoders may
differ by a level or two. Exits 1 with a message where anything differs. Needs
PyTorch, safetensors and Pillow.
"""
import argparse
import json
import sys

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from golden import Net

TOLERANCE = 1e-4
SIDE = 32


def load(path):
    """The network with the file's weights, and the file's preprocessing."""
    state = load_file(path)
    net = Net(classes=len(state["fc3.bias"]))
    net.load_state_dict(state, strict=True)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if "preprocess" not in metadata:
        sys.exit(f"{path}: says nothing of its preprocessing: not a model file of imgcls")
    return net, json.loads(metadata["preprocess"])


def read(path, preprocess):
    """The network's input [1,3,32,32] for a picture."""
    with Image.open(path) as image:
        if image.size != (SIDE, SIDE):
            sys.exit(f"{path}: is {image.size[0]}×{image.size[1]}, want {SIDE}×{SIDE}")
        pixels = torch.from_numpy(np.array(image.convert("RGB")))
    mean, std = torch.tensor(preprocess["mean"]), torch.tensor(preprocess["std"])
    return ((pixels / 255 - mean) / std).permute(2, 0, 1)[None]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("logits")
    parser.add_argument("pictures", nargs="+")
    args = parser.parse_args()

    try:
        net, preprocess = load(args.model)
    except Exception as err:
        sys.exit(f"{args.model}: does not load: {err}")
    with open(args.logits, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    if [line["input"] for line in lines] != args.pictures:
        sys.exit(f"{args.logits}: its inputs are not the pictures given, in their order")

    worst = 0.0
    for line in lines:
        picture = line["input"]
        if "logits" not in line:
            sys.exit(f"{picture}: imgcls gave no logits: {line.get('error', 'run predict with --logits')}")
        got = torch.tensor(line["logits"])
        with torch.no_grad():
            want = net(read(picture, preprocess))[0]
        if got.shape != want.shape:
            sys.exit(f"{picture}: {len(got)} logits, want {len(want)}")
        difference = ((got - want).abs().max() / want.abs().max()).item()
        if not difference <= TOLERANCE:
            sys.exit(f"{picture}: logits differ by {difference:.2g} of the greatest: {got.tolist()}, want {want.tolist()}")
        worst = max(worst, difference)
    print(f"{len(lines)} pictures, logits within {worst:.1g} of the greatest")


if __name__ == "__main__":
    main()
