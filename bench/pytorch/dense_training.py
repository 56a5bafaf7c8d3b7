"""What the trainings of segmentation.py and detection.py have in common: their options, the schedule, the loop over seeds and epochs, and the CSV."""

import argparse
import csv
import json
import math
import random
import resource
import time
from pathlib import Path
from typing import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def read_options(size: str, epochs: int, batch_size: int) -> argparse.Namespace:
    """Those of the command line; `size` becomes height and width."""
    parser = argparse.ArgumentParser()
    for name in ("data", "weights", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--size", default=size)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--batch-size", type=int, default=batch_size)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.size = tuple(map(int, options.size.split("x")))
    torch.set_num_threads(options.threads)
    return options


def train(
    options: argparse.Namespace,
    output: Path,
    data: Dataset,
    build: Callable[[], nn.Module],
    loss_of: Callable,
    evaluate: Callable[[nn.Module, int, bool], dict[str, float]],
    weight_decay: float,
    warm_up_epochs: int,
    first: float,
    last: float,
    collate: Callable | None = None,
) -> None:
    """Trains a model for each seed, from the rate `first` up to the options' and along a cosine down to `last`, and writes a row for each epoch.

    `loss_of` takes the model and what a batch holds; `evaluate` the model, the seed and whether the epoch is the last one, and returns more of the row.
    """
    rows = []
    for seed in map(int, options.seeds.split(",")):
        torch.manual_seed(seed)
        random.seed(seed)
        model = build()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, weight_decay=weight_decay, fused=True)
        chosen = {"shuffle": True, "drop_last": True, "num_workers": 1, "persistent_workers": True}
        loader = DataLoader(data, options.batch_size, collate_fn=collate, **chosen)
        steps, warm_up, step = options.epochs * len(loader), warm_up_epochs * len(loader), 0
        highest = options.learning_rate
        for epoch in range(options.epochs):
            model.train()
            begin, sums = time.perf_counter(), 0.0
            for batch in loader:
                if step < warm_up:
                    rate = first + (highest - first) * step / warm_up
                else:
                    done = (step - warm_up) / (steps - warm_up)
                    rate = last + (highest - last) * (1 + math.cos(math.pi * done)) / 2
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                loss = loss_of(model, *batch)
                loss.backward()
                optimizer.step()
                sums += loss.item()
                step += 1
            seconds = time.perf_counter() - begin
            is_last = epoch + 1 == options.epochs
            row = {"seed": seed, "epoch": epoch + 1, "train_loss": sums / len(loader), "seconds": round(seconds, 2)}
            row.update(evaluate(model, seed, is_last))
            if is_last:
                row["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(json.dumps(row), flush=True)
            rows.append(row)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with output.open("w") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
