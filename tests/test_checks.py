"""The checks of the labs: right answers pass, mistakes are named, everything else is explained."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell import checks
from trainwell.checks import Mistake

ONES = torch.ones(2)


@pytest.mark.parametrize(
    ("actual", "right"),
    [
        (torch.tensor([0.1 + 0.2]), torch.tensor([0.3])),
        (torch.tensor([math.nan, 1.0]), torch.tensor([math.nan, 1.0])),
        (torch.empty(0), torch.empty(0)),
        (0.1 + 0.2, 0.3),
        (math.inf, math.inf),
        (2, 2.0),
        ("text", "text"),
        (True, True),
        ([1, (2.0, ONES)], [1, (2.0, ONES)]),
        ({"a": ONES, "b": 2}, {"b": 2, "a": ONES}),
        (ONES.clone().requires_grad_(), ONES),
    ],
)
def test_equal_answers_pass(actual, right):
    checks.expect(actual, right)


@pytest.mark.parametrize(
    ("actual", "right", "message"),
    [
        (ONES, 2 * ONES, "Greatest absolute difference"),
        (ONES, torch.ones(3), "shape"),
        (ONES, ONES.double(), "dtype"),
        (ONES, torch.tensor([math.nan, 1.0]), "Mismatched elements"),
        (ONES.to("meta"), ONES, "device"),
        (None, ONES, "is there a `return`"),
        (1, True, "differ"),
        ("tex", "text", "differ"),
        ({"a": 1}, {"b": 1}, "keys"),
        ([1, 2], [1, 2, 3], "length"),
        (2.0, ONES, "Expected type Tensor and got type float\\."),
        (object(), ONES, "Expected type Tensor"),
        (ONES, 1.0, "Expected type float"),
        ((2.0, ONES), (2.0, 1.0), "Expected type float and got type Tensor inside"),
        (["a", "b"], ["a", "c"], r"They differ\.$"),
        ((2.0, 3.0), (2.0, 4.0), "They differ in item \\[1\\]"),
    ],
)
def test_other_answers_are_explained(actual, right, message):
    with pytest.raises(AssertionError, match=message) as caught:
        checks.expect(actual, right, name="the sum")
    assert not isinstance(caught.value, Mistake)
    assert "the sum" in str(caught.value)


def test_a_known_mistake_is_named_first_and_its_section_last():
    with pytest.raises(Mistake) as caught:
        checks.expect(2 * ONES, ONES, unless={"halves": ONES / 2, "doubles": 2 * ONES}, see="a page")
    lines = str(caught.value).splitlines()
    assert lines[0] == "doubles"
    assert lines[-1] == "Read again: a page"


def test_a_mistake_that_leads_to_the_right_answer_is_never_named():
    with pytest.raises(AssertionError) as caught:
        checks.expect(ONES * 3, ONES, unless={"harmless": ONES})
    assert not isinstance(caught.value, Mistake)
    checks.expect(ONES, ONES, unless={"harmless": ONES})


def test_a_notebook_shows_the_message_alone():
    with pytest.raises(Mistake) as caught:
        checks.rule_out("seen", True, "why")
    assert caught.value._render_traceback_() == ["Mistake: seen\nwhy"]


def test_tolerances_are_used():
    checks.expect(0.52, 0.5, rtol=0, atol=0.03)
    with pytest.raises(AssertionError):
        checks.expect(0.54, 0.5, rtol=0, atol=0.03)


def test_large_tensors_are_shown_short():
    with pytest.raises(AssertionError) as caught:
        checks.expect(torch.zeros(100, 100), torch.ones(100, 100))
    assert "of shape (100, 100)" in str(caught.value)
    assert max(len(line) for line in str(caught.value).splitlines()) < 300


@pytest.mark.parametrize("shown", [True, torch.tensor(True)])
def test_rule_out(shown):
    checks.rule_out("never", not shown, "why")
    with pytest.raises(Mistake, match=r"^seen\nwhy"):
        checks.rule_out("seen", shown, "why")


def test_subset_reads_masks_off_sums():
    parts = torch.tensor([1.5, -2.0, 4.0])
    masks = torch.tensor([[False, False, False], [True, True, False], [True, False, True], [True, True, True]])
    assert torch.equal(checks.subset((masks * parts).sum(-1), parts), masks)
    assert torch.equal(checks.subset((masks * parts).sum(-1) + 0.1, parts.expand(4, 3)), masks)


def test_unchanged():
    checks.unchanged(ONES, ONES.clone())
    with pytest.raises(Mistake, match=r"^changes its input\nx was"):
        checks.unchanged(ONES, ONES + 1e-6, name="x")


def refuse(message):
    raise ValueError(message)


def test_raises():
    checks.raises(ValueError, lambda: refuse("p is too large"), mention="p", case="p=2")
    with pytest.raises(Mistake, match=r"^no error for bad input\nExpected ValueError for p=2"):
        checks.raises(ValueError, lambda: None, mention="p", case="p=2")
    with pytest.raises(Mistake, match=r"^unclear error"):
        checks.raises(ValueError, lambda: refuse("no"), mention="keep", case="keep=2")
    with pytest.raises(Mistake, match=r"^unclear error"):  # the letter is in it, the name is not
        checks.raises(ValueError, lambda: refuse("bad probability"), mention="p", case="p=2")
    with pytest.raises(Mistake, match=r"^another kind of error\nExpected ValueError for p=2, got KeyError"):
        checks.raises(ValueError, lambda: {}["p"], mention="p", case="p=2")
    with pytest.raises(Mistake, match=r"got TypeError$"):
        checks.raises(ValueError, lambda: (_ for _ in ()).throw(TypeError), mention="p", case="p=2")
    with pytest.raises(NotImplementedError):  # an empty task is no mistake
        checks.raises(ValueError, lambda: (_ for _ in ()).throw(NotImplementedError), mention="p", case="p=2")


def test_a_task_not_yet_written_says_so_in_one_line():
    with pytest.raises(NotImplementedError, match="not written yet") as caught:
        raise checks.Unwritten
    assert caught.value._render_traceback_() == ["This task is not written yet."]


def test_batched():
    checks.batched(lambda n: torch.ones(n, 3) @ torch.ones(3))
    with pytest.raises(Mistake, match=r"^loops over the examples\n2 examples took"):
        checks.batched(lambda n: torch.stack([row.sum() for row in torch.ones(n, 3)]))


def draw_and_reseed(generator):
    torch.manual_seed(0)
    return torch.rand(3, generator=generator)


def test_draws():
    checks.draws(lambda generator: torch.rand(3, generator=generator))
    with pytest.raises(Mistake, match=r"^ignores the generator"):
        checks.draws(lambda generator: torch.rand(3))
    torch.manual_seed(0)
    with pytest.raises(Mistake, match=r"^moves torch's own generator"):
        checks.draws(draw_and_reseed)
    with pytest.raises(Mistake, match=r"^ignores the generator"):
        checks.draws(lambda generator: torch.rand(3, generator=torch.manual_seed(0)))
    with pytest.raises(Mistake, match=r"^always draws the same"):
        checks.draws(lambda generator: torch.rand(3, generator=torch.Generator().manual_seed(7)))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x * torch.rand_like(x),
        lambda x: x * torch.ones(3, device=x.device),
        lambda x: x * torch.tensor(2.0),  # a number may live anywhere
        lambda x: x * float(x.sum()),  # looks at values: nothing to be said about it
        lambda x: x[x > 0],
        lambda x: x[torch.tensor([2, 0])],  # torch takes indices that lie on the CPU
        lambda x: x.clone().index_put_((torch.tensor([1]),), x[:1]),
        lambda x: x.clone().__setitem__(torch.arange(2), 0.5),
    ],
)
def test_on_meta_passes(call):
    checks.on_meta(call, torch.ones(3))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x * torch.rand(3),
        lambda x: x @ torch.ones(3),
        lambda x: x.masked_fill(torch.rand(3) < 0.5, 0.0),
        lambda x: torch.stack([x, torch.zeros(3)]),
        lambda x: x.index_select(0, torch.tensor([0])),
        lambda x: x.clone().__setitem__(torch.arange(2), torch.zeros(2)),
        lambda x: torch.ones(3)[x.long()],
    ],
)
def test_on_meta_sees_a_forgotten_device(call):
    with pytest.raises(Mistake, match=r"^forgets the device"):
        checks.on_meta(call, torch.ones(3))


def test_on_meta_passes_other_errors_on():
    with pytest.raises(NotImplementedError):
        checks.on_meta(lambda x: (_ for _ in ()).throw(NotImplementedError), ONES)
    with pytest.raises(RuntimeError, match="broadcast"):
        checks.on_meta(lambda x: x + torch.ones(3, device=x.device), ONES)


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.dropout(ONES),
        lambda: torch.dropout(ONES, 0.5, True),
        lambda: nn.Dropout()(ONES),
        lambda: ONES.clone().requires_grad_().sum().backward(),
        lambda: torch.func.grad(lambda x: x.sum())(ONES),
    ],
)
def test_forbid(call):
    with (
        pytest.raises(Mistake, match=r"^calls torch's (dropout|backward|grad)"),
        checks.forbid("dropout", "backward", "grad"),
    ):
        call()
    call()  # and allowed again


def test_forbid_lets_other_functions_pass():
    with checks.forbid("dropout"):
        assert torch.equal(F.relu(ONES), ONES)


@pytest.mark.parametrize(("length", "shown"), [(198, 200), (199, 202)])
def test_long_values_are_cut_at_two_hundred_characters(length, shown):
    text = checks._brief("x" * length)  # two quotes are added
    assert len(text) == shown
    assert text.endswith("…") == (shown > 200)
