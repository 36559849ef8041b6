"""Attention, its heads and its block, against torch's with the same weights; and the laws of masks and of order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from trainwell.attention import (
    EncoderBlock,
    MultiheadSelfAttention,
    attention_weights,
    causal_mask,
    padding_mask,
    scaled_dot_product_attention,
)


def draw(*shape: int, seed: int = 0, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale).to(dtype)


def inputs(*batch: int, queries: int = 5, keys: int = 7, **more) -> list[torch.Tensor]:
    sizes = ((queries, 4), (keys, 4), (keys, 3))
    return [draw(*batch, *size, seed=seed, **more) for seed, size in enumerate(sizes)]


MASKS = {
    "none": None,
    "full": torch.ones(5, 7, dtype=torch.bool),
    "some": draw(2, 1, 5, 7, seed=9) > -0.5,
    "column": torch.arange(7)[None] < 4,
    "a row of nothing": torch.arange(5)[:, None] != 2,
}


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)], ids=str)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_is_torchs(mask, batch):
    mask = mask[0, 0] if mask is not None and mask.ndim > len(batch) + 2 else mask
    expected = F.scaled_dot_product_attention(*inputs(*batch), attn_mask=mask)
    torch.testing.assert_close(scaled_dot_product_attention(*inputs(*batch), mask), expected)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 0.02)], ids=str
)
def test_is_torchs_at_every_scale_and_type(dtype, tolerance, scale):
    query, key, value = inputs(2, 3, scale=scale, dtype=dtype)
    ours = scaled_dot_product_attention(query, key, value, MASKS["column"])
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=MASKS["column"])
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance * scale)


def test_is_the_formula():
    """A loop over queries and keys, from the paper's equation."""
    query, key, value = inputs()
    mask = MASKS["some"][0, 0]
    expected = torch.zeros(5, 3, dtype=torch.float64)
    for i in range(5):
        e = [torch.exp(query[i] @ key[j] / 4**0.5) * float(mask[i, j]) for j in range(7)]
        expected[i] = sum(e[j] * value[j] for j in range(7)) / sum(e)
    torch.testing.assert_close(scaled_dot_product_attention(query, key, value, mask), expected)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_gradients_are_right_also_where_a_query_may_look_nowhere(mask):
    tensors = [x.requires_grad_() for x in inputs(2, 1)]
    assert torch.autograd.gradcheck(lambda q, k, v: scaled_dot_product_attention(q, k, v, mask), tensors)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_weights_sum_to_one_over_what_may_be_looked_at(mask):
    query, key, _ = inputs(2, 3)
    weights = attention_weights(query, key, mask)
    assert (weights >= 0).all()
    allowed = torch.ones_like(weights, dtype=torch.bool) if mask is None else mask.expand_as(weights)
    assert not weights[~allowed].any()
    torch.testing.assert_close(weights.sum(-1), allowed.any(-1).double())


def test_scaling_keeps_the_logits_variance_at_one():
    """So the softmax does not saturate: with d = 400 the unscaled logits would have a standard deviation of 20."""
    query, key = draw(300, 400), draw(300, 400, seed=1)
    logits = attention_weights(query, key).log()
    assert (logits - logits.mean(1, keepdim=True)).var().item() == pytest.approx(1, rel=0.05)


def test_dropout_drops_weights_as_torch_does():
    query, key, value = inputs(2, 3)
    torch.manual_seed(0)
    ours = scaled_dot_product_attention(query, key, value, dropout_p=0.4)
    torch.manual_seed(0)
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(query, key, value, dropout_p=0.4))
    assert not torch.allclose(ours, scaled_dot_product_attention(query, key, value))
    assert not scaled_dot_product_attention(query, key, value, dropout_p=1.0).any()


def test_refuses_masks_that_are_not_boolean_and_bad_probabilities():
    query, key, value = inputs()
    with pytest.raises(ValueError, match=r"dropout_p must be between 0 and 1, got 1\.5"):
        scaled_dot_product_attention(query, key, value, dropout_p=1.5)
    with pytest.raises(Exception, match=r"attn_mask"):
        attention_weights(query, key, torch.zeros(5, 7))


def test_the_causal_mask_is_torchs():
    blocked = nn.Transformer.generate_square_subsequent_mask(6) != 0
    assert torch.equal(causal_mask(6), ~blocked)
    assert causal_mask(3, device="meta").device.type == "meta"
    query, key, value = (draw(2, 6, 4, seed=seed) for seed in range(3))
    expected = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(scaled_dot_product_attention(query, key, value, causal_mask(6)), expected)


def test_the_padding_mask():
    mask = padding_mask(torch.tensor([3, 0, 5]), 4)
    assert mask.shape == (3, 1, 1, 4)
    assert mask[:, 0, 0].tolist() == [[True, True, True, False], [False] * 4, [True] * 4]


