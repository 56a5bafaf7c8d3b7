"""Trains MobileNetV1 on CIFAR-10 by the measurement's recipe: a baseline, the same trained on, and RefConv over it.

Writes a row of accuracy.csv for each run (arm, seed, top1, seconds an epoch) and keeps a checkpoint an epoch, so that the same command goes on.
Usage: accuracy.py DATA OUTPUT [--seeds 1,2,3] [--epochs 105] [--second 40] [--width 0.25] [--threads 1]
"""

import argparse
import copy
import csv
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from network import MobileNetV1

RATE, MOMENTUM, WEIGHT_DECAY, BATCH = 0.1, 0.9, 4e-5, 128
FIRST_RATE = LAST_RATE = 5e-7


class RefConv(nn.Module):
    """A convolution with the kernel W_b + W_r * W_b: W_b is frozen, W_r starts by Xavier's rule (arXiv 2310.10563)."""

    def __init__(self, plain: nn.Conv2d):
        super().__init__()
        self.stride, self.padding, self.groups = plain.stride, plain.padding, plain.groups
        self.register_buffer("basis", plain.weight.detach().clone())
        outputs, inputs, *_ = self.basis.shape
        self.channels = outputs * inputs
        seen = inputs * plain.groups * outputs // plain.groups**2
        self.map = nn.Conv2d(self.channels, self.channels, 3, padding=1, groups=seen, bias=False)
        nn.init.xavier_uniform_(self.map.weight)

    def forward(self, x):
        image = self.basis.reshape(1, self.channels, *self.basis.shape[2:])
        kernel = self.basis + self.map(image).reshape(self.basis.shape)
        return functional.conv2d(x, kernel, None, self.stride, self.padding, groups=self.groups)


def refocus(module: nn.Module):
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.kernel_size[0] > 1:
            setattr(module, name, RefConv(child))
        else:
            refocus(child)


def read(folder: Path, names: list[str]):
    """Images [n, 3, 32, 32] of 0 to 1, and labels, of the binary files."""
    records = torch.frombuffer(bytearray(b"".join((folder / name).read_bytes() for name in names)), dtype=torch.uint8)
    records = records.reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32).float() / 255, records[:, 0].long()


def augmented(images):
    """A crop after four pixels of zeros on each side, and a flip, of each image its own."""
    count = len(images)
    padded = functional.pad(images, (4, 4, 4, 4))
    top, left = torch.randint(9, (2, count))
    flip = torch.rand(count) < 0.5
    rows = top[:, None] + torch.arange(32)
    columns = left[:, None] + torch.where(flip[:, None], torch.arange(31, -1, -1), torch.arange(32))
    at = torch.arange(count)[:, None, None]
    return padded.permute(0, 2, 3, 1)[at, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def rate_at(step: int, warm_up: int, steps: int) -> float:
    if step < warm_up:
        return FIRST_RATE + (RATE - FIRST_RATE) * step / warm_up
    share = (step - warm_up) / (steps - warm_up)
    return LAST_RATE + (RATE - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def train(model, data, epochs: int, warm_up_epochs: float, seed: int, file: Path):
    """Trains, or goes on; returns top-1 of the test images and the mean seconds of an epoch."""
    images, labels, test_images, test_labels = data
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True
    )
    done, seconds = 0, []
    if file.exists():
        saved = torch.load(file, weights_only=False)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        done, seconds = saved["done"], saved["seconds"]
    per_epoch = len(images) // BATCH
    for epoch in range(done, epochs):
        torch.manual_seed(seed * 100_003 + epoch)
        model.train()
        begin = time.perf_counter()
        order = torch.randperm(len(images))
        for step in range(per_epoch):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            for group in optimizer.param_groups:
                group["lr"] = rate_at(epoch * per_epoch + step, warm_up_epochs * per_epoch, epochs * per_epoch)
            batch = augmented(images[chosen]).contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad()
            functional.cross_entropy(model(batch), labels[chosen]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - begin)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": epoch + 1, "seconds": seconds}
        torch.save(state, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)
    model.eval()
    with torch.no_grad():
        right = sum(
            (model(part.contiguous(memory_format=torch.channels_last)).argmax(1) == wanted).sum().item()
            for part, wanted in zip(test_images.split(250), test_labels.split(250))
        )
    return right / len(test_labels), sum(seconds) / len(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--epochs", type=int, default=105)
    parser.add_argument("--second", type=int, default=40)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    images, labels = read(options.data, [f"data_batch_{i}.bin" for i in range(1, 6)])
    test_images, test_labels = read(options.data, ["test_batch.bin"])
    mean, std = images.mean((0, 2, 3), keepdim=True), images.std((0, 2, 3), keepdim=True)
    data = ((images - mean) / std, labels, (test_images - mean) / std, test_labels)
    table = options.output / "accuracy.csv"
    finished = {tuple(row[:2]) for row in csv.reader(table.open())} if table.exists() else set()
    first = (options.epochs, min(5, options.epochs / 20))
    second = (options.second, min(5, options.second / 20))
    for seed in map(int, options.seeds.split(",")):
        torch.manual_seed(seed)
        baseline = MobileNetV1(options.width, 10, 1).to(memory_format=torch.channels_last)
        for arm, (epochs, warm_up) in {"baseline": first, "retraining": second, "refconv": second}.items():
            model = baseline if arm == "baseline" else copy.deepcopy(baseline)
            if arm == "refconv":
                torch.manual_seed(seed)
                refocus(model)
            top1, seconds = train(model, data, epochs, warm_up, seed, options.output / f"{arm}-{seed}.pt")
            print(f"{arm}, seed {seed}: top-1 {100 * top1:.2f} %, {seconds:.1f} s an epoch", flush=True)
            if (arm, str(seed)) not in finished:
                with table.open("a", newline="") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    if file.tell() == 0:
                        writer.writerow(["arm", "seed", "top1", "seconds_an_epoch", "torch"])
                    writer.writerow([arm, seed, top1, round(seconds, 2), torch.__version__])


if __name__ == "__main__":
    main()
