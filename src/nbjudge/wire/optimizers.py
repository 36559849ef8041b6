"""Optimizers across the wire: the options of their groups are at both ends, their steps are made where they are.

A student's subclass of `Optimizer` steps the judge's parameters at the contestant; what changed in them comes back.
An optimizer of the judge's that is handed over makes its steps at the judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim import Optimizer

from nbjudge.wire.frames import WireError
from nbjudge.wire.values import Buffers, Form

if TYPE_CHECKING:
    from nbjudge.wire.modules import Modules

PLAIN = (bool, int, float, str, type(None))
REMOTE = ("step", "state_dict", "load_state_dict", "add_param_group")


class OptimizerMirror(Optimizer):
    """An optimizer of the other end."""

    def __init__(self, peer: Any, name: str, groups: list[dict[str, Any]], methods: dict[str, Any]) -> None:
        vars(self).update(_nbjudge_judge=peer, _nbjudge_name=name, _nbjudge_methods=methods)
        super().__init__(groups, {})

    def _nbjudge_call(self, name: str, *arguments: Any) -> Any:
        peer, methods = self._nbjudge_judge, self._nbjudge_methods
        method = methods[name] if methods else peer.request("get", self, name)
        return method(*arguments)

    def step(self, closure: Any = None) -> Any:
        return self._nbjudge_call("step", *([] if closure is None else [closure]))

    def state_dict(self) -> Any:
        return self._nbjudge_call("state_dict")

    def load_state_dict(self, state_dict: Any) -> None:
        self._nbjudge_call("load_state_dict", state_dict)

    @property
    def state(self) -> Any:
        """Asked for anew each time; at the contestant there is none."""
        return {} if self._nbjudge_methods else self._nbjudge_judge.request("get", self, "state")

    @state.setter
    def state(self, value: Any) -> None:  # set by torch when an optimizer is made
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name.startswith("_nbjudge") or self._nbjudge_methods:
            raise AttributeError(name)
        return self._nbjudge_judge.request("get", self, name)


def encode(modules: Modules, value: Optimizer, buffers: Buffers) -> Form:
    """The form of an optimizer; the judge's methods go along as callbacks."""
    number = modules.peer.export(value)
    groups = [
        [[modules.peer.encode(tensor, buffers) for tensor in group["params"]], _options(group)]
        for group in value.param_groups
    ]
    methods = [[name, modules.peer.encode(getattr(value, name), buffers)] for name in REMOTE] if modules.judging else []
    modules.remember(True, number, value)
    return ["optimizer", number, type(value).__name__[:100], groups, methods]


def decode(modules: Modules, buffers: Buffers, number: Any, name: Any, groups: Any, methods: Any) -> Any:
    """The mirror of an optimizer."""
    if type(name) is not str or type(groups) is not list or type(methods) is not list:
        raise WireError("an optimizer without its groups")
    made = [_group(modules, group, buffers) for group in groups]
    calls = {} if modules.judging else {key: modules.peer.decode(form, buffers) for key, form in methods}

    def make() -> OptimizerMirror:
        try:
            return OptimizerMirror(modules.peer, name, made, calls)
        except (TypeError, ValueError) as error:
            raise WireError(f"groups of an optimizer: {error}") from None

    mirror = modules.sharing.stand_in(number, make)
    if not isinstance(mirror, OptimizerMirror):
        raise WireError("an optimizer that was another object")
    if len(mirror.param_groups) != len(made):
        mirror.param_groups[:] = made
    for group, news in zip(mirror.param_groups, made, strict=True):
        group.update(news)
    modules.remember(False, number, mirror)
    return mirror


def _group(modules: Modules, group: Any, buffers: Buffers) -> dict[str, Any]:
    if type(group) is not list or len(group) != 2 or type(group[0]) is not list:
        raise WireError("a group of an optimizer without its parameters")
    tensors = [modules.peer.decode(form, buffers) for form in group[0]]
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise WireError("a parameter that is no tensor")
    return {"params": tensors, **_checked(group[1])}


def _options(group: dict[str, Any]) -> dict[str, Any]:
    """A group's plain options."""
    return {key: _listed(item) for key, item in group.items() if key != "params" and type(key) is str and _plain(item)}


def _listed(item: Any) -> Any:
    return list(item) if type(item) is tuple else item


def _plain(item: Any) -> bool:
    return type(item) in PLAIN or (type(item) is tuple and all(type(part) in PLAIN for part in item))


def _checked(options: Any) -> dict[str, Any]:
    if type(options) is not dict or not all(type(key) is str and key != "params" for key in options):
        raise WireError("options of an optimizer that are none")
    found = {key: tuple(item) if type(item) is list else item for key, item in options.items()}
    if not all(map(_plain, found.values())):
        raise WireError("an option of an optimizer that is not plain")
    return found


def options(value: Optimizer) -> list[dict[str, Any]]:
    """The plain options of all groups."""
    return [_options(group) for group in value.param_groups]


def state(modules: Modules, value: Optimizer, buffers: Buffers) -> Form:
    """The form of what may change in an optimizer: its options."""
    return options(value)


def restore(modules: Modules, value: Optimizer, form: Form, buffers: Buffers) -> None:
    """Gives an optimizer the options that came."""
    if type(form) is not list:
        raise WireError("options of an optimizer that are none")
    for group, news in zip(value.param_groups, map(_checked, form), strict=False):
        group.update(news)
