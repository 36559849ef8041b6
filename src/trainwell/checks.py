"""What the labs' test cells say: is an answer right and, where it is not, which mistake does it look like?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode
from torch.testing import assert_close
from torch.utils._pytree import tree_leaves, tree_map

REPEATS = ("Tensor-likes are", "Scalars are", "Expected ", "Absolute", "Relative", "Greatest relative")  # of torch
INDEXING = ("__getitem__", "__setitem__", "index_put", "index_put_")  # their indices may lie on the CPU


class Mistake(AssertionError):  # noqa: N818  (what it is called in the reports)
    """A known wrong way to do a task. The message's first line names it; class reports count these names."""


class Unwritten(NotImplementedError):  # noqa: N818  (it stands in the release notebook, as a sentence)
    """What a task raises until it is written; a notebook shows it in one line."""

    def __init__(self) -> None:
        super().__init__("this task is not written yet")

    def _render_traceback_(self) -> list[str]:  # read by IPython
        return ["This task is not written yet."]


def expect(
    actual: Any,
    right: Any,
    *,
    unless: Mapping[str, Any] | None = None,
    name: str = "the result",
    rtol: float | None = None,
    atol: float | None = None,
    see: str = "",
) -> None:
    """Compares an answer with the right one and, where they differ, with those of known mistakes.

    Shapes, dtypes and values are compared; NaN equals NaN. Tensors, numbers, strings and nested lists,
    tuples and dicts of them are understood.

    Args:
        actual: The student's answer.
        right: The right answer.
        unless: The name of a mistake, and the answer that it leads to.
        name: What is being compared, for the message.
        rtol: Relative tolerance; torch's own for the dtype when neither is given.
        atol: Absolute tolerance, given together with ``rtol``.
        see: The address of the section to read again.

    Raises:
        Mistake: If the answer is that of one of the mistakes.
        AssertionError: If it is wrong in another way.
    """
    problem = _difference(actual, right, rtol, atol)
    if problem is None:
        return
    lines = [f"{name}:", f"  expected  {_brief(right)}", f"  got       {_brief(actual)}", problem]
    lines += [f"Read again: {see}"] if see else []
    details = "\n".join(filter(None, lines))
    for mistake, wrong in (unless or {}).items():
        told_apart = _difference(wrong, right, rtol, atol) is not None
        if told_apart and _difference(actual, wrong, rtol, atol) is None:
            raise _mistake(mistake, details)
    raise _failure(AssertionError, f"not what was expected\n{details}")


def rule_out(mistake: str, shown: bool | Tensor, why: str) -> None:
    """Raises :class:`Mistake` with this name and reason where a mistake shows."""
    if bool(shown):
        raise _mistake(mistake, why)


def subset(total: Tensor, parts: Tensor) -> Tensor:
    """Which of some numbers add up to each total: how to read random masks off their effect.

    Args:
        total: Numbers, shape (...).
        parts: What may have been added, shape (..., k) or one that broadcasts to it, k at most about ten.

    Returns:
        The subset whose sum is nearest to the total, one truth value a part, shape (..., k).
    """
    k = parts.shape[-1]
    choices = (torch.arange(2**k)[:, None] >> torch.arange(k)) & 1  # every subset, as a row of zeros and ones
    sums = parts @ choices.T.to(parts)
    return choices[(total[..., None] - sums).abs().argmin(-1)].bool()


def unchanged(value: Tensor, before: Tensor, *, name: str = "the input") -> None:
    """Checks that a function left a tensor as it was; ``before`` is a copy made before the call."""
    if _difference(value, before, 0.0, 0.0) is not None:
        raise _mistake("changes its input", f"{name} was {_brief(before)} and is now {_brief(value)}.")


def raises(error: type[Exception], call: Callable[[], Any], *, mention: str, case: str) -> None:
    """Checks that a call is refused with an error of this kind.

    Its message has to hold ``mention``, the argument's name, as a word of its own; ``case`` says what was
    wrong with the call, as in ``a negative threshold``.
    """
    try:
        call()
    except (NameError, NotImplementedError):  # nothing written yet
        raise
    except Exception as caught:
        if not isinstance(caught, error):
            came = f"{type(caught).__name__}: {caught}".removesuffix(": ")
            raise _mistake("another kind of error", f"Expected {error.__name__} for {case}, got {came}") from None
        if re.search(rf"\b{re.escape(mention)}\b", str(caught)):
            return
        raise _mistake("unclear error", f"The message {str(caught)!r} should mention {mention!r}.") from None
    raise _mistake("no error for bad input", f"Expected {error.__name__} for {case}.")


