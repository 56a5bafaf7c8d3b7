"""Worker of the benchmark of segmentation: torchvision's LRASPP over MobileNetV1 on one random batch, channels-last."""

import torch

import worker
from segmentation import CLASSES, build_segmenter, loss_of


def build(setting: dict, compiled: bool):
    torch.manual_seed(1)
    model = build_segmenter(setting["width"])
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-6, fused=True)
    images = torch.randn(setting["batch"], 3, *setting["size"]).to(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (setting["batch"], *setting["size"]))

    def forward(images, labels):
        return loss_of(model(images)["out"], labels)

    loss_and_graph = torch.compile(forward) if compiled else forward

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_and_graph(images, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return sum(parameter.numel() for parameter in parameters), step


if __name__ == "__main__":
    worker.main(build)
