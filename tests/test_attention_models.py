"""The vision transformer against torchvision's and timm's, the transformer of tokens against torch's; masking."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from trainwell import data, training
from trainwell.attention import (
    TokenTransformer,
    VisionTransformer,
    generate,
    mask_tokens,
    masked_mean,
    masked_positions,
    next_token_loss,
    patches,
)
from trainwell.networks import layer_table


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(), dtype=torch.float64)


def vit(**more) -> VisionTransformer:
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "num_heads": 3, "hidden_dim": 12, "mlp_dim": 20, "num_classes": 5}
    model = VisionTransformer(12, 4, **sizes, **more).double()
    nn.init.normal_(model.class_token)
    return model


def to_torchvision(name: str) -> str:
    """What torchvision calls a weight of ours."""
    for ours, theirs in [
        (r"^pos_embedding", "encoder.pos_embedding"),
        (r"^layers\.(\d+)", r"encoder.layers.encoder_layer_\1"),
        (r"self_attn", "self_attention"),
        (r"linear1", "mlp.0"),
        (r"linear2", "mlp.3"),
        (r"norm(\d)", r"ln_\1"),
        (r"^norm", "encoder.ln"),
        (r"^head", "heads.head"),
    ]:
        name = re.sub(ours, theirs, name)
    return name


def to_timm(name: str) -> str:
    """What timm calls a weight of ours."""
    for ours, theirs in [
        (r"^class_token", "cls_token"),
        (r"^pos_embedding", "pos_embed"),
        (r"^conv_proj", "patch_embed.proj"),
        (r"^layers", "blocks"),
        (r"self_attn\.in_proj_", "attn.qkv."),
        (r"self_attn\.out_proj", "attn.proj"),
        (r"linear1", "mlp.fc1"),
        (r"linear2", "mlp.fc2"),
    ]:
        name = re.sub(ours, theirs, name)
    return name


def torchvisions() -> nn.Module:
    from torchvision.models import VisionTransformer as Twin

    return Twin(12, 4, num_layers=2, num_heads=3, hidden_dim=12, mlp_dim=20, num_classes=5)


def timms() -> nn.Module:
    from timm.models import VisionTransformer as Twin

    return Twin(12, 4, depth=2, num_heads=3, embed_dim=12, mlp_ratio=20 / 12, num_classes=5)


@pytest.mark.parametrize(("factory", "rename"), [(torchvisions, to_torchvision), (timms, to_timm)])
def test_the_vision_transformer_is_theirs(factory, rename):
    """The same weights under their names: the same logits, the same gradients."""
    ours, theirs = vit(), factory().double()
    theirs.load_state_dict({rename(name): w for name, w in ours.state_dict().items()})
    x = images(3, 3, 12, 12)
    for model in (ours, theirs):
        F.cross_entropy(model(x), torch.tensor([0, 4, 2])).backward()
    torch.testing.assert_close(ours(x), theirs(x))
    gradients = {name: w.grad for name, w in theirs.named_parameters()}
    for name, w in ours.named_parameters():
        torch.testing.assert_close(w.grad, gradients[rename(name)], msg=name)


def test_the_class_token_gathers_from_the_patches():
    """The logits come from the first token alone, which sees every patch."""
    model, x = vit(), images(2, 3, 12, 12).requires_grad_()
    torch.testing.assert_close(model(x), model.head(model.tokens(x)[:, 0]))
    assert model.tokens(x).shape == (2, 10, 12)
    model(x)[:, 1].sum().backward()
    assert patches(x.grad, 4).abs().sum(-1).all()


def test_without_positions_the_patches_may_be_shuffled():
    model, x = vit(), images(2, 3, 12, 12)
    shuffled = torch.cat([x[:, :, 4:8], x[:, :, :4], x[:, :, 8:]], 2)
    assert not torch.allclose(model(shuffled), model(x))
    nn.init.zeros_(model.pos_embedding)
    torch.testing.assert_close(model(shuffled), model(x))


def test_the_layer_table_counts_what_lies_outside_of_layers():
    """The class token, the positions and the heads' first projection are parameters of modules with modules inside."""
    model = vit()
    table = layer_table(model, (3, 12, 12))
    assert table.parameters == sum(w.numel() for w in model.parameters())
    assert table.rows[-1].name.startswith("VisionTransformer")
    assert table.rows[-1].parameters == 12 + 10 * 12


