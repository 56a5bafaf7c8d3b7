"""Worker of the benchmark of detection: torchvision's SSDLite over MobileNetV1 on one random batch, channels-last."""

import torch

import worker
from detection import build_detector, losses_of

CLASSES = 4
BOXES = 13
"""Of an image: BCCD's mean."""


def build(setting: dict, compiled: bool):
    torch.manual_seed(1)
    height, width = setting["size"]
    model = build_detector(setting["width"], CLASSES, (height, width))
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.001, momentum=0.9, weight_decay=4e-5, fused=True)
    images = torch.randn(setting["batch"], 3, height, width).to(memory_format=torch.channels_last)

    def target():
        centre = 0.1 + 0.8 * torch.rand(BOXES, 2)
        side = 0.05 + 0.15 * torch.rand(BOXES, 2)
        boxes = torch.cat([centre - side / 2, centre + side / 2], 1) * torch.tensor([width, height, width, height])
        return {"boxes": boxes, "labels": torch.randint(1, CLASSES, (BOXES,))}

    targets = [target() for _ in range(setting["batch"])]

    def step() -> float:
        optimizer.zero_grad()
        loss = losses_of(model, images, targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return sum(parameter.numel() for parameter in parameters), step


if __name__ == "__main__":
    worker.main(build)
