"""The losses: abilities say what they are compared with and what they take.

- ``answers``, ``classes``, ``rows``, ``signs``, ``values``, ``triplets``, ``pairs``: the targets (see :func:`inputs`).
- ``any-shape``: works entry by entry.
- ``scale-free``: does not depend on the inputs' lengths, where torch's does for tiny ones.
- ``half``: torch's is written for half precision, too.
"""

from __future__ import annotations

import torch
from timm.loss import BinaryCrossEntropy
from torch import Generator, Tensor
from torch.nn import functional as F

from trainwell import losses

from . import Entry, abilities


def hinge(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return F.margin_ranking_loss(input, torch.zeros_like(input), target, margin=1.0, reduction=reduction)


def mixed(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return BinaryCrossEntropy(smoothing=0.0, target_threshold=0.2, reduction=reduction)(input, target)


def triplet(a: Tensor, p: Tensor, n: Tensor, reduction: str = "mean") -> Tensor:
    return F.triplet_margin_loss(a, p, n, margin=0.5, reduction=reduction)


def cosine(x1: Tensor, x2: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    return F.cosine_embedding_loss(x1, x2, y, margin=0.3, reduction=reduction)


def margins(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    return F.multi_margin_loss(input, target, margin=0.7, reduction=reduction)


_bce = F.binary_cross_entropy_with_logits
_shape = "any-shape half "
LOSSES = [
    Entry("binary", losses.binary_cross_entropy_with_logits, {}, _bce, abilities(_shape + "answers")),
    Entry("classes", losses.cross_entropy, {}, F.cross_entropy, abilities("half classes")),
    Entry("class rows", losses.cross_entropy, {}, F.cross_entropy, abilities("half rows")),
    Entry("mixed labels", losses.mixed_label_cross_entropy, {}, _bce, abilities("half rows")),
    Entry("mixed labels above", losses.mixed_label_cross_entropy, {"threshold": 0.2}, mixed, abilities("half rows")),
    Entry("hinge", losses.hinge_loss, {}, hinge, abilities(_shape + "signs")),
    Entry("hinges", losses.multi_margin_loss, {}, F.multi_margin_loss, abilities("classes")),
    Entry("hinges, margin", losses.multi_margin_loss, {"margin": 0.7}, margins, abilities("classes")),
    Entry("squared", losses.mse_loss, {}, F.mse_loss, abilities(_shape + "values")),
    Entry("absolute", losses.l1_loss, {}, F.l1_loss, abilities(_shape + "values")),
    Entry("triplets", losses.triplet_margin_loss, {}, F.triplet_margin_loss, abilities("half triplets")),
    Entry("triplets, margin", losses.triplet_margin_loss, {"margin": 0.5}, triplet, abilities("half triplets")),
    Entry("cosine", losses.cosine_embedding_loss, {}, F.cosine_embedding_loss, abilities("half pairs scale-free")),
    Entry("cosine, margin", losses.cosine_embedding_loss, {"margin": 0.3}, cosine, abilities("half pairs scale-free")),
]
NO_LOSSES = {"cosine_similarity"}  # public, and what a loss is made of


def inputs(entry: Entry, *shape: int, scale: float = 1.0, seed: int = 0, dtype: torch.dtype = torch.float64):
    """What a loss takes: scores or points of this shape and scale, then what its abilities call for."""
    g = Generator().manual_seed(seed)

    def normal() -> Tensor:
        return (scale * torch.randn(shape, generator=g, dtype=torch.float64)).to(dtype)

    def signs(*shape: int) -> Tensor:
        return 2 * torch.randint(2, shape, generator=g) - 1

    first = normal()
    (kind,) = entry.abilities & {"answers", "classes", "rows", "signs", "values", "triplets", "pairs"}
    others = {
        "answers": lambda: [torch.rand(shape, generator=g, dtype=torch.float64).to(dtype)],
        "classes": lambda: [torch.randint(shape[-1], shape[:-1], generator=g)],
        "rows": lambda: [torch.rand(shape, generator=g, dtype=torch.float64).softmax(-1).to(dtype)],
        "signs": lambda: [signs(*shape)],
        "values": lambda: [normal()],
        "triplets": lambda: [normal(), normal()],
        "pairs": lambda: [normal(), signs(*shape[:-1])],
    }
    return [first, *others[kind]()]