def test_the_first_weights():
    """The class token and the first positions are small, so that the patches' content comes first."""
    torch.manual_seed(0)
    model = VisionTransformer(16, 2, 1, 1, 64, 64)
    assert not model.class_token.any()
    assert model.pos_embedding.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.head.out_features == 1000
    assert {m.eps for m in model.modules() if isinstance(m, nn.LayerNorm)} == {1e-6}
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.0}
    assert {m.p for m in vit(dropout=0.3).modules() if isinstance(m, nn.Dropout)} == {0.3}
    torch.manual_seed(0)
    tokens = TokenTransformer(7, 64, 1, 1, 64)
    assert tokens.pos_embedding.std().item() == pytest.approx(0.02, rel=0.05)
    assert tokens.embedding.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert {m.p for m in tokens.modules() if isinstance(m, nn.Dropout)} == {0.1}
    assert tokens.layers[0].linear1.out_features == 2048
    assert not tokens.causal


def test_patches_are_what_the_first_convolution_sees():
    """A convolution with the patch's stride is one linear map of every patch."""
    model, x = vit(), images(2, 3, 12, 12)
    embedded = F.linear(patches(x, 4), model.conv_proj.weight.flatten(1), model.conv_proj.bias)
    torch.testing.assert_close(embedded, model.conv_proj(x).flatten(2).transpose(1, 2))


@given(rows=st.integers(1, 3), columns=st.integers(1, 3), size=st.integers(1, 3), channels=st.integers(1, 2))
@settings(max_examples=20, deadline=None)
def test_patches_can_be_put_together_again(rows, columns, size, channels):
    x = images(2, channels, rows * size, columns * size)
    y = patches(x, size)
    assert y.shape == (2, rows * columns, channels * size * size)
    y = y.reshape(2, rows, columns, channels, size, size).permute(0, 3, 1, 4, 2, 5)
    assert torch.equal(y.reshape(x.shape), x)


def test_refuses_images_that_do_not_fit():
    with pytest.raises(ValueError, match="patch_size must divide the images' sides, got 2 for 4 × 5"):
        patches(images(1, 1, 4, 5), 2)
    with pytest.raises(ValueError, match="patch_size must divide the images' sides, got 2 for 5 × 4"):
        patches(images(1, 1, 5, 4), 2)
    with pytest.raises(ValueError, match="patch_size must be at least 1, got 0"):
        patches(images(1, 1, 4, 4), 0)
    with pytest.raises(ValueError, match="patch_size must be at least 1, got 0"):
        VisionTransformer(12, 0, 1, 1, 4, 4)
    with pytest.raises(ValueError, match="patch_size must divide image_size, got 5 for 12"):
        VisionTransformer(12, 5, 1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"images must be \(n, 3, 12, 12\), got \(1, 3, 8, 12\)"):
        vit()(images(1, 3, 8, 12))


