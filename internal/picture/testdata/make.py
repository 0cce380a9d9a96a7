"""Makes the fixtures of this folder with Pillow (libjpeg-turbo) and NumPy.

    python make.py

Each picture NAME.jpg or NAME.png has its right pixels beside it in
NAME.want.png. Needs Pillow and NumPy; the committed files came from Pillow 13.0
with libjpeg-turbo.
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

rng = np.random.default_rng(1)


def scene(w, h):
    """Smooth colour, edges and a little noise, all three planes different."""
    y, x = np.mgrid[0:h, 0:w].astype(float)
    r = 127 + 120 * np.sin(x / 5.0) * np.cos(y / 9.0)
    g = 127 + 120 * np.cos((x + y) / 11.0)
    b = 255 * ((x // 7 + y // 5) % 2)
    a = np.stack([r, g, b], -1) + rng.normal(0, 6, (h, w, 3))
    a[h // 3 : h // 2, w // 4 : w // 2] = (220, 30, 40)
    return Image.fromarray(a.clip(0, 255).astype(np.uint8))


def want(name, image):
    image.save(f"{name}.want.png", optimize=True)


def jpeg(name, image, reference=None, **options):
    image.save(f"{name}.jpg", **options)
    with Image.open(f"{name}.jpg") as i:
        want(name, reference(i) if reference else i.convert("RGB"))


# Chroma at each of libjpeg's filters, with odd sides and planes of one to
# three columns.
for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
    jpeg(f"ycc{name}", scene(61, 43), quality=85, subsampling=sampling)
for w in (1, 2, 3, 4, 5):
    jpeg(f"narrow{w}", scene(w, 7), quality=90, subsampling=2)
jpeg("progressive", scene(61, 43), quality=85, subsampling=2, progressive=True)


def resampled(name, sampling, old, new):
    """Pillow writes neither 4:4:0 nor 4:1:1. Other sampling factors in the
    frame header, for as many blocks, make a valid file of scrambled blocks."""
    file = io.BytesIO()
    scene(61, 43).save(file, "JPEG", quality=85, subsampling=sampling)
    data = bytearray(file.getvalue())
    at = data.index(b"\xff\xc0") + 11
    assert data[at] == old
    data[at] = new
    with open(f"{name}.jpg", "wb") as f:
        f.write(data)
    want(name, Image.open(f"{name}.jpg").convert("RGB"))


resampled("ycc440", 1, 0x21, 0x12)
resampled("ycc411", 2, 0x22, 0x41)
jpeg("grey", scene(33, 20).convert("L"), quality=85)
jpeg("cmyk", scene(32, 24).convert("CMYK"), quality=90)

# The same file as YCCK: the last byte of the Adobe segment says so.
data = bytearray(open("cmyk.jpg", "rb").read())
data[data.index(b"Adobe") + 11] = 2
with open("ycck.jpg", "wb") as f:
    f.write(data)
want("ycck", Image.open("ycck.jpg").convert("RGB"))
jpeg("rgb", scene(32, 24), quality=90, keep_rgb=True)

# EXIF orientations, both byte orders.
for o in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = o
    if o % 2:
        exif.endian = "<"
    image = scene(24, 16)
    jpeg(f"exif{o}", image, lambda i: ImageOps.exif_transpose(i).convert("RGB"), quality=90, subsampling=0, exif=exif)


# PNG's colour types. The right pixels come from the arrays that are written.
def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(name, depth, kind, rows, rgb, extra=b"", interlace=0):
    """rows: the packed bytes of each row, unfiltered."""
    h = len(rows)
    w = rgb.shape[1]
    data = zlib.compress(b"".join(b"\0" + r for r in rows), 9)
    head = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlace)
    with open(f"{name}.png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    want(name, Image.fromarray(rgb.astype(np.uint8)))


def rounded(n, d):
    return (2 * n.astype(np.int64) + d) // (2 * d)


H, W = 9, 13
grey16 = rng.integers(0, 65536, (H, W))
png("grey16", 16, 0, [r.astype(">u2").tobytes() for r in grey16], np.repeat(rounded(grey16 * 255, 65535)[..., None], 3, 2))
rgb16 = rng.integers(0, 65536, (H, W, 3))
png("rgb16", 16, 2, [r.astype(">u2").tobytes() for r in rgb16], rounded(rgb16 * 255, 65535))
rgba16 = rng.integers(0, 65536, (H, W, 4))
png("rgba16", 16, 6, [r.astype(">u2").tobytes() for r in rgba16], rounded(rgba16[..., :3] * rgba16[..., 3:] * 255, 65535**2))
rgba8 = rng.integers(0, 256, (H, W, 4))
png("rgba8", 8, 6, [r.astype(np.uint8).tobytes() for r in rgba8], rounded(rgba8[..., :3] * rgba8[..., 3:], 255))
la8 = rng.integers(0, 256, (H, W, 2))
png("greyalpha8", 8, 4, [r.astype(np.uint8).tobytes() for r in la8], np.repeat(rounded(la8[..., :1] * la8[..., 1:], 255), 3, 2))
bits = rng.integers(0, 2, (H, W))
png("grey1", 1, 0, [np.packbits(r.astype(np.uint8)).tobytes() for r in bits], np.repeat(bits[..., None] * 255, 3, 2))
rgb8 = rng.integers(0, 256, (H, W, 3))
rgb8[2:5, 3:9] = (10, 200, 30)  # the transparent colour
through = (rgb8 == (10, 200, 30)).all(-1, keepdims=True)
png("rgbtrns", 8, 2, [r.astype(np.uint8).tobytes() for r in rgb8], np.where(through, 0, rgb8), chunk(b"tRNS", struct.pack(">HHH", 10, 200, 30)))
palette = rng.integers(0, 256, (5, 3))
alpha = np.array([255, 0, 128, 7])  # the fifth is opaque
index = rng.integers(0, 5, (H, W))
shown = rounded(palette * np.append(alpha, 255)[:, None], 255)[index]
png("palette", 8, 3, [r.astype(np.uint8).tobytes() for r in index], shown,
    chunk(b"PLTE", palette.astype(np.uint8).tobytes()) + chunk(b"tRNS", alpha.astype(np.uint8).tobytes()))

# Pillow's BILINEAR from one picture to several sizes.
source = scene(50, 37)
source.save("resize.png", optimize=True)
for w, h in [(32, 32), (8, 8), (1, 1), (100, 74), (50, 12), (17, 37), (64, 20), (7, 90)]:
    want(f"resize.{w}x{h}", source.resize((w, h), Image.BILINEAR))
