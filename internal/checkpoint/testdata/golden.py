"""Makes the PyTorch goldens of this folder.

    python golden.py FOLDER

The committed files came from PyTorch 2.15.0 (CPU, one thread) and safetensors
0.8.0. Another version or processor may change the last digits of the logits.

little.safetensors
    The state dict of Little as safetensors.torch.save_file writes it: no
    metadata. Its flattened images have 3 channels of 2×3 pixels: sizes that
    tell C·H·W from every other order of the columns of fc.weight.
little-logits.safetensors
    What that net says of images u8 [5,3,4,2], rows of pixels with their two
    channels together: logits f32 [5,4], and logits64 f64 [5,4] computed in
    double precision from the same weights.
"""
import argparse
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


class Little(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 2)
        self.fc = nn.Linear(3 * 2 * 3, 4)

    def forward(self, x):
        return self.fc(torch.flatten(F.relu(self.conv(x)), 1))


def normalize(images, dtype):
    """u8 [N,H,W,C] to numbers [N,C,H,W], each channel with its own mean and
    deviation."""
    mean, std = torch.tensor([0.5, 0.25], dtype=dtype), torch.tensor([0.5, 0.125], dtype=dtype)
    return ((images.to(dtype) / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where the files go")
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Little()
    images = torch.randint(256, (5, 3, 4, 2), dtype=torch.uint8)
    state = {k: v.clone() for k, v in net.state_dict().items()}
    with torch.no_grad():
        logits = net(normalize(images, torch.float32))
        logits64 = net.double()(normalize(images, torch.float64))
    save_file(state, os.path.join(folder, "little.safetensors"))
    out = {"images": images, "logits": logits, "logits64": logits64}
    save_file(out, os.path.join(folder, "little-logits.safetensors"))


if __name__ == "__main__":
    main()
