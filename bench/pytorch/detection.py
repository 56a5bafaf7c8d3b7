"""Boxes in Pascal VOC's layout in PyTorch as `refconv train --task detection` has them: torchvision's SSDLite over MobileNetV1, the same recipe, data and budget.

    python bench/pytorch/detection.py VOC WEIGHTS OUTPUT [--size 320x320] [--epochs 120] [--seeds 1,2,3]

WEIGHTS is a safetensors file of MobileNetV1 ×0.25 with ReLU. OUTPUT, a folder, gets metrics.csv with a row for each epoch, and for each seed the test
images' truth.json and detections-SEED.json in COCO's formats, which `refconv metric coco` measures: its AP stands in the seed's last row.
"""

import json
import subprocess
import xml.etree.ElementTree as xml
from collections import OrderedDict
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead, _extra_block, _normal_init
from torchvision.ops import box_iou
from torchvision.transforms import v2

from dense_training import read_options, train
from network import MobileNetV1
from segmentation import load_backbone

REPOSITORY = Path(__file__).resolve().parents[2]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TAPS = (10, 12)
"""Blocks of MobileNetV1 whose outputs are SSDLite's first two maps, at strides 16 and 32."""
EPOCHS, WARM_UP_EPOCHS = 120, 2
NORM = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)


class Maps(nn.Module):
    """The two maps of MobileNetV1 with ReLU, and the four behind them."""

    def __init__(self, width: float, weights: Path | None):
        super().__init__()
        network = MobileNetV1(width, 1000, 2)
        self.stem, self.blocks = network.stem, network.blocks
        for module in [self.stem, *self.blocks]:
            module[2] = nn.ReLU(inplace=True)
        if weights:
            load_backbone(self, weights)
        channels = [self.blocks[2 * tap + 1][0].out_channels for tap in TAPS]
        extra = [max(16, int(full * width)) for full in (512, 256, 256, 128)]
        self.channels = channels + extra
        self.extra = nn.ModuleList(_extra_block(before, after, NORM) for before, after in zip([channels[-1], *extra], extra))
        _normal_init(self.extra)

    def forward(self, x):
        x = self.stem(x)
        found = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            # Each block of MobileNetV1 is two of these modules.
            if i in (2 * tap + 1 for tap in TAPS):
                found.append(x)
        for block in self.extra:
            found.append(block(found[-1]))
        return OrderedDict((str(i), one) for i, one in enumerate(found))


def build_detector(width: float, classes: int, size: tuple[int, int], weights: Path | None = None) -> SSD:
    """torchvision's SSD with the parts of its ssdlite320. @param classes with the background."""
    maps = Maps(width, weights)
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    head = SSDLiteHead(maps.channels, anchors.num_anchors_per_location(), classes, NORM)
    chosen = {"score_thresh": 0.001, "nms_thresh": 0.55, "detections_per_img": 300, "topk_candidates": 300}
    model = SSD(maps, anchors, size[::-1], classes, image_mean=MEAN, image_std=STD, head=head, **chosen)
    return model.to(memory_format=torch.channels_last)


def losses_of(model: SSD, images: torch.Tensor, targets: list[dict]) -> torch.Tensor:
    """What SSD.forward does in training with images that have the network's size and are normalised."""
    features = list(model.backbone(images).values())
    outputs = model.head(features)
    anchors = model.anchor_generator(ImageList(images, [tuple(images.shape[-2:])] * len(images)), features)
    matched = [
        model.proposal_matcher(box_iou(target["boxes"], own))
        if len(target["boxes"])
        else torch.full((len(own),), -1, dtype=torch.int64)
        for own, target in zip(anchors, targets)
    ]
    return sum(model.compute_loss(targets, outputs, anchors, matched).values())


