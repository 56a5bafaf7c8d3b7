"""Makes the files of this folder: pictures of our own, and what torchvision makes of them.

    pip install torch torchvision scipy && python make.py

Made with torchvision 0.29.2, torch 2.15.0, Pillow 13.0.0, scipy (see goldens.json). The tests compare with the files as
they are; running this again with other versions shows whether torchvision has changed.
"""
import json
import math
import os

import numpy as np
import PIL
import scipy
import scipy.io
import torch
import torchvision
import torchvision.transforms as T
import torchvision.transforms.functional as F
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))


def picture(width, height, seed):
    """Gradients, discs, stripes and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([255 * x / width, 255 * y / height, 127 + 90 * np.sin(x / 3.0 + y / 7.0)], -1)
    for _ in range(6):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(4, 30)
        image[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(0, 255, 3)
    image[(x // 2 + y // 3) % 11 == 0] *= 0.4
    return Image.fromarray(np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8))


def save(name, image, **options):
    image.save(os.path.join(here, name), **options)
    return Image.open(os.path.join(here, name)).convert("RGB")


sources = {
    "wide.png": (picture(150, 100, 1), {}),
    "tall.png": (picture(97, 131, 2), {}),
    "small.png": (picture(30, 21, 3), {}),
    "large-420.jpg": (picture(333, 221, 4), {"quality": 90}),
    "odd-444.jpg": (picture(121, 119, 5), {"quality": 85, "subsampling": 0}),
    "progressive-422.jpg": (picture(140, 95, 6), {"quality": 80, "subsampling": 1, "progressive": True}),
    "grey.jpg": (picture(130, 90, 7).convert("L"), {"quality": 90}),
}
cases = []
for name, (image, options) in sources.items():
    image = save(name, image, **options)
    stem = name.replace(".", "-")
    for resize, crop in ((64, 56), (24, 20)):
        out = f"{stem}.resize{resize}-crop{crop}.out.png"
        T.Compose([T.Resize(resize), T.CenterCrop(crop)])(image).save(os.path.join(here, out))
        cases.append({"file": name, "transform": f"resize({resize})|centerCrop({crop})", "expected": out})
    if name in ("wide.png", "small.png", "large-420.jpg"):
        out = f"{stem}.bicubic64-crop56.out.png"
        T.Compose([T.Resize(64, T.InterpolationMode.BICUBIC), T.CenterCrop(56)])(image).save(os.path.join(here, out))
        transform = "resize(64,interpolation=bicubic)|centerCrop(56)"
        cases.append({"file": name, "transform": transform, "expected": out})
    w, h = image.size
    left, top, width, height = w // 7, h // 5, w // 2 + 3, h // 2 + 1
    out = f"{stem}.resized-crop32.out.png"
    F.resized_crop(image, top, left, height, width, [32, 32]).save(os.path.join(here, out))
    cases.append({"file": name, "box": [left, top, width, height], "size": 32, "expected": out})

# One colour change each, of the middle of a picture.
colour = F.center_crop(Image.open(os.path.join(here, "wide.png")).convert("RGB"), [60, 60])
changes = {
    "brightness": (F.adjust_brightness, 1.3),
    "contrast": (F.adjust_contrast, 0.6),
    "saturation": (F.adjust_saturation, 1.5),
    "hue": (F.adjust_hue, 0.1),
    "sharpness": (F.adjust_sharpness, 1.7),
    "posterize": (F.posterize, 4),
    "solarize": (F.solarize, 128),
    "autoContrast": (lambda image, _: F.autocontrast(F.adjust_contrast(image, 0.6)), None),
    "equalize": (lambda image, _: F.equalize(image), None),
}
colours = []
for name, (change, factor) in changes.items():
    out = f"wide.{name}.out.png"
    change(colour, factor).save(os.path.join(here, out))
    colours.append({"change": name, "factor": factor, "expected": out})

law = []
torch.manual_seed(0)
for width, height in ((500, 375), (200, 600), (64, 64)):
    image = Image.new("RGB", (width, height))
    draws = [T.RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(50000)]
    area = np.array([h * w / (width * height) for _, _, h, w in draws])
    ratio = np.array([math.log(w / h) for _, _, h, w in draws])
    # Points off the grid of possible values, so that no draw lies on one.
    points = {"area": np.linspace(0.05, 1, 120) + 1e-7, "ratio": np.linspace(-0.31, 0.31, 120) + 1e-7}
    law.append({
        "width": width,
        "height": height,
        "draws": len(draws),
        "area": [[float(p), float((area < p).mean())] for p in points["area"]],
        "logRatio": [[float(p), float((ratio < p).mean())] for p in points["ratio"]],
    })

# The layout of ImageNet's meta.mat, with five classes of our own and one above them.
synsets = np.zeros((6, 1), dtype=[(f, "O") for f in (
    "ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images")])
for i, wnid in enumerate(["n00000005", "n00000002", "n00000009", "n00000001", "n00000004", "n00000000"]):
    children = np.zeros((1, 0)) if i < 5 else np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    synsets[i, 0] = (float(i + 1), wnid, f"thing {i + 1}", "a thing", float(children.size), children, 0.0, 3.0)
scipy.io.savemat(os.path.join(here, "meta.mat"), {"synsets": synsets}, do_compression=True)

versions = {"torchvision": torchvision.__version__, "torch": torch.__version__, "Pillow": PIL.__version__, "scipy": scipy.__version__}
with open(os.path.join(here, "goldens.json"), "w") as f:
    json.dump({"versions": versions, "cases": cases, "colours": colours, "randomResizedCrop": law}, f, indent=1)
