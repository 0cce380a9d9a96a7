"""Writes augment.golden: what torchvision makes of a picture of 5 x 7 bytes in three channels.

Byte i of the picture is (37 i i + 11 i) mod 256, in the order H, W, C. A line holds the policy,
the draw as Top Left Flip Factor Order, and the picture as hexadecimal digits. Factors are in
65536ths. Made with torch 2.15.0 and torchvision 0.29.2:

    python3 augment.py > augment.golden
"""

import itertools

import torch
import torchvision.transforms.v2.functional as F

H, W = 5, 7
PICTURE = torch.tensor([(37 * i * i + 11 * i) % 256 for i in range(H * W * 3)], dtype=torch.uint8)
PICTURE = PICTURE.reshape(H, W, 3).permute(2, 0, 1)
JITTER = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation)
ONE = 65536


def line(policy, picture, top=0, left=0, flip=0, factor=(ONE, ONE, ONE), order=(0, 1, 2)):
    numbers = [top, left, flip, *factor, *order]
    print(policy, *numbers, bytes(picture.permute(1, 2, 0).flatten().tolist()).hex())


for reflect, top, left, flip in itertools.product((False, True), (0, 3, 8), (1, 4, 7), (0, 1)):
    padded = F.pad(PICTURE, 4, padding_mode="reflect" if reflect else "constant")
    picture = padded[:, top : top + H, left : left + W]
    line("crop=4,reflect" if reflect else "crop=4", F.horizontal_flip(picture) if flip else picture, top, left, flip)

for order in itertools.permutations(range(3)):
    for factor in ((40000, 90000, 70000), (131072, 30000, 0), (65536, 131072, 131072), (70001, 0, 99999)):
        picture = PICTURE
        for kind in order:
            picture = JITTER[kind](picture, factor[kind] / ONE)
        line("jitter=1", picture, factor=factor, order=order)