def test_a_small_vision_transformer_learns_the_digits():
    split = data.digits()
    torch.manual_seed(0)
    model = VisionTransformer(8, 4, 1, 2, 32, 64, num_classes=10, in_channels=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    training.fit(model, split.train, epochs=6, optimizer=optimizer, generator=seeded(), device="cpu", progress=False)
    assert training.evaluate(model, split.validation)[1] > 0.8


@pytest.mark.parametrize("causal", [False, True])
def test_the_transformer_of_tokens_is_torchs_encoder(causal):
    torch.manual_seed(0)
    ours = TokenTransformer(9, 7, 2, 2, 8, 16, 0.0, causal=causal).double()
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, F.gelu, batch_first=True, norm_first=True)
    twin = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False).double()
    twin.load_state_dict({name: w for name, w in ours.state_dict().items() if name.startswith(("layers", "norm"))})
    tokens = torch.randint(9, (3, 5), generator=seeded())
    blocked = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    z = ours.embedding.weight[tokens] + ours.pos_embedding[:5]
    torch.testing.assert_close(ours(tokens), ours.head(twin(z, mask=blocked)))
    with pytest.raises(ValueError, match="tokens must be at most 7 in a row, got 8"):
        ours(torch.zeros(1, 8, dtype=torch.long))
    assert ours(torch.zeros(1, 7, dtype=torch.long)).shape == (1, 7, 9)


def test_a_causal_model_takes_a_padding_mask_as_well():
    torch.manual_seed(0)
    model = TokenTransformer(9, 6, 2, 2, 8, 16, 0.0, causal=True).double()
    tokens = torch.randint(9, (1, 6), generator=seeded())
    mask = (torch.arange(6) != 2)[None, None, None]
    changed = tokens.clone()
    changed[0, 2] = (tokens[0, 2] + 1) % 9
    same = torch.isclose(model(tokens, attn_mask=mask), model(changed, attn_mask=mask)).all(-1)[0]
    assert same.tolist() == [True, True, False, True, True, True], "only the token itself, by its shortcut"
    changed[0, 5] = (tokens[0, 5] + 1) % 9
    torch.testing.assert_close(model(tokens, attn_mask=mask)[:, :2], model(changed, attn_mask=mask)[:, :2])


def test_next_token_loss_is_the_mean_over_the_tokens_that_follow():
    logits, tokens = (
        torch.randn(2, 4, 6, generator=seeded(), dtype=torch.float64),
        torch.tensor([[1, 2, 3, 4], [5, 0, 1, 1]]),
    )
    each = [-logits[n, i].log_softmax(0)[tokens[n, i + 1]] for n in range(2) for i in range(3)]
    torch.testing.assert_close(next_token_loss(logits, tokens), sum(each) / 6)


class Constant(nn.Module):
    """Says the same of every next token, and remembers how it was asked."""

    def __init__(self, p):
        super().__init__()
        self.logits, self.asked = torch.tensor(p).log(), []

    def forward(self, tokens):
        self.asked.append((self.training, tokens.shape[1]))
        return self.logits.expand(*tokens.shape, -1)


def test_generates_by_the_models_probabilities():
    """20,000 draws; each share lies within five standard deviations of its probability."""
    p, n = [0.7, 0.05, 0.25], 10_000
    model = Constant(p).train()
    tokens = generate(model, torch.zeros(n, 3, dtype=torch.long), 2, generator=seeded())
    assert tokens.shape == (n, 5)
    assert not tokens[:, :3].any()
    for token, share in enumerate(p):
        drawn = (tokens[:, 3:] == token).double().mean().item()
        assert abs(drawn - share) < 5 * (share * (1 - share) / (2 * n)) ** 0.5
    assert model.asked == [(False, 3), (False, 4)]
    assert model.training
    again = generate(model, torch.zeros(n, 3, dtype=torch.long), 2, generator=seeded())
    assert torch.equal(tokens, again)


def test_refuses_to_generate_nothing():
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        generate(Constant([0.5, 0.5]), torch.zeros(1, 1, dtype=torch.long), 0)


