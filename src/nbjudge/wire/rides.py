"""What rides along with each message for torch: tensors that changed, what died, graphs, generators, modules' flags."""

from __future__ import annotations

from array import array
from typing import Any

import torch
from torch import Tensor, nn

from nbjudge.wire.frames import WireError
from nbjudge.wire.modes import Recorder
from nbjudge.wire.randomness import Globals
from nbjudge.wire.sharing import Sharing
from nbjudge.wire.tensors import Faults, pack, parts, unpack
from nbjudge.wire.twins import STATE, Twin, gradient_of, write, write_gradient
from nbjudge.wire.values import Buffers, Form

LOOKUP = "global"  # runs no code of the student's, so nothing changes
SAME, CHANGED = 0, 1  # of data or a gradient that do not come along


class Frame:
    """What a request that is being served changes at this end until it is answered."""

    def __init__(self, number: Any, asked: Any, ride: dict[str, Any]) -> None:
        self.number, self.asked = number, asked
        self.held: list[Tensor] = []
        self.in_place = False  # whether changed inputs go back
        self.recorder: Recorder | None = None
        self._grad = torch.is_grad_enabled()
        torch._C._set_grad_enabled(ride.get("grad", True) is True)

    def close(self) -> None:
        torch._C._set_grad_enabled(self._grad)


class Rides(Sharing):
    """The extension of a peer for torch, as far as both ends are alike."""

    def __init__(self, peer: Any) -> None:
        super().__init__(peer)
        self.globals = Globals()
        self.frames: list[Frame] = []
        self.reports: list[Form] = []

    def agree(self) -> None:
        self.globals.news()

    def keep(self, tensor: Tensor) -> Tensor:
        if self.frames:
            self.frames[-1].held.append(tensor)
        return tensor

    def before_send(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Adds to a message what rides along, under "torch"."""
        asking = "ask" in message
        with torch._C.DisableTorchFunction():
            answered = None if asking else self._answering(message)
            lookup = LOOKUP in (answered, message.get("ask"))
            ride: dict[str, Any] = {}
            if self.outgoing:
                self.send_graph(ride, buffers, asking=asking, failed="error" in message)
            if dropped := self.twins.take_dropped() + self.graphs.take_freed():
                ride["dropped"] = array("q", dropped).tobytes()
            if asking or not lookup:
                changed = self.reports + [self.change(*news, buffers) for news in self.twins.changed()]
                self.reports = []
                if changed:
                    ride["changed"] = changed
            if not lookup:
                if generators := self.generators.changed(buffers):
                    ride["generators"] = generators
                if modules := self.modules.changed(buffers):
                    ride["modules"] = modules
                self.leave(ride, message, buffers)
            if answered:
                self.frames.pop().close()
            if ride:
                message["torch"] = ride

    def _answering(self, message: dict[str, Any]) -> Any:
        """What was asked for by the request to which this message replies."""
        return self.frames[-1].asked if self.frames and self.frames[-1].number == message["number"] else None

    def after_receive(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Takes what rode along with a message."""
        ride = message.get("torch", {})
        if type(ride) is not dict:
            raise WireError("what rides along is no map")
        with torch._C.DisableTorchFunction(), Faults():
            if "dropped" in ride:
                dropped = _numbers(ride["dropped"])
                self.twins.forget(dropped)
                self.graphs.forget(dropped)
            if "changed" in ride:
                for change in _list(ride["changed"]):
                    self._changed(buffers, *parts(change, 5))
            if "generators" in ride:
                self.generators.update(_list(ride["generators"]), buffers)
            if "ask" in message:
                self.frames.append(Frame(message.get("number"), message["ask"], ride))
            self.receive_graph(ride, buffers)
            if "modules" in ride:
                self.modules.update(_list(ride["modules"]), buffers)
            self.arrive(ride, message, buffers)

    def leave(self, ride: dict[str, Any], message: dict[str, Any], buffers: Buffers) -> None:
        """Adds what only this end says."""

    def arrive(self, ride: dict[str, Any], message: dict[str, Any], buffers: Buffers) -> None:
        """Takes what only the other end says."""

    def change(self, twin: Twin, tensor: Tensor, data: bool, gradient: bool, buffers: Buffers) -> Form:
        """The form of a change; after it both ends agree."""
        slope, quiet = gradient_of(tensor), twin.mark is not None and twin.mark.quiet(tensor)
        values = self.news_of(twin, tensor, buffers) if data else SAME
        slopes = SAME if not gradient else None if slope is None else [pack(slope, buffers)]
        twin.agree(tensor)
        return [twin.name, values, slopes, tensor.requires_grad, quiet]

    def news_of(self, twin: Twin, tensor: Tensor, buffers: Buffers) -> Form:
        """The new values of a tensor, or `CHANGED`."""
        return pack(tensor, buffers)

    def _changed(self, buffers: Buffers, name: Any, data: Any, gradient: Any, required: Any, quiet: Any) -> None:
        twin = self.twins.named(name)
        tensor = None if twin is None else twin.tensor()
        if twin is None or tensor is None:
            return  # it died here in the meantime
        if data != SAME:
            self.take_news(twin, tensor, data, buffers, quiet is True)
        if gradient != SAME:
            write_gradient(tensor, None if gradient is None else unpack(parts(gradient, 1)[0], buffers))
        if twin.kind == STATE and isinstance(tensor, nn.Parameter) and type(required) is bool:
            tensor.requires_grad_(required and (tensor.is_floating_point() or tensor.is_complex()))
        twin.agree(tensor)

    def take_news(self, twin: Twin, tensor: Tensor, data: Form, buffers: Buffers, quiet: bool) -> None:
        """Takes the new values of a tensor; quietly where autograd was not told of the change at the other end."""
        write(tensor.data if quiet else tensor, unpack(data, buffers))
        twin.spoiled = False


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _numbers(value: Any) -> list[int]:
    if type(value) is not bytes or len(value) % 8:
        raise WireError("numbers that are not of 64 bits")
    return array("q", value).tolist()
