"""Gradients across the wire. Each crossing cuts the graph, and a function of autograd stands at both ends of the cut.

A result that requires a gradient stays with its end as a *graph*: its outputs, and the leaves that they depend on. The
other end makes a `Received` of it, whose backward asks for the vector-Jacobian product. An argument that requires a
gradient and is no leaf is *lent*: the other end's `Lent` is what its graph begins with. Gradients for the leaves of a
graph are always summed up where the backward pass was started.

Derivatives of derivatives are refused: they would need graphs of the backward passes as well.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nbjudge.wire.frames import WireError
from nbjudge.wire.tensors import NAME_OF, parts, placeholder
from nbjudge.wire.twins import HIDDEN, PLAIN, Twins

MOST = 100_000  # graphs or lent tensors
ANCHOR = torch.zeros((), requires_grad=True)  # a result that requires a gradient does so whatever its inputs are
SECOND = "second derivatives (create_graph=True) do not go through the student's functions"

Ask = Callable[..., Any]


class Gradients(list[Tensor | None]):
    """Gradients on their way: they cross as values, without a number."""


class Graphs:
    """The graphs of one end that the other may ask for, and the links to those of the other end."""

    def __init__(self, ask: Ask, twins: Twins) -> None:
        self.ask, self.twins = ask, twins
        self.kept: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        self.lent: dict[int, Tensor] = {}
        self.freed: list[int] = []  # graphs of the other end that nothing here needs
        self.passing = 0  # how many backward passes of the other end run here
        self._links: dict[int, tuple[int, weakref.ref[Tensor]]] = {}  # by the leaf's id

    def keep(self, outputs: list[Tensor]) -> list[Any]:
        """Keeps the graph of these outputs; the form in which the other end learns of it, without the values."""
        leaves = leaves_of(outputs)
        number = self.twins.fresh()
        self.kept[number] = (outputs, leaves)
        return [number, [self._leaf(leaf) for leaf in leaves]]

    def _leaf(self, leaf: Tensor) -> list[Any]:
        link = self._links.get(id(leaf))
        if link is not None and link[1]() is leaf:
            return [link[0]]
        twin = self.twins.of(leaf)
        if twin is not None and (twin.kind != PLAIN or not self.twins.mine(twin.name)):
            return [twin.name]
        twin = self.twins.bind(self.twins.fresh(), leaf, HIDDEN)
        kind = [NAME_OF[leaf.dtype], leaf.device.type, type(leaf) is torch.nn.Parameter]
        return [twin.name, list(leaf.shape), *kind]

    def receive(self, number: Any, specs: Any, make: Callable[[], list[Tensor]]) -> list[Tensor]:
        """The outputs of a graph of the other end."""
        if type(number) is not int or type(specs) is not list:
            raise WireError("a graph has a number and leaves")
        found = [self._found(spec) for spec in specs]
        inputs = [leaf for leaf in found if leaf is not None]
        graph = _Graph(self, number, [leaf is not None for leaf in found])
        return list(Received.apply(graph, make, ANCHOR, *inputs))

    def _found(self, spec: Any) -> Tensor | None:
        """The tensor of this end that a leaf of the other end stands for; None where it is gone."""
        if type(spec) is not list or not spec or type(spec[0]) is not int:
            raise WireError("a leaf of a graph")
        if spec[0] in self.lent:
            return self.lent[spec[0]]
        twin = self.twins.named(spec[0])
        tensor = None if twin is None else twin.tensor()
        if tensor is not None or self.twins.mine(spec[0]):
            return tensor
        return self._hidden(*parts(spec, 5))

    def _hidden(self, name: int, shape: Any, dtype: Any, device: Any, parameter: Any) -> Tensor:
        empty = placeholder(shape, dtype)
        if not (empty.is_floating_point() or empty.is_complex()) or device not in ("cpu", "meta"):
            raise WireError("a leaf that cannot have a gradient")
        empty = empty.to("meta") if device == "meta" else empty
        leaf = torch.nn.Parameter(empty) if parameter is True else empty.requires_grad_()
        self.twins.bind(name, leaf, HIDDEN)
        return leaf

    def lend(self, tensor: Tensor) -> int:
        """Keeps an argument's graph until the other end's copy is gone."""
        if len(self.lent) >= MOST:
            raise WireError(f"more than {MOST} tensors are lent")
        number = self.twins.fresh()
        self.lent[number] = tensor
        return number

    def borrow(self, number: int, value: Tensor) -> Tensor:
        """An argument of the other end, as the beginning of a graph here."""
        leaf = placeholder(list(value.shape), NAME_OF[value.dtype]).to(value.device).requires_grad_()
        key = id(leaf)

        def gone(ref: weakref.ref[Tensor]) -> None:
            if key in self._links and self._links[key][1] is ref:
                del self._links[key]
            self.twins.dropped.add(number)

        self._links[key] = (number, weakref.ref(leaf, gone))
        return Lent.apply(self, number, lambda: value, leaf)

    def take_freed(self) -> list[int]:
        """The graphs of the other end that nothing here needs any more, once."""
        freed, self.freed = self.freed, []
        return freed

    def forget(self, names: Sequence[int]) -> None:
        """What the other end no longer needs, of what was kept and lent."""
        for name in names:
            self.kept.pop(name, None)
            self.lent.pop(name, None)

    def product(self, number: int, gradients: Gradients, keep: bool) -> Gradients:
        """The vector-Jacobian product of a graph, for its leaves; what the other end asks for by "vjp"."""
        if type(gradients) is not Gradients or number not in self.kept:
            raise WireError("a graph that is not kept")
        outputs, leaves = self.kept[number]
        pairs = [pair for pair in zip(outputs, gradients, strict=True) if pair[1] is not None]
        self.passing += 1
        try:
            tensors, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            found = torch.autograd.grad(tensors, leaves, wanted, retain_graph=True, allow_unused=True)
        finally:
            self.passing -= 1
            if keep is not True:
                self.kept.pop(number, None)
        return Gradients(found)

    def backward(self, number: int, gradients: Gradients, keep: bool) -> None:
        """Goes on with a backward pass of the other end; what it asks for by "backward"."""
        if type(gradients) is not Gradients or number not in self.lent or len(gradients) != 1:
            raise WireError("a tensor that is not lent")
        torch.autograd.backward([self.lent[number]], gradients, retain_graph=keep is True)


class _Graph:
    """A graph of the other end, kept there as long as this object lives."""

    def __init__(self, graphs: Graphs, number: int, known: list[bool]) -> None:
        self.graphs, self.number, self.known = graphs, number, known

    def product(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        found = self.graphs.ask("vjp", self.number, Gradients(gradients), keeps())
        if type(found) is not Gradients or len(found) != len(self.known):
            raise WireError("a product needs a gradient for each leaf")
        return [gradient for gradient, known in zip(found, self.known, strict=True) if known]

    def __del__(self) -> None:
        self.graphs.freed.append(self.number)


class Received(torch.autograd.Function):
    """Results of the other end, as functions of the leaves that they depend on."""

    @staticmethod
    def forward(ctx: Any, graph: _Graph, make: Callable[[], list[Tensor]], anchor: Tensor, *inputs: Tensor) -> Any:
        ctx.graph, ctx.kinds = graph, [(leaf.shape, leaf.dtype) for leaf in inputs]
        ctx.save_for_backward(anchor)  # torch frees it after a pass, and says so when there is a second one
        ctx.set_materialize_grads(False)
        return tuple(make())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        refuse_second_order()
        assert ctx.saved_tensors
        if all(gradient is None for gradient in gradients):
            return (None,) * (3 + len(ctx.kinds))
        found = ctx.graph.product(gradients)
        for gradient, kind in zip(found, ctx.kinds, strict=True):
            if gradient is not None and (gradient.shape, gradient.dtype) != kind:
                raise WireError("a gradient of another shape or dtype than its tensor")
        return (None, None, None, *found)


class Lent(torch.autograd.Function):
    """An argument that the other end computed. A pass that was started there ends here; one from here goes on there."""

    @staticmethod
    def forward(ctx: Any, graphs: Graphs, number: int, make: Callable[[], Tensor], leaf: Tensor) -> Tensor:
        ctx.graphs, ctx.number = graphs, number
        return make()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        refuse_second_order()
        if ctx.graphs.passing:
            return None, None, None, gradient
        ctx.graphs.ask("backward", ctx.number, Gradients([gradient]), keeps())
        return None, None, None, None


def refuse_second_order() -> None:
    """Raises where a backward pass is itself to be differentiated."""
    if torch.is_grad_enabled():
        raise RuntimeError(SECOND)


def keeps() -> bool:
    """Whether the running backward pass retains its graph."""
    return torch._C._autograd._get_current_graph_task_keep_graph()


def leaves_of(outputs: Sequence[Tensor]) -> list[Tensor]:
    """The leaves that require a gradient and that the outputs depend on."""
    todo: list[Any] = [output.grad_fn for output in outputs]
    seen, leaves = set(), []
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)  # held, so that no other node takes its identity
        if type(node).__name__ == "AccumulateGrad":
            leaves.append(node.variable)
        todo += [parent for parent, _ in node.next_functions]
    return leaves
