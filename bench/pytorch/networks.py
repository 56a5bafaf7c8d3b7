"""The benchmark's networks in PyTorch, with the topologies of @refconv/backbones."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from network import MobileNetV1


class ConvNormAct(nn.Sequential):
    """Convolution, batch normalisation, perhaps an activation; the padding keeps the size at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int = 1, groups: int = 1, act=nn.ReLU):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            *([act(inplace=True)] if act else []),
        )


class Classifier(nn.Module):
    """Features, their mean over the pixels, a linear layer."""

    def __init__(self, features: nn.Module, channels: int, classes: int):
        super().__init__()
        self.features = features
        self.classifier = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


def multiple_of_8(channels: float) -> int:
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class InvertedResidual(nn.Module):
    """An expansion, a depthwise convolution, a projection; a shortcut at stride 1, projected where the channels change."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int):
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential(
            ConvNormAct(inputs, hidden, 1),
            ConvNormAct(hidden, hidden, 3, stride, groups=hidden),
            ConvNormAct(hidden, outputs, 1, act=None),
        )
        self.residual = stride == 1
        self.shortcut = (
            ConvNormAct(inputs, outputs, 1, act=None) if self.residual and inputs != outputs else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x) if self.residual else self.conv(x)


def mobilenetv2(width: float, classes: int, _stem_stride: int) -> Classifier:
    """MobileNetV2 (arXiv 1801.04381) for 32×32 as kuangliu/pytorch-cifar's."""
    stages = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    channels = multiple_of_8(32 * width)
    layers: list[nn.Module] = [ConvNormAct(3, channels, 3)]
    for expansion, outputs, blocks, stride in stages:
        for block in range(blocks):
            layers.append(InvertedResidual(channels, multiple_of_8(outputs * width), expansion, stride if block == 0 else 1))
            channels = multiple_of_8(outputs * width)
    head = multiple_of_8(1280 * max(1, width))
    return Classifier(nn.Sequential(*layers, ConvNormAct(channels, head, 1)), head, classes)


class ShuffleUnit(nn.Module):
    """Half of the channels, or at stride 2 all of them in two branches, and a shuffle of both halves."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        half = outputs // 2
        self.stride = stride
        taken = inputs if stride == 2 else half
        self.kept = nn.Sequential(
            ConvNormAct(inputs, inputs, 3, stride, groups=inputs, act=None), ConvNormAct(inputs, half, 1)
        ) if stride == 2 else nn.Identity()
        self.branch = nn.Sequential(
            ConvNormAct(taken, half, 1),
            ConvNormAct(half, half, 3, stride, groups=half, act=None),
            ConvNormAct(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, taken = (x, x) if self.stride == 2 else x.chunk(2, 1)
        return functional.channel_shuffle(torch.cat((self.kept(kept), self.branch(taken)), 1), 2)


def shufflenetv2(width: float, classes: int, stem_stride: int) -> Classifier:
    """ShuffleNetV2 (arXiv 1807.11164) for 32×32: torchvision's with stride 1 in the stem and no pooling there."""
    stages, head = {0.5: ([48, 96, 192], 1024), 1: ([116, 232, 464], 1024)}[width]
    channels = 24
    layers: list[nn.Module] = [ConvNormAct(3, channels, 3, stem_stride)]
    for outputs, blocks in zip(stages, (4, 8, 4)):
        for block in range(blocks):
            layers.append(ShuffleUnit(channels, outputs, 2 if block == 0 else 1))
            channels = outputs
    return Classifier(nn.Sequential(*layers, ConvNormAct(channels, head, 1)), head, classes)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut without parameters: every second pixel, new channels of zeros (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvNormAct(inputs, outputs, 3, stride), ConvNormAct(outputs, outputs, 3, act=None)
        )
        self.stride, self.added = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.stride == 2:
            shortcut = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return torch.relu(self.convolutions(x) + shortcut)


def resnet20_cifar(_width: float, classes: int, _stem_stride: int) -> Classifier:
    """ResNet-20 (arXiv 1512.03385, section 4.2)."""
    channels = 16
    layers: list[nn.Module] = [ConvNormAct(3, channels, 3)]
    for outputs, first in [(16, 1), (32, 2), (64, 2)]:
        for block in range(3):
            layers.append(BasicBlock(channels, outputs, first if block == 0 else 1))
            channels = outputs
    return Classifier(nn.Sequential(*layers), channels, classes)


NETWORKS = {
    "mobilenetv1": MobileNetV1,
    "mobilenetv2": mobilenetv2,
    "shufflenetv2": shufflenetv2,
    "resnet20_cifar": resnet20_cifar,
}
