"""Makes types.safetensors and floats.safetensors, as PyTorch's users have them.

    python make.py FOLDER

The committed files came from PyTorch 2.15.0 and safetensors 0.8.0.

types.safetensors
    Tensors of every element type that PyTorch can save, a number without
    dimensions, an empty tensor, names that need escapes. Tensor NAME.TYPE holds
    the bytes 0, 1, 2 …
floats.safetensors
    f16, bf16 and f64, and beside each its conversion to F32 by PyTorch:
    f16.f32 and so on. Every exponent, the edges of every rounding.
"""
import os
import sys

import torch
from safetensors.torch import save_file

TYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "U16": torch.uint16,
    "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32, "U32": torch.uint32,
    "F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U64": torch.uint64,
    "C64": torch.complex64, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}


def types():
    tensors = {"no dimensions": torch.tensor(1.5), "empty": torch.zeros(3, 0, 2),
               'é "\\/\b\f\n\r\t\x01\x7f\u2028<🙂': torch.ones(1, 1, 1)}
    for name, dtype in TYPES.items():
        width = torch.empty((), dtype=dtype).element_size()
        data = torch.arange(6 * width, dtype=torch.uint8)
        if dtype == torch.bool:
            data = data % 2
        tensors["a." + name] = data.view(dtype).reshape(2, 3)
    return tensors


def floats():
    signs = torch.tensor([0, 1])[:, None, None]
    exponents, fractions = torch.arange(32)[None, :, None], torch.tensor([0, 1, 2, 511, 512, 1022, 1023])
    f16 = (signs << 15 | exponents << 10 | fractions).flatten().to(torch.uint16).view(torch.float16)
    exponents, fractions = torch.arange(256)[None, :, None], torch.tensor([0, 1, 63, 127])
    bf16 = (signs << 15 | exponents << 7 | fractions).flatten().to(torch.uint16).view(torch.bfloat16)
    inf = float("inf")
    least, one, last = 2.0**-149, 1 + 2.0**-24, 3.4028235677973366e38  # the last: halfway to 2^128
    f64 = torch.tensor([0.0, -0.0, inf, -inf, float("nan"), 1 / 3, -1e-300, 5e-324, least, least / 2,
                        least * 0.75, least * 1.5, one, 1 + 3 * 2.0**-24, 1 + 2.0**-24 + 2.0**-52,
                        2.0**-126, 2.0**-127 * 1.999999999, torch.finfo(torch.float32).max,
                        last * (1 - 2.0**-53), 16777217.0, 16777219.0], dtype=torch.float64)
    tensors = {"f16": f16, "bf16": bf16, "f64": f64}
    return tensors | {name + ".f32": t.float() for name, t in tensors.items()}


folder = sys.argv[1]
metadata = {"format": 'pt "\\/\b\f\n\r\t\x01\x7f\u2028<🙂'}  # one key: the library writes several in no fixed order
save_file(types(), os.path.join(folder, "types.safetensors"), metadata)
save_file(floats(), os.path.join(folder, "floats.safetensors"))
