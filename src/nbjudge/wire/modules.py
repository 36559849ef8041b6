"""Modules across the wire: mirrors of modules that stay where they are, and copies of torch's own by recipe.

A module of the student's (or one that the test defines) stays at its end. The other end sees a `Mirror`: a module with
the same parameters, buffers, submodules and training flag, whose forward pass is a request. Torch's standard modules
of the judge go over by recipe, class and attributes, and run at the contestant. What changes in either, at either end,
rides along with the next message.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim import Optimizer

from nbjudge.wire import optimizers
from nbjudge.wire.frames import WireError
from nbjudge.wire.mirrors import METHODS, mirror_class
from nbjudge.wire.names import NN, name_of
from nbjudge.wire.tensors import parts
from nbjudge.wire.values import Buffers, Form

if TYPE_CHECKING:
    from nbjudge.wire.sharing import Sharing

INTERNAL = {*nn.Module().__dict__, "_flat_weights", "_flat_weight_refs"}  # what no recipe names
PLAIN = (bool, int, float, str, type(None))
MOST = 10_000  # names in one module


class Modules:
    """The modules and optimizers that one end handed out or was handed."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self.kinds: dict[str, Callable[[list[Form], Buffers], Any]] = {
            "module": lambda form, buffers: self._module(buffers, *parts(form, 5)),
            "optimizer": lambda form, buffers: optimizers.decode(self, buffers, *parts(form, 4)),
        }
        if sharing.sign < 0:
            self.kinds["recipe"] = lambda form, buffers: self._copy(buffers, *parts(form, 4))
        self._known: dict[tuple[bool, int], tuple[weakref.ref[Any], Any]] = {}  # (mine, handle): its last state

    @property
    def judging(self) -> bool:
        return self.sharing.sign > 0

    @property
    def peer(self) -> Any:
        return self.sharing.peer

    def encode(self, value: Any, buffers: Buffers) -> Form:
        """The form of a module or optimizer, else NotImplemented."""
        if isinstance(value, Optimizer):
            return optimizers.encode(self, value, buffers)
        if not isinstance(value, nn.Module):
            return NotImplemented
        number = self.peer.export(value)
        state = self._state(value, buffers)
        self.remember(True, number, value)
        kind = name_of(type(value))
        if (
            self.judging
            and kind in NN
            and not _hooks(value)
            and (about := self._attributes(value, buffers)) is not None
        ):
            return ["recipe", number, kind, state, about]
        base = next((name for c in type(value).__mro__ if (name := name_of(c)) in NN), None)
        plain = {key: item for key, item in vars(value).items() if key not in INTERNAL and type(item) in PLAIN}
        about = plain if self.judging else _own(value)
        return ["module", number, type(value).__name__[:100], base, state, about]

    def _attributes(self, value: nn.Module, buffers: Buffers) -> Form | None:
        """What a recipe says of a module besides its tensors; None if there is something that no recipe can say."""
        about = {key: item for key, item in vars(value).items() if key not in INTERNAL}
        return self.peer.encode(about, buffers) if all(map(_plain, about.values())) else None

    def _state(self, value: nn.Module, buffers: Buffers) -> Form:
        share = self.sharing.share
        return [
            value.training,
            [[name, item if item is None else share(item, buffers)] for name, item in value._parameters.items()],
            [
                [name, item if item is None else share(item, buffers, state=True)]
                for name, item in value._buffers.items()
            ],
            [[name, self.peer.encode(item, buffers)] for name, item in value._modules.items()],
            sorted(value._non_persistent_buffers_set),
        ]

    def _module(self, buffers: Buffers, number: Any, name: Any, base: Any, state: Any, about: Any) -> nn.Module:
        if type(name) is not str or (base is not None and (type(base) is not str or base not in NN)):
            raise WireError("a module without its class")
        cls = mirror_class(None if base is None else NN[base])
        module = self.sharing.stand_in(number, lambda: cls(self.peer, name, self.judging))
        if not isinstance(module, cls):
            raise WireError("a module that was another object")
        if self.judging:
            module.override([method for method in about if method in METHODS] if type(about) is list else [])
        else:
            vars(module).update(about)
        self._restore(module, state, buffers)
        self.remember(False, number, module)
        return module

    def _copy(self, buffers: Buffers, number: Any, kind: Any, state: Any, about: Form) -> nn.Module:
        """A module of torch's own, made by the judge's recipe; only the contestant makes such."""

        def make() -> nn.Module:
            cls: type[nn.Module] = NN[kind]
            module = cls.__new__(cls)
            nn.Module.__init__(module)
            return module

        module: nn.Module = self.sharing.stand_in(number, make)
        self._restore(module, state, buffers)
        vars(module).update(self.peer.decode(about, buffers))
        if isinstance(module, nn.RNNBase):
            module._init_flat_weights()  # lists of its own parameters
        self.remember(False, number, module)
        return module

    def _restore(self, module: nn.Module, state: Any, buffers: Buffers) -> None:
        """Gives a module the parameters, buffers, submodules and flag that came."""
        training, parameters, others, inner, transient = parts(state, 5)
        if type(training) is not bool or type(transient) is not list or not all(type(n) is str for n in transient):
            raise WireError("a module's state that is none")
        _fill(module._parameters, self._named(parameters, nn.Parameter, buffers))
        _fill(module._buffers, self._named(others, Tensor, buffers))
        _fill(module._modules, self._named(inner, nn.Module, buffers))
        module.__dict__["training"] = training
        module._non_persistent_buffers_set = set(transient)

    def _named(self, pairs: Any, kind: type, buffers: Buffers) -> dict[str, Any]:
        if type(pairs) is not list or len(pairs) > MOST:
            raise WireError("a module's parts that are no list")
        found: dict[str, Any] = {}
        for name, form in (parts(pair, 2) for pair in pairs):
            value = self.peer.decode(form, buffers)
            if type(name) is not str or not (value is None or isinstance(value, kind)):
                raise WireError("a part of a module that is of another kind")
            found[name] = value
        return found

    # what rides along

    def remember(self, mine: bool, number: int, value: Any) -> None:
        """Both ends know the state of this module or optimizer now."""
        self._known[mine, number] = weakref.ref(value), signature(value)

    def changed(self, buffers: Buffers) -> list[Form]:
        """The states of those that changed here since both ends last agreed."""
        news = []
        for (mine, number), (ref, before) in list(self._known.items()):
            value = ref()
            if value is None or (mine and value not in self.peer.exports):
                del self._known[mine, number]
            elif signature(value) != before:
                is_module = isinstance(value, nn.Module)
                state = self._state(value, buffers) if is_module else optimizers.state(self, value, buffers)
                self.remember(mine, number, value)
                news.append([mine, number, state])
        return news

    def update(self, news: list[Any], buffers: Buffers) -> None:
        """Takes what the other end's `changed` says; of modules that are gone, nothing."""
        for mine, number, state in (parts(item, 3) for item in news):
            if type(mine) is not bool or type(number) is not int:
                raise WireError("a module without its number")
            known = self._known.get((not mine, number))
            value = known[0]() if known else None
            if isinstance(value, nn.Module):
                self._restore(value, state, buffers)
            elif value is not None:
                optimizers.restore(self, value, state, buffers)
            if value is not None:
                self.remember(not mine, number, value)


def signature(value: Any) -> Any:
    """What tells whether the structure of a module, or the options of an optimizer, changed."""
    if not isinstance(value, nn.Module):
        return optimizers.options(value)
    inner = (value._parameters, value._buffers, value._modules)
    return value.training, *((tuple(part), tuple(map(id, part.values()))) for part in inner)


def _fill(table: dict[str, Any], values: dict[str, Any]) -> None:
    if list(table) != list(values) or any(table[name] is not values[name] for name in values):
        table.clear()
        table.update(values)


def _hooks(value: nn.Module) -> bool:
    return any(item for key, item in vars(value).items() if key.endswith("_hooks"))


def _own(value: nn.Module) -> list[str]:
    """The methods of torch's modules that the student's class writes anew."""
    base: type = next((c for c in type(value).__mro__ if name_of(c) in NN), nn.Module)
    return [name for name in METHODS if getattr(type(value), name, None) is not getattr(base, name)]


def _plain(value: Any) -> bool:
    """May a recipe hold this?"""
    if type(value) in (list, tuple):
        return all(map(_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _plain(item) for key, item in value.items())
    return type(value) in PLAIN or isinstance(value, Tensor) or name_of(value) is not None
