"""Worker of the contestants `pytorch` of the benchmark of attacks; the lines it exchanges are those of the package analysis, measurement/protocol.ts."""

import torch
from torch import Tensor, nn

import worker


class Block(nn.Module):
    """Two convolutions beside a shortcut that takes every second pixel and adds channels of zeros (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.added = (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return torch.relu(y + x)


class ResNet20(nn.Module):
    """ResNet-20 for CIFAR-10 (arXiv 1512.03385): images [n, 3, 32, 32], 0 to 1, to logits [n, 10]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        blocks = [Block(a, b, 2 if a != b else 1) for a, b in zip(widths, widths[1:])]
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(torch.relu(self.bn1(self.conv1((x - 0.5) / 0.25))))
        return self.linear(x.mean((2, 3)))


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    own = nn.functional.one_hot(labels, logits.shape[1])
    return torch.logsumexp(logits - 1e9 * own, 1) - (logits * own).sum(1)


def attack(model: nn.Module, images: Tensor, labels: Tensor, eps: float, steps: int) -> Tensor:
    """PGD from the images themselves; tells which are still right at the end."""
    low, high = (images - eps).clamp(0, 1), (images + eps).clamp(0, 1)
    point = images
    for _ in range(steps):
        point = point.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(margin(model(point), labels).sum(), point)
        with torch.no_grad():
            point = torch.minimum(torch.maximum(point + eps / 4 * gradient.sign(), low), high)
    with torch.no_grad():
        return model(point).argmax(1) == labels


def build(setting: dict, compiled: bool):
    """The number of parameters, and a function that attacks one batch and returns the share that withstands."""
    torch.manual_seed(1)
    layout = torch.channels_last if setting["channelsLast"] else torch.contiguous_format
    # Gradients of the images alone are asked for.
    model = ResNet20().eval().requires_grad_(False).to(memory_format=layout)
    images = torch.rand(setting["batch"], 3, 32, 32).to(memory_format=layout)
    labels = torch.arange(setting["batch"]) % 10
    step = lambda: attack(model, images, labels, setting["eps"] / 255, setting["steps"]).float().mean().item()
    return sum(parameter.numel() for parameter in model.parameters()), step


if __name__ == "__main__":
    worker.main(build)