def draws(call: Callable[[Generator], Any]) -> None:
    """Checks that ``call(generator)`` takes its random numbers from that generator and from nowhere else."""
    torch.rand(1)  # away from where a seed has just set it, so that setting it again shows
    state = torch.get_rng_state()
    first, again, other = (call(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    moved = not torch.equal(state, torch.get_rng_state())
    if _difference(first, again, 0.0, 0.0) is not None:
        raise _mistake("ignores the generator", "Equally seeded generators must give equal results.")
    same = _difference(first, other, 0.0, 0.0) is None
    if moved and same:
        raise _mistake("ignores the generator", "torch's own generator moves, and another seed gives no other result.")
    if moved:
        text = "Results follow the generator, but torch's own moves, too: is it seeded anew, or drawn from?"
        raise _mistake("moves torch's own generator", text)
    if same:
        raise _mistake("always draws the same numbers", "Another seed must give another result.")


def batched(call: Callable[[int], Any]) -> None:
    """Checks that ``call(n)``, with ``n`` examples, takes as many calls of torch for many examples as for few."""
    with _Calls() as few:
        call(2)
    with _Calls() as many:
        call(9)
    if many.count > few.count:
        raise _mistake("loops over the examples", f"2 examples took {few.count} calls of torch, 9 took {many.count}.")


class _Calls(TorchFunctionMode):
    """Counts the calls of torch's functions while it is open."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def on_meta(call: Callable[..., Any], *inputs: Tensor) -> None:
    """Runs ``call`` on the meta device, where tensors have shapes and no values.

    There a tensor that was made without ``device=`` meets one of another device, as it would on a GPU.
    Code that looks at values cannot run there; nothing is said about it.
    """
    try:
        with _OneDevice():
            call(*(value.to("meta") for value in inputs))
    except RuntimeError as error:
        text = str(error)
        if "device" in text and "item()" not in text:
            raise _mistake("forgets the device", f"On a GPU this stops with: {text}") from None
        if "meta" not in text.lower():
            raise


class _OneDevice(TorchFunctionMode):
    """Refuses tensors of two devices in one call, which some functions let pass on the meta device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", str(func))
        free = {id(index) for index in tree_leaves(args[1])} if name in INDEXING else set()
        tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor) and value.dim() > 0]
        if len({value.device for value in tensors if not (value.is_cpu and id(value) in free)}) > 1:
            raise RuntimeError(f"tensors on more than one device in {name}")
        return func(*args, **(kwargs or {}))


class forbid(TorchFunctionMode):  # noqa: N801  (a context, used like a function)
    """While it is open, calls of these functions of torch fail: the task asks to write them out.

    Args:
        names: Names without their module, such as ``"dropout"``, which stands for all torch functions of that name.
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = frozenset(names)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (name := getattr(func, "__name__", "")) in self.names:
            raise _mistake(f"calls torch's {name}", "The task asks you to write it yourself.")
        return func(*args, **(kwargs or {}))


def _mistake(name: str, text: str) -> AssertionError:
    return _failure(Mistake, f"{name}\n{text}")


def _failure(kind: type[AssertionError], text: str) -> AssertionError:
    """An error that a notebook shows by its text alone, without the way through this file."""
    error = kind(text)
    error._render_traceback_ = lambda: [f"{kind.__name__}: {text}"]  # type: ignore[attr-defined]  # read by IPython
    return error


def _difference(actual: Any, right: Any, rtol: float | None, atol: float | None) -> str | None:
    """How two values differ, in words, or None where they do not."""
    if actual is None and right is not None:
        return "The function returned None: is there a `return`?"
    if isinstance(right, str | bool):
        return None if type(actual) is type(right) and actual == right else "They differ."
    try:
        assert_close(tree_map(_plain, actual), tree_map(_plain, right), rtol=rtol, atol=atol, equal_nan=True)
    except TypeError:
        return _kinds(actual, right)
    except (AssertionError, ValueError) as error:
        text = str(error).replace("The failure occurred for", "They differ in")
        return "\n".join(line for line in text.splitlines() if line and not line.startswith(REPEATS))
    return None


def _kinds(actual: Any, right: Any) -> str | None:
    """Of which types two values are or, where they are of the same, their first parts that are not, or differ."""
    for first, other in [(right, actual), *zip(tree_leaves(right), tree_leaves(actual), strict=False)]:
        if type(first) is not type(other):
            inside = " inside" if type(actual) is type(right) else ""
            return f"Expected type {type(first).__name__} and got type {type(other).__name__}{inside}."
    return None if actual == right else "They differ."  # words in a list, say, which are not compared as numbers


def _plain(value: Any) -> Any:
    """Tensors without their graph and whole numbers as floats, so that only values count."""
    if isinstance(value, Tensor):
        return value.detach()
    return float(value) if type(value) is int else value


def _brief(value: Any, most: int = 8) -> str:
    """A value on one line, shortened; of large tensors the shape and the ends."""
    if not isinstance(value, Tensor):
        text = " ".join(repr(value).split())
        return text if len(text) <= 200 else text[:200] + " …"
    value = value.detach()
    with torch._tensor_str.printoptions(threshold=most, edgeitems=2):
        text = " ".join(str(value).split())
    return text if value.numel() <= most else f"{text} of shape {tuple(value.shape)}"
