"""The layers and what they promise.

Every layer has ``twin`` or ``loop``: it equals the packaged layer that ``oracle`` makes from the same arguments, state
for state, or the loops that its field ``loop`` holds. Further abilities:

- ``random``: draws in training mode, from ``generator=`` where one is given; ``random_at_test``: always.
- ``identity_at_test``: gives its input back in evaluation mode.
- ``unbiased``: the mean of its training outputs is its test output.
- ``joint``: in training mode the output of one example depends on the others.
- ``moving``: training moves its buffers.
- ``half_in_autocast``: gives half precision under autocast, as a linear layer does.
- ``rounded_apart``: rounds to it at other places inside than its twin.
- ``empty``: takes a batch without examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import timm.layers
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm as torchs_weight_norm
from torchvision import ops
from torchvision.models.resnet import BasicBlock
from torchvision.transforms import v2

from tests.registries import Entry, abilities, loops
from trainwell import attention as A
from trainwell import networks
from trainwell import normalization as N
from trainwell import regularization as R


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Layer(Entry):
    """An entry whose ``factory`` makes a module: what goes in, and what its function is called with."""

    shape: tuple[int, ...] = (6, 5)  # of the first input
    others: Callable[[], tuple[Tensor, ...]] = tuple  # the other inputs: float64, or integers
    sizes: dict[str, Any] = field(default_factory=dict)  # what the module is made with and the function is not
    function: Callable[..., Tensor] | None = None
    loop: Callable[..., Tensor] | None = None
    bad: tuple[tuple[str, Any, str], ...] = ()  # argument, value, and the words of the error
    shown: tuple[str, ...] = ()  # what its text says, where that is not name=value for every argument

    def layer(self, **more: Any) -> nn.Module:
        torch.manual_seed(7)
        return spread(self.make(**{**self.sizes, **more}))

    def twin(self) -> nn.Module:
        assert self.oracle
        torch.manual_seed(7)
        return self.oracle(**self.sizes, **self.arguments)

    def inputs(self, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
        x = torch.rand(self.shape, generator=seeded(1), dtype=torch.float64) + 0.5
        return tuple(v.to(dtype) if v.is_floating_point() else v for v in (x, *self.others()))


@torch.no_grad()
def spread(layer: nn.Module) -> nn.Module:
    """Parameters that start at 0 or 1 would hide what they are for."""
    for w in layer.parameters():
        if len(w.unique()) == 1 < w.numel():
            w.add_(torch.randn(w.shape, generator=seeded(2)) / 4)
    return layer


def weight_normed(make: Callable[..., nn.Module], dim: int | None = 0, **sizes: Any) -> nn.Module:
    return make(nn.Linear(**sizes), dim=dim)


def ensemble(members: int) -> nn.Module:
    return R.Ensemble([nn.Linear(5, 3) for _ in range(members)])


def timms_convolution(in_channels: int, out_channels: int, **more: Any) -> nn.Module:
    return timm.layers.StdConv2d(in_channels, out_channels, **more)


IMAGES, FEATURES = (4, 6, 5, 4), (6, 5)
PROBABILITY = (("p", 1.5, "between 0 and 1"), ("p", -0.1, "between 0 and 1"))
MIXING = torch.eye(5, dtype=torch.float64) * 2 + torch.arange(25.0, dtype=torch.float64).reshape(5, 5) / 9
CLASSES = torch.tensor([2, 0, 2, 1])


def maps() -> tuple[Tensor, ...]:
    return (torch.rand(4, 3, 8, 7, generator=seeded(3), dtype=torch.float64),)


REGULARIZATION = [
    Layer(
        "dropout",
        R.Dropout,
        {"p": 0.3},
        lambda p: nn.Dropout(p),
        abilities("twin random identity_at_test unbiased empty"),
        function=R.dropout,
        bad=PROBABILITY,
    ),
    Layer(
        "vanilla_dropout",
        R.VanillaDropout,
        {"p": 0.3},
        abilities=abilities("loop random unbiased empty"),
        function=R.vanilla_dropout,
        loop=loops.vanilla_dropout,
        bad=PROBABILITY,
    ),
    Layer(
        "dropconnect",
        R.DropConnect,
        {"p": 0.3},
        abilities=abilities("loop random unbiased half_in_autocast empty"),
        sizes={"in_features": 5, "out_features": 4},
        function=R.dropconnect,
        loop=loops.dropconnect,
        bad=PROBABILITY,
    ),
    Layer(
        "drop_block2d",
        R.DropBlock2d,
        {"p": 0.3, "block_size": 3},
        ops.DropBlock2d,
        abilities("twin random identity_at_test joint empty"),
        shape=(4, 2, 7, 6),
        function=R.drop_block2d,
        bad=(*PROBABILITY, ("block_size", 0, "at least 1")),
    ),
    Layer(
        "stochastic_depth_row",
        R.StochasticDepth,
        {"p": 0.3, "mode": "row"},
        ops.StochasticDepth,
        abilities("twin random identity_at_test unbiased empty"),
        function=R.stochastic_depth,
        bad=(*PROBABILITY, ("mode", "column", "one of 'row', 'batch'")),
    ),
    Layer(
        "stochastic_depth_batch",
        R.StochasticDepth,
        {"p": 0.3, "mode": "batch"},
        ops.StochasticDepth,
        abilities("twin random identity_at_test joint empty"),
        function=R.stochastic_depth,
        bad=PROBABILITY,
    ),
    Layer(
        "fractional_max_pool2d",
        R.FractionalMaxPool2d,
        {"kernel_size": 2, "output_ratio": 0.6},
        nn.FractionalMaxPool2d,
        abilities("twin random random_at_test empty"),
        shape=(4, 2, 9, 8),
        function=R.fractional_max_pool2d,
        bad=(
            ("output_ratio", 1.0, "between 0 and 1"),
            ("output_ratio", 0.0, "between 0 and 1"),
            ("kernel_size", 0, "at least 1"),
        ),
    ),
    Layer(
        "input_noise",
        R.InputNoise,
        {"std": 0.3},
        abilities=abilities("loop random identity_at_test unbiased empty"),
        function=R.input_noise,
        loop=loops.input_noise,
        bad=(("std", -1.0, "not be negative"),),
    ),
    Layer(
        "ensemble",
        ensemble,
        abilities=abilities("loop half_in_autocast empty"),
        sizes={"members": 3},
        loop=loops.ensemble,
        bad=(("members", 0, "models must hold at least one"),),
    ),
]

train = partial(N.batch_norm, training=True)
NORMALIZATION = [
    Layer(
        "batch_norm1d",
        N.BatchNorm1d,
        oracle=nn.BatchNorm1d,
        abilities=abilities("twin joint moving"),
        sizes={"num_features": 5},
        function=train,
    ),
    Layer(
        "batch_norm1d_sequences",
        N.BatchNorm1d,
        {"momentum": 0.3, "eps": 0.1},
        nn.BatchNorm1d,
        abilities("twin joint moving"),
        (4, 6, 5),
        sizes={"num_features": 6},
        function=train,
    ),
    Layer(
        "batch_norm2d",
        N.BatchNorm2d,
        oracle=nn.BatchNorm2d,
        abilities=abilities("twin joint moving"),
        shape=IMAGES,
        sizes={"num_features": 6},
        function=train,
    ),
    Layer(
        "batch_norm2d_cumulative",
        N.BatchNorm2d,
        {"momentum": None, "affine": False},
        nn.BatchNorm2d,
        abilities("twin joint moving"),
        IMAGES,
        sizes={"num_features": 6},
    ),
    Layer(
        "batch_norm2d_untracked",
        N.BatchNorm2d,
        {"track_running_stats": False},
        nn.BatchNorm2d,
        abilities("twin joint"),
        IMAGES,
        sizes={"num_features": 6},
    ),
    Layer(
        "sync_batch_norm",
        N.SyncBatchNorm,
        oracle=nn.SyncBatchNorm,
        abilities=abilities("twin joint moving"),
        shape=IMAGES,
        sizes={"num_features": 6},
    ),
    Layer(
        "layer_norm",
        N.LayerNorm,
        {"normalized_shape": (5,), "eps": 1e-5},
        nn.LayerNorm,
        abilities("twin empty"),
        function=N.layer_norm,
        shown=("(5,), eps=1e-05",),
    ),
    Layer(
        "layer_norm_images",
        N.LayerNorm,
        {"normalized_shape": (6, 5, 4), "eps": 0.1, "elementwise_affine": False},
        nn.LayerNorm,
        abilities("twin empty"),
        IMAGES,
        shown=("(6, 5, 4), eps=0.1, elementwise_affine=False",),
    ),
    Layer(
        "group_norm",
        N.GroupNorm,
        {"num_groups": 3, "eps": 1e-5},
        nn.GroupNorm,
        abilities("twin empty"),
        IMAGES,
        shown=("3, 6, eps=1e-05",),
        sizes={"num_channels": 6},
        function=N.group_norm,
        bad=(("num_groups", 4, "divisible"),),
    ),
    Layer(
        "group_norm_features",
        N.GroupNorm,
        {"num_groups": 2, "eps": 0.1, "affine": False},
        nn.GroupNorm,
        abilities("twin empty"),
        (5, 6),
        shown=("2, 6, eps=0.1, affine=False",),
        sizes={"num_channels": 6},
    ),
    Layer(
        "instance_norm1d",
        N.InstanceNorm1d,
        {"eps": 0.1},
        nn.InstanceNorm1d,
        abilities("twin empty"),
        (4, 6, 5),
        sizes={"num_features": 6, "affine": True},
        function=N.instance_norm,
        bad=(("track_running_stats", True, "False"),),
    ),
    Layer(
        "instance_norm2d",
        N.InstanceNorm2d,
        oracle=nn.InstanceNorm2d,
        abilities=abilities("twin empty"),
        shape=IMAGES,
        sizes={"num_features": 6},
        function=N.instance_norm,
        bad=(("track_running_stats", True, "False"),),
    ),
    Layer(
        "conditional_batch_norm2d",
        N.ConditionalBatchNorm2d,
        {"num_features": 6, "num_classes": 3},
        abilities=abilities("loop joint moving"),
        shape=IMAGES,
        others=lambda: (CLASSES,),
        loop=loops.conditional_batch_norm,
    ),
    Layer(
        "conditional_instance_norm2d",
        N.ConditionalInstanceNorm2d,
        {"num_features": 6, "num_classes": 3},
        abilities=abilities("loop empty"),
        shape=IMAGES,
        others=lambda: (CLASSES,),
        loop=loops.conditional_instance_norm,
    ),
    Layer(
        "spade",
        N.SPADE,
        abilities=abilities("loop joint moving"),
        shape=IMAGES,
        others=maps,
        sizes={"num_features": 6, "label_channels": 3, "hidden": 4},
        loop=loops.spade,
        bad=(("kernel_size", 2, "odd"),),
    ),
    Layer(
        "context_encoding",
        N.ContextEncoding,
        abilities=abilities("loop joint moving"),
        shape=IMAGES,
        sizes={"num_features": 6, "num_codewords": 3},
        loop=loops.context_encoding,
    ),
    Layer(
        "weight_norm",
        partial(weight_normed, N.weight_norm),
        oracle=partial(weight_normed, torchs_weight_norm),
        abilities=abilities("twin half_in_autocast empty"),
        sizes={"in_features": 5, "out_features": 4},
    ),
    Layer(
        "weight_norm_one_length",
        partial(weight_normed, N.weight_norm),
        {"dim": None},
        partial(weight_normed, torchs_weight_norm),
        abilities("twin half_in_autocast empty"),
        sizes={"in_features": 5, "out_features": 4},
    ),
    Layer(
        "std_conv2d",
        N.StdConv2d,
        {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 2, "bias": True},
        timms_convolution,
        abilities("twin half_in_autocast empty"),
        IMAGES,
        sizes={"in_channels": 6, "out_channels": 4},
        shown=("6, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), groups=2, eps=1e-06",),
    ),
    Layer(
        "normalize",
        N.Normalize,
        {"mean": [0.5, 1.0, 1.5], "std": [0.25, 1.0, 8.0]},
        v2.Normalize,
        abilities("twin empty"),
        (4, 3, 5, 4),
        bad=(("std", [-0.1, 1, 1], "not be negative"), ("std", [1.0, 1], "as long as mean, 3, got 2")),
    ),
    Layer(
        "whitening",
        N.Whitening,
        abilities=abilities("loop half_in_autocast empty"),
        sizes={"mean": torch.arange(5.0, dtype=torch.float64), "matrix": MIXING},
        loop=loops.whitening,
    ),
]


class TorchsSelfAttention(nn.MultiheadAttention):
    """torch's heads, with one input as query, key and value."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x)[0]


