"""Losses of PyTorch and timm with their gradients, as goldens for packages/training: python bench/pytorch/losses.py OUTPUT.json

Needs torch and timm.
"""

import json
import sys

import torch
from timm.loss import BinaryCrossEntropy

N, CLASSES = 3, 4


def numbers(start, count):
    return [((start + k) * 7919 % 1009) / 504.5 - 1 for k in range(count)]


def logits(start):
    return (3 * torch.tensor(numbers(start, N * CLASSES), dtype=torch.float64)).reshape(N, CLASSES)


labels = torch.tensor([1, 3, 0])
others = labels.roll(1)
several = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]], dtype=torch.float64)


def distilled(weight, temperature):
    def loss(student):
        own = torch.nn.functional.cross_entropy(student, labels)
        teacher = torch.nn.functional.softmax(logits(500) / temperature, 1)
        distance = torch.nn.functional.kl_div(torch.nn.functional.log_softmax(student / temperature, 1), teacher, reduction="batchmean")
        return (1 - weight) * own + weight * temperature**2 * distance

    return loss


def soft(targets):
    return lambda student: torch.sum(-targets * torch.nn.functional.log_softmax(student, 1), 1).mean()


def binary(targets, **options):
    return lambda student: BinaryCrossEntropy(**{"smoothing": 0, **options}).double()(student, targets)


# Each image's own label with a share of 0.7.
pairs = 0.7 * torch.nn.functional.one_hot(labels, CLASSES).double() + 0.3 * torch.nn.functional.one_hot(others, CLASSES).double()
CASES = [
    ({"labelSmoothing": 0.1}, labels, lambda student: torch.nn.functional.cross_entropy(student, labels, label_smoothing=0.1)),
    ({"labelSmoothing": 0}, pairs, soft(pairs)),
    ({"labelSmoothing": 0.1}, pairs, soft(0.9 * pairs + 0.1 / CLASSES)),
    ({"labelSmoothing": 0, "loss": {"id": "binary-cross-entropy"}}, labels, binary(labels)),
    ({"labelSmoothing": 0.1, "loss": {"id": "binary-cross-entropy"}}, labels, binary(labels, smoothing=0.1)),
    ({"labelSmoothing": 0, "loss": {"id": "binary-cross-entropy"}}, several, binary(several)),
    ({"labelSmoothing": 0, "loss": {"id": "binary-cross-entropy", "sumClasses": True}}, several, binary(several, sum_classes=True)),
    ({"labelSmoothing": 0, "loss": {"id": "binary-cross-entropy", "threshold": 0.2}}, pairs, binary(pairs, target_threshold=0.2)),
    ({"labelSmoothing": 0, "distillation": {"weight": 0.5}}, labels, distilled(0.5, 1)),
    ({"labelSmoothing": 0, "distillation": {"weight": 0.9, "temperature": 4}}, labels, distilled(0.9, 4)),
    ({"labelSmoothing": 0, "distillation": {"weight": 1, "temperature": 2}}, labels, distilled(1, 2)),
]

found = []
for options, targets, loss in CASES:
    student = logits(1).requires_grad_()
    value = loss(student)
    value.backward()
    found.append(
        {"options": options, "labels": targets.tolist(), "loss": round(value.item(), 9), "gradient": [round(g, 9) for g in student.grad.flatten().tolist()]}
    )
with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in found) + "\n]\n")