class Voc(Dataset):
    """Images in memory as they are, with their boxes; those without area are left out."""

    def __init__(self, folder: Path, split: str, classes: list[str] | None, train: bool):
        self.names = [line.split()[0] for line in (folder / f"ImageSets/Main/{split}.txt").read_text().splitlines() if line]
        self.images = [Image.open(folder / f"JPEGImages/{name}.jpg").convert("RGB") for name in self.names]
        found = [self.objects(folder / f"Annotations/{name}.xml") for name in self.names]
        self.classes = classes or sorted({name for objects in found for name, _ in objects})
        self.boxes = [torch.tensor([box for _, box in objects], dtype=torch.float32).reshape(-1, 4) for objects in found]
        self.labels = [torch.tensor([self.classes.index(name) + 1 for name, _ in objects]) for objects in found]
        self.change = v2.Compose([v2.RandomIoUCrop(), v2.SanitizeBoundingBoxes(), v2.RandomHorizontalFlip()]) if train else None
        self.convert = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

    @staticmethod
    def objects(path: Path) -> list[tuple[str, list[float]]]:
        found = []
        for one in xml.parse(path).getroot().iter("object"):
            x1, y1, x2, y2 = (float(one.find("bndbox").find(key).text) for key in ("xmin", "ymin", "xmax", "ymax"))
            if x2 > x1 and y2 > y1:
                found.append((one.find("name").text.strip(), [x1 - 1, y1 - 1, x2, y2]))
        return found

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        image, boxes, labels = self.images[index], self.boxes[index], self.labels[index]
        if self.change:
            boxes = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(image.height, image.width))
            image, target = self.change(image, {"boxes": boxes, "labels": labels})
            boxes, labels = target["boxes"].as_subclass(torch.Tensor), target["labels"]
        return self.convert(image), {"boxes": boxes, "labels": labels}


def collate(batch):
    return tuple(zip(*batch))


def coco_box(box: torch.Tensor) -> list[float]:
    x1, y1, x2, y2 = box.double().tolist()
    return [x1, y1, x2 - x1, y2 - y1]


@torch.no_grad()
def measure(model: SSD, data: Voc, loader: DataLoader, truth_file: Path, results_file: Path) -> dict[str, float]:
    """Writes COCO's files of the set. Returns what `refconv metric coco` says of them."""
    model.eval()
    images, annotations, results = [], [], []
    for inputs, targets in loader:
        for found, target in zip(model(list(inputs)), targets):
            image = len(images) + 1
            images.append({"id": image, "file_name": f"{data.names[image - 1]}.jpg"})
            for box, label in zip(target["boxes"], target["labels"]):
                entry = {"id": len(annotations) + 1, "image_id": image, "category_id": int(label), "iscrowd": 0}
                own = coco_box(box)
                annotations.append({**entry, "bbox": own, "area": own[2] * own[3]})
            for box, label, score in zip(found["boxes"], found["labels"], found["scores"]):
                entry = {"image_id": image, "category_id": int(label), "score": float(score)}
                results.append({**entry, "bbox": coco_box(box)})
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(data.classes)]
    truth_file.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    results_file.write_text(json.dumps(results))
    command = ["node", REPOSITORY / "packages/cli/bin/refconv.js", "metric", "coco"]
    command += ["--truth", truth_file, "--detections", results_file]
    stats = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["stats"]
    return {"ap": stats[0], "ap50": stats[1], "ap75": stats[2]}


def main() -> None:
    options = read_options("320x320", EPOCHS, 16)
    options.output.mkdir(parents=True, exist_ok=True)
    data = Voc(options.data, "train", None, True)
    test = Voc(options.data, "test", data.classes, False)
    test_loader = DataLoader(test, batch_size=8, collate_fn=collate)

    def loss(model, images, targets):
        # The model's own transform normalises and resizes.
        inputs, resized = model.transform(list(images), [dict(target) for target in targets])
        return losses_of(model, inputs.tensors.to(memory_format=torch.channels_last), resized)

    def evaluate(model, seed, is_last):
        if not is_last:
            return {}
        files = options.output / "truth.json", options.output / f"detections-{seed}.json"
        return {f"test_{name}": value for name, value in measure(model, test, test_loader, *files).items()}

    build = partial(build_detector, 0.25, len(data.classes) + 1, options.size, options.weights)
    highest = options.learning_rate
    rates = {"warm_up_epochs": WARM_UP_EPOCHS, "first": highest * 1e-3, "last": highest * 1e-4}
    output = options.output / "metrics.csv"
    train(options, output, data, build, loss, evaluate, weight_decay=4e-5, collate=collate, **rates)


if __name__ == "__main__":
    main()