def projection(make: Callable[..., nn.Module], inplanes: int, planes: int, stride: int) -> nn.Module:
    """A residual block into another shape."""
    across = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
    return make(inplanes, planes, stride, across)


SEQUENCES = (4, 3, 8)
ATTENTION = [
    Layer(
        "multihead_self_attention",
        A.MultiheadSelfAttention,
        {"num_heads": 2},
        partial(TorchsSelfAttention, batch_first=True),
        abilities("twin half_in_autocast rounded_apart empty"),
        SEQUENCES,
        sizes={"embed_dim": 8},
        bad=(("num_heads", 3, "divide embed_dim"), ("num_heads", 0, "at least 1"), ("dropout", 1.5, "between 0 and 1")),
    ),
    Layer(
        "encoder_block",
        A.EncoderBlock,
        oracle=partial(nn.TransformerEncoderLayer, batch_first=True),
        abilities=abilities("twin rounded_apart empty"),
        shape=SEQUENCES,
        sizes={"d_model": 8, "nhead": 2, "dim_feedforward": 6, "dropout": 0.0},
    ),
    Layer(
        "encoder_block_norm_first",
        A.EncoderBlock,
        oracle=partial(nn.TransformerEncoderLayer, batch_first=True),
        abilities=abilities("twin rounded_apart empty"),
        shape=SEQUENCES,
        sizes={"d_model": 8, "nhead": 2, "dim_feedforward": 6, "dropout": 0.0, "norm_first": True},
    ),
]

NETWORKS = [
    Layer(
        "basic_block",
        networks.BasicBlock,
        oracle=BasicBlock,
        abilities=abilities("twin joint moving half_in_autocast"),
        shape=IMAGES,
        sizes={"inplanes": 6, "planes": 6},
    ),
    Layer(
        "basic_block_projection",
        partial(projection, networks.BasicBlock),
        oracle=partial(projection, BasicBlock),
        abilities=abilities("twin joint moving half_in_autocast"),
        shape=IMAGES,
        sizes={"inplanes": 6, "planes": 8, "stride": 2},
    ),
    Layer(
        "padded_shortcut",
        networks.PaddedShortcut,
        abilities=abilities("loop empty"),
        shape=IMAGES,
        sizes={"inplanes": 6, "planes": 8, "stride": 2},
        loop=loops.padded_shortcut,
        bad=(("planes", 5, "at least 6"),),
    ),
]
LAYERS = REGULARIZATION + NORMALIZATION + ATTENTION + NETWORKS
