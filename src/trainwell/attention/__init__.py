"""Attention: every token looks at every other; transformers for images and for sequences of tokens.

- ``dot_product``: scaled dot-product attention, and masks that say who may look where.
- ``encoder``: several heads, and the block of attention and a small network with their shortcuts.
- ``vision``: images cut into patches; a class token that gathers what the class needs.
- ``tokens``: a prediction at each token, of the next one or of those masked; feeding predictions back.
- ``masking``: which tokens to mask, and the loss on those alone.

Masks of attention are True where a query may look, as in
:func:`torch.nn.functional.scaled_dot_product_attention`; the masks of :class:`torch.nn.MultiheadAttention`
and :class:`torch.nn.TransformerEncoderLayer` are the opposite, True where it may not.
"""

from .dot_product import attention_weights, causal_mask, padding_mask, scaled_dot_product_attention
from .encoder import EncoderBlock, MultiheadSelfAttention
from .masking import mask_tokens, masked_mean, masked_positions
from .tokens import TokenTransformer, generate, next_token_loss
from .vision import VisionTransformer, patches

__all__ = [
    "EncoderBlock",
    "MultiheadSelfAttention",
    "TokenTransformer",
    "VisionTransformer",
    "attention_weights",
    "causal_mask",
    "generate",
    "mask_tokens",
    "masked_mean",
    "masked_positions",
    "next_token_loss",
    "padding_mask",
    "patches",
    "scaled_dot_product_attention",
]
