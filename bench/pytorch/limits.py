"""Measures how fast PyTorch multiplies matrices and passes through memory; answers like bench/src/limits.ts."""

import json
import sys
import time

import torch

SIZE = 1024
FLOATS = 64 * 2**20


def best(body, milliseconds: float) -> float:
    """The shortest time in seconds that `body` takes, tried for so long."""
    times = []
    begin = time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - begin) * 1000 < milliseconds:
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return min(times)


milliseconds, threads = float(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
a, b, product = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE), torch.empty(SIZE, SIZE)
numbers = torch.ones(FLOATS)
limits = {
    "matmulGflops": 2 * SIZE**3 / best(lambda: torch.mm(a, b, out=product), milliseconds) / 1e9,
    "bandwidthGBs": 2 * 4 * FLOATS / best(lambda: numbers.mul_(1.0001), milliseconds) / 1e9,
    "versions": {"torch": torch.__version__},
}
print(json.dumps(limits))
