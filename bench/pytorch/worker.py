"""Worker of the contestants `pytorch` and `pytorch-compile`; the lines it exchanges are those of bench/src/protocol.ts."""

import json
import os
import resource
import sys
import time

import torch
from torch import nn

from networks import NETWORKS

LEARNING_RATE = 0.01
MOMENTUM = 0.9
WEIGHT_DECAY = 4e-5
WARM_UP_STEPS = 3


def build(setting: dict, compiled: bool):
    """Returns the number of parameters and a function that runs one step to its end and returns the loss."""
    torch.manual_seed(1)
    stem_stride = 1 if setting["variant"] == "cifar" else 2
    model = NETWORKS[setting["network"]](setting["width"], setting["classes"], stem_stride)
    model = model.to(memory_format=torch.channels_last)
    parameters = list(model.parameters())
    # The fused form is the fastest of PyTorch's three on a CPU, and the counterpart of ResourceApplyMomentum.
    optimizer = torch.optim.SGD(
        parameters, lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True
    )
    size = setting["inputSize"]
    images = torch.randn(setting["batch"], 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.arange(setting["batch"]) * 7 % setting["classes"]

    def forward(images, labels):
        return nn.functional.cross_entropy(model(images), labels)

    loss_of = torch.compile(forward) if compiled else forward

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(images, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return sum(parameter.numel() for parameter in parameters), step


def timed(body):
    start = time.perf_counter()
    result = body()
    return result, (time.perf_counter() - start) * 1000


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def run_steps(step, count: int) -> dict:
    cpu = time.process_time()
    runs = [timed(step) for _ in range(count)]
    return {
        "milliseconds": [milliseconds for _, milliseconds in runs],
        "cpuMilliseconds": (time.process_time() - cpu) * 1000,
        "peakMemoryMB": peak_memory(),
        "loss": runs[-1][0],
    }


def main(build=build):
    """Times what `build` makes: another contestant hands its own."""
    # Answers go to the real stdout; whatever a library prints goes to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: dict):
        print(json.dumps(answer), file=answers, flush=True)

    setting = json.loads(sys.argv[1])
    torch.set_num_threads(setting["threads"])
    library_memory = peak_memory()
    (parameters, step), build_time = timed(lambda: build(setting, sys.argv[2] == "pytorch-compile"))
    warm_up = [timed(step)[1] for _ in range(WARM_UP_STEPS)]
    say(
        {
            "parameters": parameters,
            "buildMilliseconds": build_time,
            "firstStepMilliseconds": warm_up[0],
            "warmStepMilliseconds": warm_up[-1],
            "libraryMemoryMB": library_memory,
            "versions": {"torch": torch.__version__},
        }
    )
    for line in sys.stdin:
        command, count = line.split()
        if command != "step":
            raise ValueError(f'The worker was sent "{line}"; it knows "step N".')
        say(run_steps(step, int(count)))


if __name__ == "__main__":
    main()
