"""Self-attention with several heads, and the transformer's encoder block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least, check_probability
from .._shapes import Bool, Float
from .dot_product import attention_weights, scaled_dot_product_attention

Mask = Bool[Tensor, "*#mask"]


class MultiheadSelfAttention(nn.Module):
    r"""A sequence that looks at itself, with several interpretations at once.

    The tokens :math:`X` are projected to queries, keys and values; each of the ``num_heads`` heads attends with
    its own slice of them; the heads' outputs are put side by side and projected once more:

    .. math::

        (Q, K, V) = X W_\text{in}^\top + b_\text{in}, \qquad
        H_h = \operatorname{attention}(Q_h, K_h, V_h), \qquad
        Y = [H_1, \dots, H_{\text{heads}}]\, W_\text{out}^\top + b_\text{out}.

    It is called with ``x`` (n, length, width) and, by name, ``attn_mask``, True where a token (row) may look at
    another (column): (length, length) for all sequences and heads, or with these before, (n or 1, heads or 1,
    length or 1, length), as from :func:`padding_mask`. One row a sequence, (n, length), becomes one by
    ``[:, None, None]``.

    Args:
        embed_dim: The width of a token.
        num_heads: How many heads share that width.
        dropout: The probability of dropping an attention weight, in training.

    Raises:
        ValueError: If ``num_heads`` is less than 1 or does not divide ``embed_dim``, ``dropout`` does not lie
            in [0, 1], or ``x`` or ``attn_mask`` has another shape.

    Example:
        >>> attention = MultiheadSelfAttention(embed_dim=8, num_heads=2)
        >>> x = torch.randn(3, 5, 8)
        >>> attention(x).shape, attention.weights(x).shape
        (torch.Size([3, 5, 8]), torch.Size([3, 2, 5, 5]))

    Reference:
        Vaswani and others, *Attention Is All You Need*, 2017, section 3.2.2.

    Note:
        The weights are :class:`torch.nn.MultiheadAttention`'s, name by name and draw by draw, so that a
        ``state_dict`` moves over; that one takes query, key and value apart, sequences first unless told, and
        masks that are True where a query may not look. The lecture's code reshapes the heads' outputs without
        moving the heads behind the tokens first, which mixes up tokens.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        check_at_least("num_heads", num_heads, 1)
        check_probability("dropout", dropout)
        if embed_dim % num_heads:
            raise ValueError(f"num_heads must divide embed_dim, got {num_heads} heads for a width of {embed_dim}")
        self.num_heads, self.dropout = num_heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim))
        self.out_proj = nn.Linear(embed_dim, embed_dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, x: Float[Tensor, "n length width"], *, attn_mask: Mask | None = None
    ) -> Float[Tensor, "n length width"]:
        query, key, value = self._heads(x, attn_mask)
        y = scaled_dot_product_attention(query, key, value, attn_mask, self.dropout if self.training else 0.0)
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def weights(
        self, x: Float[Tensor, "n length width"], *, attn_mask: Mask | None = None
    ) -> Float[Tensor, "n heads length length"]:
        """How much each token looks at each other, for every head: something to draw."""
        query, key, _ = self._heads(x, attn_mask)
        return attention_weights(query, key, attn_mask)

    def _heads(
        self, x: Float[Tensor, "n length width"], attn_mask: Mask | None
    ) -> list[Float[Tensor, "n heads length part"]]:
        """Queries, keys and values, a slice of them for each head."""
        width = self.in_proj_weight.shape[1]
        if x.dim() != 3 or x.shape[-1] != width:
            raise ValueError(f"x must be (n, length, {width}), got {tuple(x.shape)}")
        length = x.shape[1]  # a mask (1, length) or (heads, length, length) would broadcast: somebody's (n, ...)
        if attn_mask is not None and attn_mask.dim() != 4 and attn_mask.shape != (length, length):
            got = tuple(attn_mask.shape)
            raise ValueError(f"attn_mask must be ({length}, {length}) or have four dimensions, got {got}")
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return [part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in projected]

    def extra_repr(self) -> str:
        return f"num_heads={self.num_heads}, dropout={self.dropout}"


class EncoderBlock(nn.Module):
    r"""The transformer's block: tokens look at each other, then each is changed by itself; a shortcut round both.

    With attention :math:`A`, the two-layer network :math:`f` and layer normalisation :math:`N_1, N_2`,

    .. math::

        \text{normalised after: } & u = N_1(x + A(x)), & y &= N_2(u + f(u)); \\
        \text{normalised first: } & u = x + A(N_1(x)), & y &= u + f(N_2(u)).

    The first is the paper's and the lecture's, the second what vision transformers and language models use,
    which trains without warmup.

    It is called with ``x`` (n, length, width) and, by name, ``attn_mask``, True where a token may look at another,
    of the shapes of :class:`MultiheadSelfAttention`.

    Args:
        d_model: The width of a token.
        nhead: How many heads share it.
        dim_feedforward: The hidden width of the two-layer network.
        dropout: The probability of dropping, in training: attention weights, hidden units, and what each of the
            two parts puts out.
        activation: The two-layer network's nonlinearity.
        layer_norm_eps: What layer normalisation adds to the variance.
        norm_first: Whether to normalise before attention and network, or after the shortcuts.

    Raises:
        ValueError: If the heads' setting is wrong, or ``x`` or ``attn_mask`` has another shape.

    Example:
        >>> EncoderBlock(d_model=8, nhead=2)(torch.randn(3, 5, 8)).shape
        torch.Size([3, 5, 8])

    Reference:
        Vaswani and others, *Attention Is All You Need*, 2017; for ``norm_first`` Xiong and others, *On Layer
        Normalization in the Transformer Architecture*, 2020.

    Note:
        This is :class:`torch.nn.TransformerEncoderLayer` with ``batch_first=True``, weight by weight; its masks
        are True where a token may not look. The lecture's code drops after normalising and has one normalisation
        for both parts.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        *,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadSelfAttention(d_model, nhead, dropout)
        self.linear1 = nn.Linear(d_model, dim_feedforward)
        self.linear2 = nn.Linear(dim_feedforward, d_model)
        self.norm1 = nn.LayerNorm(d_model, layer_norm_eps)
        self.norm2 = nn.LayerNorm(d_model, layer_norm_eps)
        self.dropout = nn.Dropout(dropout)
        self.activation, self.norm_first = activation, norm_first

    def forward(
        self, x: Float[Tensor, "n length width"], *, attn_mask: Mask | None = None
    ) -> Float[Tensor, "n length width"]:
        if self.norm_first:
            x = x + self._attention(self.norm1(x), attn_mask)
            return x + self._network(self.norm2(x))
        x = self.norm1(x + self._attention(x, attn_mask))
        return self.norm2(x + self._network(x))

    def _attention(self, x: Tensor, attn_mask: Mask | None) -> Tensor:
        return self.dropout(self.self_attn(x, attn_mask=attn_mask))

    def _network(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout(self.linear2(hidden))
