"""torch.compile takes attention and the transformers as one graph.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import pytest
import torch

from tests.unchecked import CHECKED, run_unchecked
from trainwell import attention as A

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:
    TOKENS = torch.randint(9, (2, 5), generator=torch.Generator().manual_seed(0))
    VIT = dict(num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3)
    CASES = {
        "heads": (lambda: A.MultiheadSelfAttention(8, 2), torch.randn(2, 5, 8)),
        "block": (lambda: A.EncoderBlock(8, 2, 16, 0.0), torch.randn(2, 5, 8)),
        "vision": (lambda: A.VisionTransformer(8, 4, **VIT), torch.randn(2, 3, 8, 8)),
        "tokens": (lambda: A.TokenTransformer(9, 5, 1, 2, 8, 16, 0.0, causal=True), TOKENS),
        "attention": (lambda: lambda x: A.scaled_dot_product_attention(x, x, x, A.causal_mask(5)), torch.randn(5, 4)),
        "masked": (lambda: lambda x: A.masked_mean(A.mask_tokens(x, x > 0, 2), x > 1), torch.randn(5, 4)),
    }

    @pytest.mark.parametrize(("factory", "x"), CASES.values(), ids=CASES.keys())
    def test_compiles_as_one_graph(factory, x):
        torch.compiler.reset()
        torch.manual_seed(0)
        f = factory()
        torch.testing.assert_close(torch.compile(f, backend="aot_eager", fullgraph=True)(x), f(x))

    def test_refuses_other_masks():
        """The shape checks would refuse it before."""
        with pytest.raises(ValueError, match=r"attn_mask must be boolean, .*, got torch\.float32"):
            A.attention_weights(torch.zeros(2, 3), torch.zeros(4, 3), torch.zeros(2, 4))

    def test_attention_refuses_other_shapes():
        q, k = torch.ones(2, 5, 4), torch.ones(2, 7, 4)
        block, model = A.EncoderBlock(8, 2, 16), A.TokenTransformer(9, 7, 1, 2, 8, 16)
        images = A.VisionTransformer(4, 2, 1, 1, 4, 4)
        calls = [
            (lambda: A.attention_weights(q, k[..., :3]), r"key must have the shape \(2, 7, 4\), got \(2, 7, 3\)"),
            (lambda: A.attention_weights(q, k[:1]), r"key must have the shape \(2, 7, 4\), got \(1, 7, 4\)"),
            (
                lambda: A.scaled_dot_product_attention(q, k, q),
                r"value must have the shape \(2, 7, 4\), got \(2, 5, 4\)",
            ),
            (lambda: block(torch.ones(5, 8)), r"x must be \(n, length, 8\), got \(5, 8\)"),
            (lambda: block(torch.ones(2, 5, 6)), r"x must be \(n, length, 8\), got \(2, 5, 6\)"),
            (lambda: model(torch.zeros(5, dtype=torch.long)), r"tokens must be \(n, length\), got \(5,\)"),
            (lambda: images(torch.ones(2, 1, 4, 4)), r"images must be \(n, 3, 4, 4\), got \(2, 1, 4, 4\)"),
            (
                lambda: A.next_token_loss(torch.zeros(2, 4, 9), torch.zeros(2, 3, dtype=torch.long)),
                r"tokens must have the shape \(2, 4\), got \(2, 3\)",
            ),
        ]
        for call, message in calls:
            with pytest.raises(ValueError, match=message):
                call()
