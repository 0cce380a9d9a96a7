"""The least time that a device can take: the most it computes and moves in a second, by
NVIDIA's data sheets, dense, with sums in fp32."""

# By what a device's name holds, the longer names first: TFLOP/s of fp32 without tensor
# cores, of fp16 and bf16 with them, and GB/s of memory.
PEAKS = [
    ("GH200", 67, 989, 4000), ("H200 NVL", 60, 835, 4800), ("H200", 67, 989, 4800),
    ("H100 NVL", 60, 835, 3900), ("H100 PCIe", 51, 756, 2000), ("H100", 67, 989, 3350),
    ("B200", 75, 2250, 8000), ("A100-SXM4-40GB", 19.5, 312, 1555), ("A100-PCIE-40GB", 19.5, 312, 1555), ("A100", 19.5, 312, 2039),
    ("L40S", 91.6, 362, 864), ("L4", 30.3, 121, 300), ("A10G", 35, 70, 600), ("A10", 31.2, 125, 600),
    ("RTX 5090", 104.8, 209.5, 1792), ("RTX 4090", 82.6, 165.2, 1008), ("RTX 3090", 35.6, 71, 936),
    ("RTX 6000 Ada", 91.1, 364, 960), ("RTX A6000", 38.7, 154.8, 768),
]


def peaks(device):
    for name, *figures in PEAKS:
        if name in device:
            return figures
    return None


def floor(device, precision, flops, moved):
    """Seconds, and None for a device that the table does not have."""
    most = peaks(device)
    if most is None:
        return None
    return max(flops / (most[0 if precision == "fp32" else 1] * 1e12), moved / (most[2] * 1e9))
