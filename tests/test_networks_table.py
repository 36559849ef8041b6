"""The layer table, row by row against the lecture's, and against a real run."""

from __future__ import annotations

import time
from dataclasses import FrozenInstanceError

import pytest
import torch
import torchvision
from torch import nn

from trainwell.networks import VGG16, AlexNet, LayerRow, LayerTable, LeNet5, ResNet18, SmallResNet, layer_table

# Lecture 002, "Popular architectures": the last row is a softmax, which here belongs to the loss.
LENET = """
Conv2d-1	[-1, 6, 28, 28]	156
ReLU-2	[-1, 6, 28, 28]	0
MaxPool2d-3	[-1, 6, 14, 14]	0
Conv2d-4	[-1, 16, 10, 10]	2,416
ReLU-5	[-1, 16, 10, 10]	0
MaxPool2d-6	[-1, 16, 5, 5]	0
Linear-7	[-1, 120]	48,120
ReLU-8	[-1, 120]	0
Linear-9	[-1, 84]	10,164
ReLU-10	[-1, 84]	0
Linear-11	[-1, 10]	850
Softmax-12	[-1, 10]	0
"""
VGG = """
Conv2d-1	[-1, 64, 224, 224]	1,792
ReLU-2	[-1, 64, 224, 224]	0
Conv2d-3	[-1, 64, 224, 224]	36,928
ReLU-4	[-1, 64, 224, 224]	0
MaxPool2d-5	[-1, 64, 112, 112]	0
Conv2d-6	[-1, 128, 112, 112]	73,856
ReLU-7	[-1, 128, 112, 112]	0
Conv2d-8	[-1, 128, 112, 112]	147,584
ReLU-9	[-1, 128, 112, 112]	0
MaxPool2d-10	[-1, 128, 56, 56]	0
Conv2d-11	[-1, 256, 56, 56]	295,168
ReLU-12	[-1, 256, 56, 56]	0
Conv2d-13	[-1, 256, 56, 56]	590,080
ReLU-14	[-1, 256, 56, 56]	0
Conv2d-15	[-1, 256, 56, 56]	590,080
ReLU-16	[-1, 256, 56, 56]	0
MaxPool2d-17	[-1, 256, 28, 28]	0
Conv2d-18	[-1, 512, 28, 28]	1,180,160
ReLU-19	[-1, 512, 28, 28]	0
Conv2d-20	[-1, 512, 28, 28]	2,359,808
ReLU-21	[-1, 512, 28, 28]	0
Conv2d-22	[-1, 512, 28, 28]	2,359,808
ReLU-23	[-1, 512, 28, 28]	0
MaxPool2d-24	[-1, 512, 14, 14]	0
Conv2d-25	[-1, 512, 14, 14]	2,359,808
ReLU-26	[-1, 512, 14, 14]	0
Conv2d-27	[-1, 512, 14, 14]	2,359,808
ReLU-28	[-1, 512, 14, 14]	0
Conv2d-29	[-1, 512, 14, 14]	2,359,808
ReLU-30	[-1, 512, 14, 14]	0
MaxPool2d-31	[-1, 512, 7, 7]	0
Linear-32	[-1, 4096]	102,764,544
ReLU-33	[-1, 4096]	0
Dropout-34	[-1, 4096]	0
Linear-35	[-1, 4096]	16,781,312
ReLU-36	[-1, 4096]	0
Dropout-37	[-1, 4096]	0
Linear-38	[-1, 1000]	4,097,000
Softmax-39	[-1, 1000]	0
"""


def cells(table: LayerTable) -> list[str]:
    return [f"{row.name}\t{list(row.output_shape)}\t{row.parameters:,}" for row in table.rows]


def with_softmax(factory) -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(factory(), nn.Softmax(1))


@pytest.mark.parametrize(
    ("factory", "shape", "expected", "parameters"),
    [(LeNet5, (1, 32, 32), LENET, 61_706), (VGG16, (3, 224, 224), VGG, 138_357_544)],
    ids=["LeNet5", "VGG16"],
)
def test_is_the_lectures_row_by_row(factory, shape, expected, parameters):
    table = layer_table(with_softmax(factory), shape)
    assert cells(table) == expected.strip().splitlines()
    assert table.parameters == parameters


