"""Networks for images: the lectures' popular architectures, and a table of what their layers cost.

- ``plain``: one layer after another: LeNet-5, AlexNet, VGG-16.
- ``residual``: blocks with shortcuts, and the same networks without.
- ``table``: each layer's output, parameters and memory, without running anything.
"""

from .plain import VGG16, AlexNet, LeNet5
from .residual import BasicBlock, PaddedShortcut, ResNet18, SmallResNet
from .table import LayerRow, LayerTable, layer_table

__all__ = [
    "VGG16",
    "AlexNet",
    "BasicBlock",
    "LayerRow",
    "LayerTable",
    "LeNet5",
    "PaddedShortcut",
    "ResNet18",
    "SmallResNet",
    "layer_table",
]
