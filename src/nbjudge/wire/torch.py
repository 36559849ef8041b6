"""The extension of a peer that carries torch's values: what differs between the judge and the contestant.

The judge says where its random numbers stand, whether gradients are recorded, whether a mode of the test is open and
whether changed inputs may come back. The contestant says whether it drew random numbers, and which functions of torch
it called. What it changed comes back by the in-place rule alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nbjudge.wire.frames import WireError
from nbjudge.wire.inplace import Tainted
from nbjudge.wire.modes import Recorder, open_modes, replay, take_out
from nbjudge.wire.rides import CHANGED, Rides
from nbjudge.wire.tensors import FUNC
from nbjudge.wire.twins import HIDDEN, LEAF, STATE, Twin
from nbjudge.wire.values import Buffers, Form, taken


class TorchOfJudge(Rides):
    """Torch's values at the judge."""

    sign = 1

    def __init__(self, peer: Any) -> None:
        super().__init__(peer)
        self.tainted = Tainted()
        self._asked: list[tuple[int, bool]] = []  # own requests without a reply; whether inputs may change
        self._records: list[tuple[Form, Buffers]] = []
        self._objection: Exception | None = None

    def check(self, tensor: Tensor) -> None:
        self.tainted.check(tensor)

    def leave(self, ride: dict[str, Any], message: dict[str, Any], buffers: Buffers) -> None:
        if torch._C._functorch.peek_interpreter_stack() is not None:
            raise TypeError(FUNC)
        if (state := self.globals.news()) is not None:
            buffers.append(memoryview(state))
            ride["random"] = len(buffers) - 1
        if "ask" in message:
            if not self._asked:  # what an abandoned request left behind
                self._records, self._objection, self.peer.objection = [], None, None
            in_place = bool(getattr(self.peer, "in_place", False))
            self._asked = [asked for asked in self._asked if asked[0] < message["number"]]
            self._asked.append((message["number"], in_place))
            if in_place:
                ride["in place"] = True
            if not torch.is_grad_enabled():
                ride["grad"] = False
            if torch._C._len_torch_function_stack() and any(mode is not self.tainted for mode in open_modes()):
                ride["record"] = True

    def arrive(self, ride: dict[str, Any], message: dict[str, Any], buffers: Buffers) -> None:
        if ride.get("moved") is True:
            self.globals.step()
        if "calls" in ride:
            self._records.append((ride["calls"], buffers))
        if "ask" not in message:
            self._asked = [asked for asked in self._asked if asked[0] != message.get("number")]
        self.tainted.tidy()

    def after_receive(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Takes what rode along; what the test's modes have against it becomes the peer's objection."""
        super().after_receive(peer, message, buffers)
        if self._asked and "ask" not in message:
            return
        if "ask" not in message:
            self._replay()
            peer.objection, self._objection = self._objection, None

    def _replay(self) -> None:
        records, self._records = self._records, []
        try:
            for form, buffers in records:
                replay(form, buffers)
        except WireError:
            raise
        except Exception as error:
            self._objection = self._objection or error

    def take_news(self, twin: Twin, tensor: Tensor, data: Form, buffers: Buffers, quiet: bool) -> None:
        """By the in-place rule: new values are taken, or the tensor is not to be used again."""
        theirs = not self.twins.mine(twin.name)
        allowed = twin.kind == STATE or (twin.kind == LEAF and theirs) or (bool(self._asked) and self._asked[-1][1])
        if twin.kind == HIDDEN:
            raise WireError("new values of a tensor that has none here")
        if data != CHANGED and allowed:
            super().take_news(twin, tensor, data, buffers, quiet)
        else:
            self.tainted.add(tensor, returned=theirs)


class TorchOfContestant(Rides):
    """Torch's values at the contestant."""

    sign = -1

    def loyal(self, twin: Twin, tensor: Tensor) -> bool:
        return self._in_place or not (twin.spoiled or any(twin.news(tensor)))

    def report(self, twin: Twin, tensor: Tensor, buffers: Buffers) -> None:
        if any(news := twin.news(tensor)):
            self.reports.append(self.change(twin, tensor, *news, buffers))

    def news_of(self, twin: Twin, tensor: Tensor, buffers: Buffers) -> Form:
        comes = twin.kind == STATE or (twin.kind == LEAF and self.twins.mine(twin.name)) or self._in_place
        try:
            if comes:
                return super().news_of(twin, tensor, buffers)
        except TypeError:  # it became something that cannot cross
            pass
        twin.spoiled = True
        return CHANGED

    @property
    def _in_place(self) -> bool:
        return bool(self.frames) and self.frames[-1].in_place

    def leave(self, ride: dict[str, Any], message: dict[str, Any], buffers: Buffers) -> None:
        if self.globals.news() is not None:
            ride["moved"] = True
        if "ask" in message and not torch.is_grad_enabled():
            ride["grad"] = False
        recorder = self.frames[-1].recorder if self.frames else None
        if recorder is not None:
            ride["calls"] = recorder.take(buffers)
            if "ask" not in message:
                take_out(recorder)

    def arrive(self, ride: dict[str, Any], message: dict[str, Any], buffers: Buffers) -> None:
        if "random" in ride:
            self.globals.take(taken(buffers, ride["random"]))
        if "ask" in message:
            self.frames[-1].in_place = ride.get("in place") is True
            if ride.get("record") is True:
                self.frames[-1].recorder = Recorder()
                self.frames[-1].recorder.__enter__()


def Torch(peer: Any, judging: bool) -> Rides:  # noqa: N802  (an extension's maker, as the peer calls it)
    """The extension of a peer for torch."""
    return TorchOfJudge(peer) if judging else TorchOfContestant(peer)
