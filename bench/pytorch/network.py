"""MobileNetV1 (arXiv 1704.04861) with the topology of timm's mobilenetv1_100."""

import math

from torch import Tensor, nn

BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
"""Output channels and stride of each block."""


class ConvNormAct(nn.Sequential):
    """Convolution, batch normalisation, ReLU6; the padding keeps the size at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int = 1, groups: int = 1):
        padding = kernel_size // 2
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel_size, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU6(inplace=True),
        )


class MobileNetV1(nn.Module):
    """Images [n, 3, size, size] to logits [n, classes]."""

    def __init__(self, width: float, classes: int, stem_stride: int):
        super().__init__()
        channels = int(32 * width)
        self.stem = ConvNormAct(3, channels, 3, stem_stride)
        blocks = []
        for outputs, stride in BLOCKS:
            outputs = int(outputs * width)
            blocks.append(ConvNormAct(channels, channels, 3, stride, groups=channels))
            blocks.append(ConvNormAct(channels, outputs, 1))
            channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.blocks(self.stem(images)).mean((2, 3)))