def test_alexnets_rows_are_torchvisions():
    """The transcribed lecture names AlexNet and shows a picture, no numbers; torchvision's layers stand in for them."""
    with torch.device("meta"):
        ours, twin = (layer_table(model, (3, 224, 224)) for model in (AlexNet(), torchvision.models.alexnet()))
    theirs = [row[1:] for row in twin.rows if not row.name.startswith("AdaptiveAvgPool")]  # here a function
    assert [row[1:] for row in ours.rows] == theirs
    assert ours.parameters == 61_100_840
    convolutions = [row.output_shape[1:] for row in ours.rows if row.name.startswith("Conv")]
    assert convolutions == [(64, 55, 55), (192, 27, 27), (384, 13, 13), (256, 13, 13), (256, 13, 13)]


@pytest.mark.parametrize("factory", [LeNet5, lambda: SmallResNet(2, in_channels=1), lambda: nn.Linear(32, 4)])
def test_shapes_and_memory_are_those_of_a_real_run(factory):
    torch.manual_seed(0)
    model, outputs = factory(), []
    leaves = [m for m in model.modules() if not list(m.children())]
    table = layer_table(model, (1, 32, 32))
    for module in leaves:
        module.register_forward_hook(lambda module, inputs, y: outputs.append((type(module).__name__, y)))
    model(torch.randn(1, 1, 32, 32))
    assert [row.name for row in table.rows] == [f"{name}-{i}" for i, (name, _) in enumerate(outputs, 1)]
    assert [row.output_shape for row in table.rows] == [(-1, *y.shape[1:]) for _, y in outputs]
    assert [row.memory for row in table.rows] == [y.untyped_storage().nbytes() for _, y in outputs]
    assert table.memory == sum(y.nbytes for _, y in outputs)
    assert table.parameters == sum(w.numel() for w in model.parameters())


@pytest.mark.parametrize(("dtype", "size"), [(torch.float64, 8), (torch.bfloat16, 2)], ids=str)
def test_memory_follows_the_models_type(dtype, size):
    assert layer_table(nn.Linear(3, 5).to(dtype), (3,)).memory == 5 * size
    assert layer_table(nn.Sequential(nn.Flatten()), (3,)).memory == 3 * 4, "torch's default without parameters"


def test_tokens_go_in_as_whole_numbers():
    table = layer_table(nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 2)), (5,), dtype=torch.long)
    assert [row.output_shape for row in table.rows] == [(-1, 5, 4), (-1, 5, 2)]
    assert [row.parameters for row in table.rows] == [28, 10]


def test_a_layer_that_runs_twice_has_two_rows_and_its_parameters_once():
    layer = nn.Linear(3, 3)
    table = layer_table(nn.Sequential(layer, nn.ReLU(), layer), (3,))
    assert [(row.name, row.parameters) for row in table.rows] == [("Linear-1", 12), ("ReLU-2", 0), ("Linear-3", 0)]


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert [row.parameters for row in layer_table(model, (3,)).rows] == [12, 3]


class Scaled(nn.Module):
    """A module with a parameter and a module inside."""

    def __init__(self):
        super().__init__()
        self.scale, self.inner = nn.Parameter(torch.ones(2)), nn.Linear(2, 2)

    def forward(self, x):
        return self.inner(x) * self.scale, "and more"


def test_parameters_outside_of_layers_have_a_row_too():
    table = layer_table(Scaled(), (2,))
    assert [(row.name, row.parameters) for row in table.rows] == [("Linear-1", 6), ("Scaled-2", 2)]


def test_leaves_the_model_alone():
    model = ResNet18(3).train()
    model.bn1.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    layer_table(model, (3, 32, 32))
    assert model.training
    assert not model.bn1.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(w.device.type == "cpu" and w.grad is None for w in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())


def test_hooks_are_removed_after_an_error_too():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6))
    with pytest.raises(RuntimeError):
        layer_table(model, (3,))
    assert not any(m._forward_hooks for m in model.modules())


def test_costs_nothing():
    """VGG-16 with real numbers takes over a second and half a gigabyte."""
    with torch.device("meta"):
        model = VGG16()
    start = time.process_time()
    layer_table(model, (3, 224, 224))
    assert time.process_time() - start < 1


def test_the_text():
    table = LayerTable([LayerRow("Conv2d-1", (-1, 6, 28, 28), 1156, 2 * 2**20), LayerRow("ReLU-2", (-1, 10), 0, 512)])
    with pytest.raises(FrozenInstanceError):
        table.rows = []
    assert str(table).splitlines() == [
        "Layer (type)  Output Shape     Param #  Memory (KiB)",
        "-" * 52,
        "Conv2d-1      [-1, 6, 28, 28]    1,156       2,048.0",
        "ReLU-2        [-1, 10]               0           0.5",
        "-" * 52,
        "Total params: 1,156; memory of one example: 2.00 MiB",
    ]
