"""torchvision's ImageFolder and DataLoader, as `npm run bench:loading` asks: a line in, an epoch, a line of JSON out."""

import argparse
import json
import os
import sys
import time

import torch
import torchvision
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import datasets
from torchvision import transforms as T

NORMALIZE = T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
TRANSFORMS = {
    "train": [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor(), NORMALIZE],
    "eval": [T.Resize(256), T.CenterCrop(224), T.ToTensor(), NORMALIZE],
}


def cpu_milliseconds(pids):
    ticks = 0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pids):
    """Proportional set size: what is shared counts once."""
    total = 0
    for pid in pids:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                total += 1024 * int(line.split()[1])
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--mode", choices=TRANSFORMS, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--repeat", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = datasets.ImageFolder(options.folder, T.Compose(TRANSFORMS[options.mode]))
    loader = DataLoader(
        ConcatDataset([images] * options.repeat),
        batch_size=options.batch,
        shuffle=options.mode == "train",
        num_workers=options.workers,
        persistent_workers=True,
    )
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    print(json.dumps({"versions": versions}), flush=True)
    pids = [os.getpid()]
    for _ in sys.stdin:
        begin, cpu = time.perf_counter(), cpu_milliseconds(pids)
        count = 0
        for _, labels in loader:
            count += len(labels)
        seconds = time.perf_counter() - begin
        if len(pids) == 1:
            pids += [worker.pid for worker in loader._iterator._workers]
        spent = cpu_milliseconds(pids) - cpu
        print(
            json.dumps(
                {
                    "images": count,
                    "milliseconds": 1000 * seconds,
                    "cpuMilliseconds": spent,
                    "memoryBytes": memory_bytes(pids),
                }
            ),
            flush=True,
        )


main()
