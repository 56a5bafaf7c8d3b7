"""Learning rates of timm's and PyTorch's schedules, step by step, as goldens for packages/training: python bench/pytorch/schedules.py OUTPUT.json

Needs torch and timm. Each case has the entries of a recipe that mean the same.
"""

import json
import sys
import warnings

import timm
import torch
from timm.scheduler import CosineLRScheduler, MultiStepLRScheduler, PlateauLRScheduler, PolyLRScheduler, StepLRScheduler

warnings.simplefilter("ignore")
EPOCHS, PER_EPOCH, RATE, START, FINAL = 6, 5, 0.1, 0.001, 0.002
STEPS = EPOCHS * PER_EPOCH
LOSSES = [2.0, 1.5, 1.6, 1.7, 1.5, 1.49999, 1.2, 1.3, 1.4, 1.5, 1.1, 1.2]


def optimiser():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)


def rates(make, warm_up, prefix, per_epoch, steps=STEPS, unit=None):
    """Of timm's scheduler: `unit` are the steps of what it counts in."""
    unit = PER_EPOCH if per_epoch else 1
    sgd = optimiser()
    common = {"warmup_t": warm_up * PER_EPOCH // unit, "warmup_lr_init": START, "warmup_prefix": prefix, "t_in_epochs": per_epoch}
    scheduler = make(sgd, (steps - (warm_up * PER_EPOCH if prefix else 0)) // unit, PER_EPOCH // unit, common)
    found = []
    for step in range(steps):
        if per_epoch:
            scheduler.step(step // PER_EPOCH)
        else:
            scheduler.step_update(step)
        found.append(sgd.param_groups[0]["lr"])
    return found


SHAPES = [
    ({"id": "cosine"}, lambda sgd, length, epoch, common: CosineLRScheduler(sgd, length, lr_min=FINAL, **common)),
    ({"id": "polynomial"}, lambda sgd, length, epoch, common: PolyLRScheduler(sgd, length, lr_min=FINAL, **common)),
    ({"id": "polynomial", "power": 0.9}, lambda sgd, length, epoch, common: PolyLRScheduler(sgd, length, power=0.9, lr_min=FINAL, **common)),
    ({"id": "step", "every": 1.4, "factor": 0.7}, lambda sgd, length, epoch, common: StepLRScheduler(sgd, 1.4 * epoch, 0.7, **common)),
    # timm's milestones apply one earlier than PyTorch's, which are ours.
    ({"id": "milestones", "epochs": [2, 3], "factor": 0.1}, lambda sgd, length, epoch, common: MultiStepLRScheduler(sgd, [2 * epoch + 1, 3 * epoch + 1], 0.1, **common)),
]

cases = []
for shape, make in SHAPES:
    for warm_up in (0, 2):
        for prefix in (True, False):
            for per_epoch in (False, True):
                schedule = {**shape, **({} if prefix else {"countWarmUp": True}), **({"perEpoch": True} if per_epoch else {})}
                cases.append({"schedule": schedule, "warmUpEpochs": warm_up, "rates": rates(make, warm_up, prefix, per_epoch)})

for options in ({}, {"rise": 0.4, "start": 10, "end": 100}):
    sgd = optimiser()
    names = {"rise": "pct_start", "start": "div_factor", "end": "final_div_factor"}
    cycle = torch.optim.lr_scheduler.OneCycleLR(sgd, RATE, total_steps=STEPS, **{names[key]: value for key, value in options.items()})
    found = []
    for _ in range(STEPS):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        cycle.step()
    cases.append({"schedule": {"id": "one-cycle", **options}, "warmUpEpochs": 0, "rates": found})

for warm_up in (0, 2):
    for options in ({"patience": 1}, {"patience": 0, "factor": 0.5, "cooldown": 1, "threshold": 0.01}):
        sgd = optimiser()
        names = {"patience": "patience_t", "factor": "decay_rate", "cooldown": "cooldown_t", "threshold": "threshold"}
        scheduler = PlateauLRScheduler(sgd, mode="min", lr_min=FINAL, warmup_t=warm_up, warmup_lr_init=START, **{names[key]: value for key, value in options.items()})
        found = []
        for epoch, loss in enumerate(LOSSES):
            found.extend([sgd.param_groups[0]["lr"]] * PER_EPOCH)
            scheduler.step(epoch + 1, loss)
        cases.append({"schedule": {"id": "plateau", "perEpoch": True, **options}, "warmUpEpochs": warm_up, "losses": LOSSES, "rates": found})

with open(sys.argv[1], "w") as file:
    recipe = {"learningRate": RATE, "warmUpStart": START, "finalLearningRate": FINAL}
    file.write(f'{{"timm": "{timm.__version__}", "torch": "{torch.__version__}", "stepsPerEpoch": {PER_EPOCH}, "recipe": {json.dumps(recipe)}, "cases": [\n')
    rounded = [{**case, "rates": [round(rate, 12) for rate in case["rates"]]} for case in cases]
    file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in rounded))
    file.write("\n]}\n")
