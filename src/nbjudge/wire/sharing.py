"""Torch's values as forms: tensors by number and copy, the rest as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from nbjudge.wire.autograd import Gradients, Graphs
from nbjudge.wire.extension import Extension
from nbjudge.wire.frames import WireError
from nbjudge.wire.modules import Modules
from nbjudge.wire.names import name_of, named
from nbjudge.wire.randomness import Generators
from nbjudge.wire.tensors import DEVICES, NAME_OF, Faults, count, differentiable, dtype_of, pack, parts, unpack
from nbjudge.wire.twins import LEAF, PLAIN, STATE, Twin, Twins, gradient_of, write, write_gradient
from nbjudge.wire.values import Buffers, Form

REQUIRES, PARAMETER, BUFFER = 1, 2, 4  # flags of a tensor
PASSING = 0  # the number of a tensor that its end keeps no copy of: nothing can happen to it there any more
OWN = (torch.Size, torch.dtype, torch.device, Generator, Gradients)  # no other extension's


class Sharing(Extension):
    """What torch's values become on the wire, and what is made of what comes. The same at both ends."""

    sign = 0  # of the numbers that this end gives to tensors

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.twins = Twins(self.sign)
        self.graphs = Graphs(lambda *request: peer.request(*request), self.twins)
        self.generators = Generators(self.sign)
        self.modules = Modules(self)
        self.outgoing: list[Tensor] = []  # those of the message that is being made that have a graph
        self.arrived: list[Tensor] = []  # those of the message that came
        self.kinds = {kind: _hidden(decoder) for kind, decoder in self._decoders().items()}
        self.encoders = dict.fromkeys(OWN, self.encode) | dict.fromkeys((Tensor, nn.Parameter), self._tensor_form)
        self.operations: dict[str, Callable[..., Any]] = {
            "vjp": lambda peer, number, gradients, keep: self.graphs.product(number, gradients, keep),
            "backward": lambda peer, number, gradients, keep: self.graphs.backward(number, gradients, keep),
        }

    def _decoders(self) -> dict[str, Callable[[list[Form], Buffers], Any]]:
        return {
            "tensor": lambda form, buffers: self.keep(self._tensor(parts(form, 4), buffers)),
            "twin": lambda form, buffers: self.keep(self._twin(*parts(form, 1))),
            "graph": lambda form, buffers: self.keep(self._picked(*parts(form, 1))),
            "gradients": lambda form, buffers: Gradients(item and unpack(item, buffers) for item in form),
            "generator": self.generators.decode,
            "size": lambda form, buffers: _size(form),
            "dtype": lambda form, buffers: dtype_of(*parts(form, 1)),
            "device": lambda form, buffers: _device(*parts(form, 1)),
            **({"torch": lambda form, buffers: named(*parts(form, 1))} if self.sign < 0 else {}),
            **self.modules.kinds,
        }

    def encode(self, peer: Any, value: Any, buffers: Buffers) -> Form:
        """The form of one of torch's values, else NotImplemented.

        Raises:
            TypeError: If the value is one of torch's that cannot cross.
            Mistake: If it is a tensor that the student's code changed (judge).
        """
        with torch._C.DisableTorchFunction():
            return self._encode(value, buffers)

    def _tensor_form(self, peer: Any, tensor: Tensor, buffers: Buffers) -> Form:
        with torch._C.DisableTorchFunction():
            return self.share(tensor, buffers)

    def _encode(self, value: Any, buffers: Buffers) -> Form:
        kind = type(value)
        if isinstance(value, Tensor):
            return self.share(value, buffers)
        if kind is torch.Size:
            return ["size", *value]
        if kind is torch.dtype and value in NAME_OF:
            return ["dtype", NAME_OF[value]]
        if kind is torch.device:
            return ["device", str(value)]
        if kind is Generator:
            return self.generators.encode(value, buffers)
        if kind is Gradients:
            return ["gradients", *(None if item is None else pack(item, buffers) for item in value)]
        if self.sign > 0 and (name := name_of(value)) is not None:
            return ["torch", name]
        return self.modules.encode(value, buffers)

    def share(self, tensor: Tensor, buffers: Buffers, *, state: bool = False) -> Form:
        """The form of a tensor; `state` says that it is the buffer of a module, whose changes come back."""
        self.check(tensor)
        twin = self.twins.of(tensor)
        theirs = twin is not None and not self.twins.mine(twin.name)
        if tensor.requires_grad and not tensor.is_leaf:
            if twin is not None and theirs and not (twin.spoiled or any(twin.news(tensor))):
                return ["twin", twin.name]  # an argument, handed back as it came
            if twin is not None:
                self.report(twin, tensor, buffers)
            self.outgoing.append(tensor)
            return ["graph", len(self.outgoing) - 1]
        parameter = type(tensor) is not Tensor and isinstance(tensor, nn.Parameter)
        kind = STATE if state or parameter else LEAF if tensor.requires_grad else PLAIN
        if twin is not None and twin.kind in (LEAF, STATE) and kind in (twin.kind, PLAIN):
            return ["twin", twin.name]
        if twin is not None and not theirs and kind == twin.kind == PLAIN:
            self.report(twin, tensor, buffers)
        flags = REQUIRES * tensor.requires_grad | PARAMETER * parameter | BUFFER * state
        gradient = gradient_of(tensor)
        values = pack(tensor, buffers, strict=self.sign > 0)
        if twin is None and gradient is None and kind == PLAIN and id(tensor) in self.peer.passing:
            return ["tensor", PASSING, flags, values, None]
        slope = None if gradient is None else pack(gradient, buffers)
        return ["tensor", self._number(tensor, twin, kind), flags, values, slope]

    def _number(self, tensor: Tensor, twin: Twin | None, kind: str) -> int:
        """Under which number a tensor goes out."""
        if twin is not None and not self.twins.mine(twin.name) and kind == PLAIN:
            return twin.name if self.loyal(twin, tensor) else self.twins.fresh()
        name = twin.name if twin is not None and self.twins.mine(twin.name) else self.twins.fresh()
        self.twins.bind(name, tensor, kind)
        return name

    def check(self, tensor: Tensor) -> None:
        """Raises where a tensor is not to be handed over."""

    def report(self, twin: Twin, tensor: Tensor, buffers: Buffers) -> None:
        """Notes, where a tensor goes out once more, that what went out before it was changed."""

    def loyal(self, twin: Twin, tensor: Tensor) -> bool:
        """Whether a tensor of the other end goes back there as what it was there."""
        return True

    def keep(self, tensor: Tensor) -> Tensor:
        """Keeps an argument until the request is answered, so that what is done to it is noticed."""
        return tensor

    def stand_in(self, number: Any, make: Callable[[], Any]) -> Any:
        """What stands in here for an object of the other end; made where there is none yet."""
        return self.peer.standins.take(number, make)

    def _twin(self, name: Any) -> Tensor:
        twin = self.twins.named(name)
        tensor = None if twin is None else twin.tensor()
        if tensor is None:
            raise WireError("a tensor that is not held here")
        return tensor

    def _tensor(self, form: list[Any], buffers: Buffers) -> Tensor:
        name, flags, values, gradient = form
        if name == PASSING:
            return unpack(values, buffers)
        if type(flags) is not int or not 0 <= flags < 8:
            raise WireError("a tensor without flags")
        twin = self.twins.named(name)
        tensor = None if twin is None else twin.tensor()
        value, slope = unpack(values, buffers), None if gradient is None else unpack(gradient, buffers)
        if self.twins.mine(name):
            return value if tensor is None else tensor
        if twin is None or tensor is None or not self._fits(twin, tensor, flags):
            tensor = _made(value, flags)
        else:
            write(tensor, value)
        write_gradient(tensor, slope)
        self.twins.bind(name, tensor, STATE if flags & (PARAMETER | BUFFER) else LEAF if flags & REQUIRES else PLAIN)
        return tensor

    def _fits(self, twin: Twin, tensor: Tensor, flags: int) -> bool:
        """Whether a tensor that is held here takes the new values; else another is made of them."""
        same = isinstance(tensor, nn.Parameter) == bool(flags & PARAMETER)
        return same and tensor.requires_grad == bool(flags & REQUIRES) and (self.sign < 0 or twin.kind != PLAIN)

    def _picked(self, number: Any) -> Tensor:
        if type(number) is not int or not 0 <= number < len(self.arrived):
            raise WireError("a tensor that did not come with its graph")
        return self.arrived[number]

    def send_graph(self, ride: dict[str, Any], buffers: Buffers, *, asking: bool, failed: bool) -> None:
        """Lets the tensors of the message that have a graph ride along: arguments are lent, results kept."""
        tensors, self.outgoing = self.outgoing, []
        if tensors and asking:
            ride["lent"] = [self._lend(tensor, buffers) for tensor in tensors]
        elif tensors and not failed:
            ride["graph"] = [*self.graphs.keep(tensors), [pack(tensor, buffers) for tensor in tensors]]

    def _lend(self, tensor: Tensor, buffers: Buffers) -> list[Any]:
        name, values = self.twins.fresh(), pack(tensor, buffers, strict=self.sign > 0)
        self.twins.bind(name, tensor, PLAIN)
        return [name, self.graphs.lend(tensor), values]

    def receive_graph(self, ride: dict[str, Any], buffers: Buffers) -> None:
        """Makes what came with graphs, for the message's values to pick."""
        lent = ride.get("lent")
        self.arrived = [self._borrow(buffers, *parts(item, 3)) for item in lent] if type(lent) is list else []
        if "graph" in ride:
            number, leaves, forms = parts(ride["graph"], 3)
            values = [differentiable(unpack(form, buffers)) for form in (forms if type(forms) is list else [])]
            self.arrived = self.graphs.receive(number, leaves, lambda: values)

    def _borrow(self, buffers: Buffers, name: Any, link: Any, form: Any) -> Tensor:
        self.twins.named(name)
        if type(link) is not int or self.twins.mine(name) or self.twins.mine(link):
            raise WireError("a lent tensor without its numbers")
        tensor = self.graphs.borrow(link, differentiable(unpack(form, buffers)))
        self.twins.bind(name, tensor, PLAIN)
        return tensor


def _hidden(decoder: Callable[[list[Form], Buffers], Any]) -> Callable[[Any, list[Form], Buffers], Any]:
    """A decoder of which the test's modes see nothing."""

    def decode(peer: Any, form: list[Form], buffers: Buffers) -> Any:
        with torch._C.DisableTorchFunction(), Faults():
            return decoder(form, buffers)

    return decode


def _made(value: Tensor, flags: int) -> Tensor:
    if flags & REQUIRES:
        differentiable(value)
    if flags & PARAMETER:
        return nn.Parameter(value, requires_grad=bool(flags & REQUIRES))
    return value.requires_grad_(bool(flags & REQUIRES))


def _size(form: list[Form]) -> torch.Size:
    count(form)
    return torch.Size(form)


def _device(name: Any) -> torch.device:
    if name not in DEVICES:
        raise WireError("a device that there is not")
    return torch.device(name)