def twins(dropout: float = 0.0) -> tuple[MultiheadSelfAttention, nn.MultiheadAttention]:
    torch.manual_seed(0)
    ours = MultiheadSelfAttention(12, 3, dropout).double()
    theirs = nn.MultiheadAttention(12, 3, dropout, batch_first=True).double()
    nn.init.normal_(ours.in_proj_bias)
    nn.init.normal_(ours.out_proj.bias)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_heads_are_torchs(causal, padded):
    """torch's masks are True where a query may not look."""
    ours, theirs = twins()
    x, lengths = draw(4, 6, 12), torch.tensor([6, 2, 4, 1])
    mask = causal_mask(6) if causal else torch.ones(6, 6, dtype=torch.bool)
    mask = mask & padding_mask(lengths, 6) if padded else mask
    expected, weights = theirs(
        x,
        x,
        x,
        attn_mask=~causal_mask(6) if causal else None,
        key_padding_mask=torch.arange(6) >= lengths[:, None] if padded else None,
        average_attn_weights=False,
    )
    torch.testing.assert_close(ours(x, attn_mask=mask), expected)
    torch.testing.assert_close(ours.weights(x, attn_mask=mask), weights)
    if not causal and not padded:
        torch.testing.assert_close(ours(x), expected)
        torch.testing.assert_close(ours.weights(x), weights)


def test_heads_learn_as_torchs():
    ours, theirs = twins()
    x = draw(4, 6, 12)
    ours(x).square().sum().backward()
    theirs(x, x, x)[0].square().sum().backward()
    for (name, w), v in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(w.grad, v.grad, msg=name)


def test_heads_drop_as_torchs_in_training_only():
    ours, theirs = twins(dropout=0.4)
    x, results = draw(4, 6, 12), []
    for run in (lambda: ours(x), lambda: theirs(x, x, x)[0]):
        torch.manual_seed(1)
        results.append(run())
    torch.testing.assert_close(*results)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x, x, x)[0])
    assert not torch.allclose(ours(x), results[0])


def test_heads_begin_as_torchs():
    """The same draws from the same seed."""
    models = []
    for factory in (MultiheadSelfAttention, nn.MultiheadAttention):
        torch.manual_seed(0)
        models.append(factory(8, 2).state_dict())
    assert models[0].keys() == models[1].keys()
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_one_head_with_identity_weights_is_attention_itself():
    layer, x = MultiheadSelfAttention(4, 1).double(), draw(2, 5, 4)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.eye(4).repeat(3, 1))
        layer.out_proj.weight.copy_(torch.eye(4))
    torch.testing.assert_close(layer(x), scaled_dot_product_attention(x, x, x))


def test_refuses_bad_heads():
    with pytest.raises(ValueError, match="num_heads must divide embed_dim, got 3 heads for a width of 8"):
        MultiheadSelfAttention(8, 3)
    with pytest.raises(ValueError, match="num_heads must be at least 1, got 0"):
        MultiheadSelfAttention(8, 0)
    with pytest.raises(ValueError, match="dropout must be between 0 and 1, got -1"):
        MultiheadSelfAttention(8, 2, -1)
    for shape in ((1, 3, 4), (1, 3, 16)):
        with pytest.raises(ValueError, match=r"x must be \(n, length, 8\), got"):
            MultiheadSelfAttention(8, 2)(torch.zeros(shape))
    assert repr(MultiheadSelfAttention(8, 2, 0.1)).startswith("MultiheadSelfAttention(\n  num_heads=2, dropout=0.1")


