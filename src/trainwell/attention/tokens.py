"""Sequences of tokens: a prediction at each, of the next token or of those that are masked."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least, check_shape
from .._shapes import Float, Int
from ..training import evaluating
from .dot_product import causal_mask
from .encoder import EncoderBlock, Mask


class TokenTransformer(nn.Module):
    r"""A transformer that predicts a token at every place of a sequence.

    With the embedding :math:`e` of each token :math:`t_i`, learned positions :math:`p_i`, the blocks
    :math:`B_1, \dots, B_L` and layer normalisation :math:`N`,

    .. math:: z_i = e_{t_i} + p_i, \qquad z \leftarrow B_l(z), \qquad \text{logits}_i = W N(z)_i + b.

    It is called with ``tokens`` (n, length) and, by name, ``attn_mask``, True where a token may look at another, of
    the shapes of :class:`MultiheadSelfAttention`; a causal model adds its own.

    Args:
        num_tokens: How many different tokens there are, a mask token included where one is needed.
        max_length: The longest sequence.
        num_layers: How many encoder blocks.
        nhead: Heads in each.
        d_model: The width of a token.
        dim_feedforward: The hidden width of the blocks' two-layer networks.
        dropout: The probability of dropping, in training, after the positions and inside the blocks.
        causal: Whether a token sees only itself and what came before (autoregressive prediction), or all.

    Raises:
        ValueError: If ``tokens`` or ``attn_mask`` has another shape, a sequence is longer than ``max_length``, or a
            block's setting is wrong.

    Example:
        >>> model = TokenTransformer(num_tokens=11, max_length=6, num_layers=2, nhead=2, d_model=8, causal=True)
        >>> model(torch.randint(11, (3, 5))).shape
        torch.Size([3, 5, 11])

    Reference:
        Radford, Narasimhan, Salimans and Sutskever, *Improving Language Understanding by Generative
        Pre-Training*, 2018 (causal); Devlin and others, *BERT*, 2019 (not). Both normalised after; here
        normalisation comes first, as in GPT-2.
    """

    def __init__(
        self,
        num_tokens: int,
        max_length: int,
        num_layers: int,
        nhead: int,
        d_model: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        *,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.embedding = nn.Embedding(num_tokens, d_model)
        nn.init.normal_(self.embedding.weight, std=0.02)  # as large as the positions, or those would not be heard
        self.pos_embedding = nn.Parameter(torch.empty(max_length, d_model).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            EncoderBlock(d_model, nhead, dim_feedforward, dropout, F.gelu, norm_first=True) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, num_tokens)

    def forward(
        self, tokens: Int[Tensor, "n length"], *, attn_mask: Mask | None = None
    ) -> Float[Tensor, "n length tokens"]:
        """The logits at every place."""
        if tokens.dim() != 2:
            raise ValueError(f"tokens must be (n, length), got {tuple(tokens.shape)}")
        length = tokens.shape[1]
        if length > len(self.pos_embedding):
            raise ValueError(f"tokens must be at most {len(self.pos_embedding)} in a row, got {length}")
        if self.causal:
            past = causal_mask(length, device=tokens.device)
            attn_mask = past if attn_mask is None else attn_mask & past
        z = self.dropout(self.embedding(tokens) + self.pos_embedding[:length])
        for layer in self.layers:
            z = layer(z, attn_mask=attn_mask)
        return self.head(self.norm(z))


def next_token_loss(logits: Float[Tensor, "n length classes"], tokens: Int[Tensor, "n length"]) -> Float[Tensor, ""]:
    r"""The loss of autoregressive prediction: each place's logits against the token that comes next.

    With :math:`p_i` the softmax of ``logits`` at place :math:`i` and :math:`t_i` = ``tokens``, the mean over
    examples of

    .. math:: -\frac{1}{L-1} \sum_{i=1}^{L-1} \log p_i(t_{i+1}).

    Args:
        logits: What a causal model says at each place.
        tokens: The sequence that it was given, two tokens or more.

    Returns:
        A scalar, in nats a token.

    Raises:
        ValueError: If the tokens are not as many as the places, or fewer than two in a row.

    Example:
        >>> next_token_loss(torch.zeros(1, 4, 8), torch.tensor([[3, 1, 4, 1]]))  # log 8
        tensor(2.0794)

    Reference:
        Bengio, Ducharme, Vincent and Jauvin, *A Neural Probabilistic Language Model*, 2003.
    """
    check_shape("tokens", tokens, logits.shape[:2])
    check_at_least("the tokens in a row", tokens.shape[1], 2)
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:])


def generate(
    model: nn.Module, tokens: Int[Tensor, "n length"], steps: int, *, generator: Generator | None = None
) -> Int[Tensor, "n longer"]:
    r"""Draws the next token from what the model predicts, feeds it back, and so on.

    With :math:`p` the softmax of the model's logits at the last place,

    .. math:: t_{i+1} \sim p(\,\cdot \mid t_1, \dots, t_i).

    Args:
        model: A causal model of tokens, run in evaluation mode.
        tokens: How the sequences begin, one token or more.
        steps: How many tokens to add.
        generator: Where the tokens are drawn from.

    Returns:
        The beginnings and what follows.

    Raises:
        ValueError: If ``steps`` is less than 1.

    Example:
        >>> model = TokenTransformer(num_tokens=5, max_length=8, num_layers=1, nhead=1, d_model=4, causal=True)
        >>> generate(model, torch.tensor([[1, 2]]), steps=3).shape
        torch.Size([1, 5])

    Reference:
        Radford, Narasimhan, Salimans and Sutskever, *Improving Language Understanding by Generative
        Pre-Training*, 2018.
    """
    check_at_least("steps", steps, 1)
    with evaluating(model):
        for _ in range(steps):
            p = model(tokens)[:, -1].softmax(-1)
            tokens = torch.cat([tokens, torch.multinomial(p, 1, generator=generator)], dim=1)
    return tokens