def test_learns_to_count_and_feeds_its_predictions_back():
    """Autoregressive prediction: every next token is one more than the last, modulo seven."""
    torch.manual_seed(0)
    model = TokenTransformer(7, 12, 1, 2, 16, 32, 0.0, causal=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    tokens = (torch.arange(12) + torch.arange(7)[:, None]) % 7
    for _ in range(60):
        optimizer.zero_grad()
        next_token_loss(model(tokens), tokens).backward()
        optimizer.step()
    drawn = generate(model, tokens[:, :2], 10, generator=seeded())
    assert (drawn == tokens).double().mean() > 0.95
    assert not drawn.requires_grad


def test_learns_to_predict_masked_tokens_from_both_sides():
    """Rows that count up modulo seven, three of seven tokens masked: only the places of the others say which."""
    torch.manual_seed(0)
    generator = seeded()
    model = TokenTransformer(8, 7, 1, 2, 32, 64, 0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    tokens = (torch.arange(7) + torch.arange(28)[:, None]) % 7
    for _ in range(120):
        masked = masked_positions(28, 7, 0.4, generator=generator)
        logits = model(mask_tokens(tokens, masked, 7))
        loss = masked_mean(F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none"), masked)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (logits.argmax(-1) == tokens)[masked].double().mean() > 0.9


@given(n=st.integers(1, 4), length=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_masks_the_same_number_in_every_row(n, length, share, seed):
    masked = masked_positions(n, length, share, generator=seeded(seed))
    assert masked.shape == (n, length)
    assert (masked.sum(1) == round(share * length)).all()


def test_masks_every_place_alike():
    n, masked = 20_000, masked_positions(20_000, 5, 0.4, generator=seeded())
    assert ((masked.double().mean(0) - 0.4).abs() < 5 * (0.4 * 0.6 / n) ** 0.5).all()
    assert len(masked.unique(dim=0)) == 10, "every choice of two among five"
    assert torch.equal(masked, masked_positions(n, 5, 0.4, generator=seeded()))
    assert masked_positions(100, 20).sum(1).unique().tolist() == [3], "15% unless told otherwise"
    assert masked_positions(2, 3, device="meta").device.type == "meta"
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"share must be between 0 and 1, got {share}"):
            masked_positions(2, 3, share)


def test_puts_the_mask_token_in_and_nothing_else():
    masked = masked_positions(3, 6, 0.5, generator=seeded())
    tokens = torch.randint(5, (3, 6), generator=seeded())
    y = mask_tokens(tokens, masked, 9)
    assert (y[masked] == 9).all()
    assert torch.equal(y[~masked], tokens[~masked])
    pairs = torch.randint(5, (3, 6, 2, 2), generator=seeded())
    y = mask_tokens(pairs, masked, 9)
    assert (y[masked] == 9).all()
    assert torch.equal(y[~masked], pairs[~masked])
    x, mask_token = images(3, 6, 4), nn.Parameter(torch.ones(4, dtype=torch.float64))
    y = mask_tokens(x, masked, mask_token)
    assert torch.equal(y[~masked], x[~masked])
    y.sum().backward()
    assert torch.equal(mask_token.grad, torch.full((4,), 9.0, dtype=torch.float64)), "it is learned where it stands"


def test_the_loss_is_that_of_the_masked_alone():
    losses, masked = (
        torch.rand(3, 6, generator=seeded(), dtype=torch.float64),
        masked_positions(3, 6, 0.5, generator=seeded()),
    )
    torch.testing.assert_close(masked_mean(losses, masked), losses[masked].mean())
    losses.requires_grad_()
    masked_mean(losses.where(masked, torch.inf), masked).backward()
    assert not losses.grad[~masked].any()
    torch.testing.assert_close(losses.grad[masked], torch.full((9,), 1 / 9, dtype=torch.float64))
    assert masked_mean(losses, torch.zeros(3, 6, dtype=torch.bool)).item() == 0


def test_one_token_has_no_next():
    with pytest.raises(ValueError, match="the tokens in a row must be at least 2, got 1"):
        next_token_loss(torch.zeros(2, 1, 5), torch.zeros(2, 1, dtype=torch.long))
    assert next_token_loss(torch.zeros(2, 2, 5), torch.zeros(2, 2, dtype=torch.long)).item() == pytest.approx(
        1.6094, abs=1e-4
    )
