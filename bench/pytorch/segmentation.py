"""CamVid in PyTorch as `refconv train --task segmentation` has it: torchvision's LRASPP over MobileNetV1, the same recipe, data and budget.

    python bench/pytorch/segmentation.py CAMVID WEIGHTS OUTPUT [--size 180x240] [--epochs 60] [--seeds 1,2,3]

WEIGHTS is a safetensors file of MobileNetV1 ×0.25 with ReLU, whose convolutions and batch norms are in the network's order. OUTPUT gets a row of
mean IoU for each seed: of the validation images after each epoch, and of the test images after the last.
"""

import json
import math
import random
import struct
from functools import partial
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.models.segmentation.lraspp import LRASPP
from torchvision.transforms.v2 import functional as transforms

from dense_training import read_options, train
from network import MobileNetV1

CLASSES = 11
VOID = 11
IGNORED = 255
LOW, HIGH = 4, 12
"""Blocks whose outputs are LR-ASPP's low (stride 8) and high features."""


class Features(nn.Module):
    """The features of MobileNetV1 at output stride 16, as timm dilates: the last strided layer has stride 1, the one behind it dilation 2."""

    def __init__(self, width: float):
        super().__init__()
        network = MobileNetV1(width, 1000, 2)
        self.stem, self.blocks = network.stem, network.blocks
        convolutions = [module for module in self.blocks.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
        convolutions[-2].stride = (1, 1)
        convolutions[-1].dilation = convolutions[-1].padding = (2, 2)
        for module in [self.stem, *self.blocks]:
            module[2] = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.stem(x)
        found = {}
        for i, block in enumerate(self.blocks):
            x = block(x)
            # Each block of MobileNetV1 is two of these modules.
            if i == 2 * LOW + 1:
                found["low"] = x
        found["high"] = x
        return found


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[8 + length + begin : 8 + length + end], dtype="<f4")
        tensors[name] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return tensors


def load_backbone(features: Features, path: Path) -> None:
    """Gives the convolutions and norms the file's weights by timm's names."""
    given = read_safetensors(path)

    def take(block: nn.Sequential, convolution: str, norm: str):
        block[0].weight.data.copy_(given[f"{convolution}.weight"])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(block[1], name).data.copy_(given[f"{norm}.{name}"])

    take(features.stem, "conv_stem", "bn1")
    counts = [1, 2, 2, 6, 2]
    names = [f"blocks.{stage}.{i}" for stage, count in enumerate(counts) for i in range(count)]
    for i, name in enumerate(names):
        take(features.blocks[2 * i], f"{name}.conv_dw", f"{name}.bn1")
        take(features.blocks[2 * i + 1], f"{name}.conv_pw", f"{name}.bn2")


class CamVid(Dataset):
    """Images and labels in memory as they are; changed for training, resized for evaluation."""

    def __init__(self, folder: Path, split: str, size: tuple[int, int], train: bool):
        names = (folder / f"{split}.txt").read_text().split()
        self.size, self.train = size, train
        self.images = [Image.open(folder / "images" / f"{name}.jpg").convert("RGB") for name in names]
        self.labels = []
        for name in names:
            label = numpy.array(Image.open(folder / "labels" / f"{name}.png"))
            label[label == VOID] = IGNORED
            self.labels.append(torch.from_numpy(label))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, label = self.images[index], self.labels[index][None]
        height, width = self.size
        if self.train:
            side = min(self.size)
            short = random.randint(math.ceil(side / 2), 2 * side)
            image = transforms.resize(image, [short])
            label = transforms.resize(label, [image.height, image.width], transforms.InterpolationMode.NEAREST_EXACT)
            down, right = max(0, height - image.height), max(0, width - image.width)
            image = transforms.pad(image, [0, 0, right, down])
            label = transforms.pad(label, [0, 0, right, down], fill=IGNORED)
            top, left = random.randint(0, image.height - height), random.randint(0, image.width - width)
            image = transforms.crop(image, top, left, height, width)
            label = transforms.crop(label, top, left, height, width)
            if random.random() < 0.5:
                image, label = transforms.hflip(image), transforms.hflip(label)
        else:
            image = transforms.resize(image, [height, width])
        image = transforms.to_dtype(transforms.to_image(image), torch.float32, scale=True)
        image = transforms.normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        return image, label[0].long()


def loss_of(logits, labels):
    return functional.cross_entropy(logits, labels, ignore_index=IGNORED)


@torch.no_grad()
def mean_iou(model: nn.Module, loader: DataLoader) -> float:
    """Of one confusion matrix over the set; logits are resized to the labels' size."""
    model.eval()
    confusion = torch.zeros(CLASSES, CLASSES, dtype=torch.int64)
    for images, labels in loader:
        logits = model(images.to(memory_format=torch.channels_last))["out"]
        found = functional.interpolate(logits, labels.shape[1:], mode="bilinear", align_corners=False).argmax(1)
        counted = labels != IGNORED
        pairs = labels[counted] * CLASSES + found[counted]
        confusion += torch.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    right = confusion.diag().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diag()
    return (right[union > 0] / union[union > 0]).mean().item()


def build_segmenter(width: float, weights: Path | None = None) -> LRASPP:
    features = Features(width)
    if weights:
        load_backbone(features, weights)
    low, high = (module[0].out_channels for module in (features.blocks[2 * LOW + 1], features.blocks[-1]))
    return LRASPP(features, low, high, CLASSES).to(memory_format=torch.channels_last)


def main() -> None:
    options = read_options("180x240", 60, 8)
    splits = {name: CamVid(options.data, name, options.size, name == "train") for name in ("train", "val", "test")}
    evaluated = {name: DataLoader(splits[name], batch_size=8) for name in ("val", "test")}

    def loss(model, images, labels):
        return loss_of(model(images.to(memory_format=torch.channels_last))["out"], labels)

    def evaluate(model, _seed, is_last):
        row = {"validation_mean_iou": mean_iou(model, evaluated["val"])}
        return {**row, "test_mean_iou": mean_iou(model, evaluated["test"])} if is_last else row

    build = partial(build_segmenter, 0.25, options.weights)
    rates = {"warm_up_epochs": 1, "first": 5e-4, "last": 5e-6}
    train(options, options.output, splits["train"], build, loss, evaluate, weight_decay=1e-6, **rates)


if __name__ == "__main__":
    main()
