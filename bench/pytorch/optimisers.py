"""20 steps of PyTorch's and timm's optimisers on a small network, as goldens for packages/training: python bench/pytorch/optimisers.py OUTPUT.json

Needs torch and timm. Double precision, so that what is compared is our rounding alone.
"""

import json
import sys

import timm
import torch
from timm.optim import Lamb, RMSpropTF
from timm.utils import ModelEmaV3

STEPS, BATCH, INPUTS, HIDDEN, CLASSES = 20, 8, 12, 5, 4
WEIGHT_DECAY = 0.05


def numbers(start, count):
    """Integers alone, so that every language has the same: from -1 to 1."""
    return [((start + k) * 7919 % 1009) / 504.5 - 1 for k in range(count)]


def tensor(start, *shape):
    return torch.tensor(numbers(start, torch.Size(shape).numel()), dtype=torch.float64).reshape(shape)


def network():
    model = torch.nn.Sequential()
    model.add_module("fc1", torch.nn.Linear(INPUTS, HIDDEN))
    model.add_module("tanh", torch.nn.Tanh())
    model.add_module("fc2", torch.nn.Linear(HIDDEN, CLASSES))
    model = model.double()
    with torch.no_grad():
        # Kernels are [inputs, outputs] in TensorFlow.
        model.fc1.weight.copy_(tensor(1, INPUTS, HIDDEN).T)
        model.fc1.bias.copy_(0.1 * tensor(101, HIDDEN))
        model.fc2.weight.copy_(tensor(201, HIDDEN, CLASSES).T)
        model.fc2.bias.copy_(0.1 * tensor(301, CLASSES))
    return model


OPTIMISERS = {
    "sgd": (0.1, lambda groups: torch.optim.SGD(groups, lr=0, momentum=0.9)),
    "sgd-nesterov": (0.1, lambda groups: torch.optim.SGD(groups, lr=0, momentum=0.9, nesterov=True)),
    "adam": (0.01, lambda groups: torch.optim.Adam(groups, lr=0)),
    "adamw": (0.01, lambda groups: torch.optim.AdamW(groups, lr=0)),
    "rmsprop": (0.005, lambda groups: torch.optim.RMSprop(groups, lr=0, alpha=0.99, momentum=0.9)),
    "rmsprop-tf": (0.01, lambda groups: RMSpropTF(groups, lr=0, alpha=0.9, eps=1e-10, momentum=0.9)),
    "lamb": (0.02, lambda groups: Lamb(groups, lr=0, max_grad_norm=None)),
}
VARIANTS = {
    "plain": {},
    "clip": {"clipNorm": 0.5},
    "accumulate": {"accumulate": 2},
    "averaging": {"averaging": {"decay": 0.9}},
    "averaging-warmed-up": {"averaging": {"decay": 0.9, "warmUp": True}},
    "groups": {"decayNormsAndBiases": False, "groups": [{"match": "^fc1/", "rate": 0.5}, {"match": "fc2/kernel", "weightDecay": 0.2}]},
}
VARIANTS["all"] = {**VARIANTS["clip"], **VARIANTS["accumulate"], **VARIANTS["averaging"], **VARIANTS["groups"]}


def groups(model, variant):
    """One group for each parameter."""
    grouped = "groups" in variant
    result = []
    for name, parameter in model.named_parameters():
        decay = 0 if grouped and parameter.ndim == 1 else 0.2 if grouped and name == "fc2.weight" else WEIGHT_DECAY
        scale = 0.5 if grouped and name.startswith("fc1") else 1
        result.append({"params": [parameter], "weight_decay": decay, "scale": scale})
    return result


def run(rate, make, variant):
    model = network()
    optimiser = make(groups(model, variant))
    averaging = variant.get("averaging")
    ema = averaging and ModelEmaV3(model, decay=averaging["decay"], use_warmup=averaging.get("warmUp", False), foreach=False)
    accumulate = variant.get("accumulate", 1)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - step / 40) * group["scale"]
        optimiser.zero_grad()
        for part in range(accumulate):
            batch = step * accumulate + part
            images = tensor(1000 + 96 * batch, BATCH, INPUTS)
            labels = torch.tensor([(batch + 3 * i) % CLASSES for i in range(BATCH)])
            (torch.nn.functional.cross_entropy(model(images), labels) / accumulate).backward()
        if "clipNorm" in variant:
            torch.nn.utils.clip_grad_norm_(model.parameters(), variant["clipNorm"])
        optimiser.step()
        if ema:
            ema.update(model, step=step + 1)
    return {"weights": values(model), **({"averages": values(ema.module)} if ema else {})}


def values(model):
    """In TensorFlow's layout: fc1/kernel, fc1/bias, fc2/kernel, fc2/bias."""
    flat = [parameter.T if parameter.ndim == 2 else parameter for parameter in model.parameters()]
    return [round(value, 8) for each in flat for value in each.detach().flatten().tolist()]


cases = [
    {"optimiser": name, "variant": which, "options": variant, "rate": rate, **run(rate, make, variant)}
    for name, (rate, make) in OPTIMISERS.items()
    for which, variant in VARIANTS.items()
]
with open(sys.argv[1], "w") as file:
    file.write(f'{{"torch": "{torch.__version__}", "timm": "{timm.__version__}", "cases": [\n')
    file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
    file.write("\n]}\n")