def blocks(**arguments) -> tuple[EncoderBlock, nn.TransformerEncoderLayer]:
    torch.manual_seed(0)
    ours = EncoderBlock(12, 3, **arguments).double()
    theirs = nn.TransformerEncoderLayer(12, 3, **arguments, batch_first=True).double()
    for norm in (ours.norm1, ours.norm2):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", [F.relu, F.gelu])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_the_block_is_torchs(norm_first, activation, scale):
    """Outputs and gradients, with a mask."""
    more = {"dropout": 0.0, "activation": activation, "layer_norm_eps": 1e-3}
    ours, theirs = blocks(norm_first=norm_first, dim_feedforward=20, **more)
    x, results = draw(4, 6, 12, scale=scale), []
    for layer, mask in ((ours, {"attn_mask": causal_mask(6)}), (theirs, {"src_mask": ~causal_mask(6)})):
        y = layer(x, **mask)
        y.cos().sum().backward()
        results.append([y, *(w.grad for w in layer.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-9 * min(scale, 1))


def test_the_blocks_defaults_are_torchs():
    ours, theirs = blocks()
    assert (ours.linear1.out_features, ours.dropout.p, ours.norm1.eps, ours.norm_first) == (2048, 0.1, 1e-5, False)
    assert ours.self_attn.dropout == theirs.self_attn.dropout
    x = draw(2, 4, 12)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_block_drops_where_torchs_drops(norm_first):
    """On one sequence: torch's holds several in another order in memory, in which the draws come."""
    ours, theirs = blocks(norm_first=norm_first, dropout=0.3, dim_feedforward=20)
    x, results = draw(1, 6, 12), []
    for layer in (ours, theirs):
        torch.manual_seed(1)
        results.append(layer(x))
    torch.testing.assert_close(*results)


def stack(depth: int = 2) -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList(EncoderBlock(8, 2, 16, 0.0, norm_first=True) for _ in range(depth)).double()


STACK = stack()


def run(x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    for block in STACK:
        x = block(x, attn_mask=mask)
    return x


@given(place=st.integers(0, 5))
@settings(max_examples=12, deadline=None)
def test_the_causal_mask_lets_no_future_in(place):
    """The gradient of a token's output towards everything after it is exactly zero, through two blocks."""
    x = draw(2, 6, 8).requires_grad_()
    run(x, causal_mask(6))[:, place].sum().backward()
    assert not x.grad[:, place + 1 :].any()
    assert x.grad[:, : place + 1].abs().sum((0, 2)).all()


@given(order=st.permutations(range(6)))
@settings(max_examples=12, deadline=None)
def test_without_positions_the_order_does_not_matter(order):
    """Permuted tokens give permuted outputs; with a causal mask they do not."""
    x = draw(2, 6, 8)
    torch.testing.assert_close(run(x[:, order]), run(x)[:, order])
    if order != sorted(order):
        assert not torch.allclose(run(x[:, order], causal_mask(6)), run(x, causal_mask(6))[:, order])


@given(lengths=st.lists(st.integers(1, 6), min_size=3, max_size=3), filler=st.sampled_from([0.0, 1e6]))
@settings(max_examples=12, deadline=None)
def test_a_padded_sequence_is_the_shorter_one(lengths, filler):
    x = draw(3, 6, 8)
    padded = x.where((torch.arange(6) < torch.tensor(lengths)[:, None])[..., None], filler)
    y = run(padded, padding_mask(torch.tensor(lengths), 6))
    for i, length in enumerate(lengths):
        torch.testing.assert_close(y[i, :length], run(x[i : i + 1, :length])[0])


LAYERS = {
    "heads": lambda: MultiheadSelfAttention(8, 2),
    "block": lambda: EncoderBlock(8, 2, 16),
    "norm_first": lambda: EncoderBlock(8, 2, 16, norm_first=True),
}
every_layer = pytest.mark.parametrize("factory", LAYERS.values(), ids=LAYERS.keys())


@every_layer
def test_autocast_dtype_and_device(factory):
    layer, x = factory(), draw(2, 5, 8, dtype=torch.float32)
    twin = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=getattr(layer, "norm_first", False))
    twin = twin if isinstance(layer, EncoderBlock) else nn.Linear(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == twin(x).dtype
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        y = layer.to(dtype)(x.to(dtype), attn_mask=causal_mask(5))
        assert y.dtype == dtype
        assert y.isfinite().all()
    assert layer.float().to("meta")(x.to("meta")).device.type == "meta"


@every_layer
def test_takes_empty_batches_and_leaves_its_input_alone(factory):
    x = draw(2, 5, 8, dtype=torch.float32)
    before = x.clone()
    layer = factory()
    assert layer(x[:0]).shape == (0, 5, 8)
    layer(x)
    assert torch.equal(x, before)


@every_layer
def test_gradcheck(factory):
    layer = factory().double().eval()
    x = draw(2, 3, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer(x, attn_mask=causal_mask(3)), x)


@every_layer
@pytest.mark.parametrize("shape", [(6,), (1, 6), (6, 1), (2, 6), (2, 6, 6), (1, 6, 6), (1, 1, 2, 6, 6)], ids=str)
def test_masks_of_other_shapes_are_refused(factory, shape):
    """One row a sequence, or one matrix a sequence, would be taken for queries, or for heads."""
    x = draw(2, 6, 8, dtype=torch.float32)
    with pytest.raises(ValueError, match="attn_mask must"):
        factory()(x, attn_mask=torch.ones(shape, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"attn_mask must be \(6, 6\) or have four dimensions, got \(2, 6\)"):
        factory()(x, attn_mask=torch.ones(2, 6, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(6, 6), (2, 1, 1, 6), (1, 2, 6, 6), (2, 2, 6, 1), (1, 1, 1, 1)], ids=str)
def test_masks_of_one_shape_for_all_or_of_four_dimensions(shape):
    layer, x = MultiheadSelfAttention(8, 2).eval(), draw(2, 6, 8, dtype=torch.float32)
    mask = torch.ones(shape, dtype=torch.bool)
    torch.testing.assert_close(layer(x, attn_mask=mask), layer(x))


@pytest.mark.parametrize("shape", [(5, 6), (4, 7), (2, 5, 7), (3, 1, 5, 7), (1, 2, 3, 5, 7)], ids=str)
def test_masks_that_do_not_broadcast_are_refused(shape):
    query, key, _ = inputs(2, 3) if len(shape) > 3 else inputs()
    with pytest.raises(ValueError, match=r"attn_mask must broadcast to the weights' \((2, 3, )?5, 7\), got"):
        attention_weights(query, key, torch.ones(shape, dtype=torch.bool))
