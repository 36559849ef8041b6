"""Scaled dot-product attention: an average of values, weighted by how well their keys answer a query."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .._arguments import check_probability, check_shape
from .._shapes import Bool, Float, Int


def attention_weights(
    query: Float[Tensor, "*batch queries width"],
    key: Float[Tensor, "*batch keys width"],
    attn_mask: Bool[Tensor, "*#mask"] | None = None,
) -> Float[Tensor, "*batch queries keys"]:
    r"""How much each query looks at each key: numbers that are not negative and sum to one.

    With :math:`Q` = ``query`` and :math:`K` = ``key`` (rows :math:`q_i, k_j` of length :math:`d`) and
    :math:`M` = ``attn_mask``,

    .. math::

        A = \operatorname{softmax}\!\left(\frac{QK^\top}{\sqrt d}\right), \qquad
        A_{ij} = \frac{M_{ij}\, e^{q_i \cdot k_j / \sqrt d}}{\sum_{j'} M_{ij'}\, e^{q_i \cdot k_{j'} / \sqrt d}}
        \text{ with a mask.}

    For independent entries of unit variance :math:`q_i \cdot k_j` has variance :math:`d`; the root brings it back
    to one, where the softmax has a gradient.

    Args:
        query: What is looked for, a row a query.
        key: What answers, a row a key.
        attn_mask: True where the query (row) may look at the key (column), (queries, keys) or of a shape that
            broadcasts to the weights'.

    Returns:
        The weights, a row a query. A query that may look nowhere has zeros.

    Raises:
        ValueError: If ``key`` has not the query's width, or the mask is not boolean or not of such a shape.

    Example:
        >>> attention_weights(torch.zeros(1, 4), torch.zeros(3, 4), torch.tensor([[True, True, False]]))
        tensor([[0.5000, 0.5000, 0.0000]])

    Reference:
        Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.1.

    Note:
        The lecture fills masked places with -1e14 before the softmax, so that a query that may look nowhere
        looks everywhere alike, and float16 overflows.
    """
    check_shape("key", key, (*query.shape[:-2], key.shape[-2], query.shape[-1]))
    logits = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if attn_mask is None:
        return logits.softmax(-1)
    _check_mask(attn_mask, logits.shape)
    weights = logits.masked_fill(~attn_mask, -math.inf).softmax(-1)
    return weights.masked_fill(~attn_mask, 0.0)  # a row of -inf only would be NaN


def scaled_dot_product_attention(
    query: Float[Tensor, "*batch queries width"],
    key: Float[Tensor, "*batch keys width"],
    value: Float[Tensor, "*batch keys features"],
    attn_mask: Bool[Tensor, "*#mask"] | None = None,
    dropout_p: float = 0.0,
) -> Float[Tensor, "*batch queries features"]:
    r"""Attention: for each query, the average of the values by the weights of :func:`attention_weights`.

    With :math:`Q` = ``query``, :math:`K` = ``key``, :math:`V` = ``value``,

    .. math:: \operatorname{attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{QK^\top}{\sqrt d}\right) V.

    Args:
        query: What is looked for, a row a query.
        key: What answers, a row a key.
        value: What is averaged, a row a key.
        attn_mask: True where the query (row) may look at the key (column), (queries, keys) or of a shape that
            broadcasts to the weights'.
        dropout_p: The probability of dropping a weight, whether one trains or not, as in torch.

    Returns:
        A row a query.

    Raises:
        ValueError: If ``key`` or ``value`` has another shape, the mask is not boolean or not of such a shape, or
            ``dropout_p`` does not lie in [0, 1].

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
        >>> scaled_dot_product_attention(torch.zeros(1, 2), x, x)
        tensor([[2., 1.]])

    Reference:
        Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.1.

    Note:
        :func:`torch.nn.functional.scaled_dot_product_attention` computes the same without ever holding all
        weights, which is what to use for long sequences. It also takes masks that are added to the logits, and
        ``is_causal``, for which there is :func:`causal_mask`. Dropout draws from torch's global generator.
    """
    check_probability("dropout_p", dropout_p)
    check_shape("value", value, (*key.shape[:-1], value.shape[-1]))
    weights = attention_weights(query, key, attn_mask)
    return F.dropout(weights, dropout_p) @ value


def _check_mask(attn_mask: Tensor, shape: torch.Size) -> None:
    if attn_mask.dtype != torch.bool:
        raise ValueError(f"attn_mask must be boolean, True where a query may look, got {attn_mask.dtype}")
    sizes = zip(reversed(attn_mask.shape), reversed(shape), strict=False)
    if attn_mask.dim() > len(shape) or any(size not in (1, wanted) for size, wanted in sizes):
        raise ValueError(f"attn_mask must broadcast to the weights' {tuple(shape)}, got {tuple(attn_mask.shape)}")


def causal_mask(length: int, *, device: torch.device | str | None = None) -> Bool[Tensor, "length length"]:
    r"""The autoregressive mask: token i may look at itself and at what came before.

    With :math:`i` the row (query) and :math:`j` the column (key) of ``length`` tokens,

    .. math:: M_{ij} = [\,j \le i\,].

    Args:
        length: The number of tokens.
        device: Where to make it.

    Returns:
        True where a query may look.

    Example:
        >>> causal_mask(3).int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [1, 1, 1]], dtype=torch.int32)

    Reference:
        Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.3.
    """
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def padding_mask(lengths: Int[Tensor, " n"], length: int) -> Bool[Tensor, "n 1 1 length"]:
    r"""The mask of sequences that were padded to one length: nobody looks at the padding.

    With :math:`l_n` = ``lengths`` and :math:`j` the column (key), for every head and query

    .. math:: M_{nj} = [\,j < l_n\,].

    Args:
        lengths: How many tokens of each sequence are real; they come first.
        length: The length with padding.

    Returns:
        True where a query may look, with dimensions for the heads and the queries; combine it with
        :func:`causal_mask` by ``&``.

    Example:
        >>> padding_mask(torch.tensor([1, 3]), 3)[:, 0, 0].int()
        tensor([[1, 0, 0],
                [1, 1, 1]], dtype=torch.int32)

    Reference:
        Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.3, on masks before the softmax.
    """
    real = torch.arange(length, device=lengths.device) < lengths[:, None]
    return real[:, None, None, :]
