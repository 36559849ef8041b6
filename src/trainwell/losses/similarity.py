"""Losses of retrieval: near to what is alike, far from what is not."""

from __future__ import annotations

import torch
from torch import Tensor

from .._arguments import check_same_shape, check_shape, check_values
from .._losses import full_precision, reduce
from .._shapes import Float, Int


def triplet_margin_loss(
    anchor: Float[Tensor, "*n d"],
    positive: Float[Tensor, "*n d"],
    negative: Float[Tensor, "*n d"],
    margin: float = 1.0,
    *,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Float[Tensor, ""] | Float[Tensor, "*n"]:
    r"""Of three points, the two that are alike have to be nearer to each other, by a margin.

    With :math:`a` = ``anchor``, :math:`p` = ``positive``, :math:`n` = ``negative`` and :math:`m` = ``margin``,

    .. math:: \max\bigl(0, \lVert a - p \rVert - \lVert a - n \rVert + m\bigr).

    Args:
        anchor: Points, their coordinates in the last dimension.
        positive: For each of them a point that is to be near.
        negative: For each of them a point that is to be far.
        margin: How much farther the negative one has to be.
        eps: Added to each coordinate's difference, so that a distance of zero has a gradient.
        reduction: ``"mean"`` or ``"sum"`` over the triplets, or ``"none"``.

    Returns:
        A scalar, or one loss a triplet with ``"none"``.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is none of the three.

    Example:
        >>> a, p, n = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[1.5, 0.0]])
        >>> triplet_margin_loss(a, p, n)
        tensor(0.5000)

    Reference:
        Schroff, Kalenichenko and Philbin, *FaceNet: A Unified Embedding for Face Recognition and Clustering*, 2015;
        Balntas, Riba, Ponsa and Mikolajczyk, *Learning Local Feature Descriptors with Triplets and Shallow
        Convolutional Neural Networks*, 2016, for plain distances.

    Note:
        FaceNet squares the distances; torch, as here, does not. Torch's other norms and its ``swap`` are left out.
    """
    check_same_shape(anchor=anchor, positive=positive, negative=negative)
    anchor, positive, negative = (full_precision(x) for x in (anchor, positive, negative))
    near = torch.linalg.vector_norm(anchor - positive + eps, dim=-1)
    far = torch.linalg.vector_norm(anchor - negative + eps, dim=-1)
    return reduce(torch.relu(near - far + margin), reduction)


def cosine_similarity(
    x1: Float[Tensor, "*shape"], x2: Float[Tensor, "*shape"], dim: int = 1, eps: float = 1e-8
) -> Float[Tensor, "*rest"]:
    r"""The cosine of the angle between vectors: 1 for one direction, 0 for a right angle, -1 for opposite ones.

    With :math:`x_1` = ``x1``, :math:`x_2` = ``x2`` and :math:`\epsilon` = ``eps``,

    .. math:: \frac{x_1 \cdot x_2}{\max(\lVert x_1 \rVert, \epsilon)\,\max(\lVert x_2 \rVert, \epsilon)}.

    Args:
        x1: Vectors.
        x2: As many vectors.
        dim: The dimension of their coordinates.
        eps: The least length to divide by.

    Returns:
        A tensor without that dimension.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> cosine_similarity(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[5.0, 0.0], [3.0, 4.0]]))
        tensor([1.0000, 0.6000])

    Reference:
        Salton, Wong and Yang, *A Vector Space Model for Automatic Indexing*, 1975.

    Note:
        Each vector is divided by its length first, so that the product of two long ones does not overflow.
        Torch also broadcasts shapes.
    """
    check_same_shape(x1=x1, x2=x2)
    length1, length2 = (torch.linalg.vector_norm(x, dim=dim, keepdim=True).clamp(min=eps) for x in (x1, x2))
    return (x1 / length1 * (x2 / length2)).sum(dim)


def cosine_embedding_loss(
    input1: Float[Tensor, "*n d"],
    input2: Float[Tensor, "*n d"],
    target: Float[Tensor, "*n"] | Int[Tensor, "*n"],
    margin: float = 0.0,
    *,
    reduction: str = "mean",
) -> Float[Tensor, ""] | Float[Tensor, "*n"]:
    r"""Pairs that are alike have to point in one direction, others have to have a small cosine.

    With the cosine :math:`c` of ``input1`` and ``input2``, :math:`y` of ``target`` and :math:`m` = ``margin``,

    .. math:: \begin{cases} 1 - c & y = 1 \\ \max(0, c - m) & y = -1. \end{cases}

    Args:
        input1: Vectors, their coordinates in the last dimension.
        input2: As many vectors.
        target: 1 for a pair that is alike, -1 for one that is not.
        margin: The cosine up to which a pair that is not alike costs nothing.
        reduction: ``"mean"`` or ``"sum"`` over the pairs, or ``"none"``.

    Returns:
        A scalar, or one loss a pair with ``"none"``.

    Raises:
        ValueError: If the shapes differ, a target is neither -1 nor 1, or ``reduction`` is none of the three.

    Example:
        >>> x1, x2 = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[3.0, 4.0], [3.0, 4.0]])
        >>> cosine_embedding_loss(x1, x2, torch.tensor([1, -1]), reduction="none")
        tensor([0.4000, 0.6000])

    Reference:
        Hadsell, Chopra and LeCun, *Dimensionality Reduction by Learning an Invariant Mapping*, 2006, for the pairs.

    Note:
        A cosine does not depend on lengths. Torch's does for vectors shorter than about 1e-5, as it adds 1e-12 to
        each squared length; here the cosine is :func:`cosine_similarity`.
    """
    check_same_shape(input1=input1, input2=input2)
    check_shape("target", target, input1.shape[:-1])
    check_values("target", target, (-1, 1))
    c = cosine_similarity(full_precision(input1), full_precision(input2), dim=-1)
    return reduce(torch.where(target == 1, 1 - c, torch.relu(c - margin)), reduction)
