"""What stands in for a module of the other end: its tensors are here, its code is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from torch import nn

from nbjudge.wire.proxies import Refused, where

METHODS = {
    *("train", "eval", "zero_grad", "state_dict", "load_state_dict", "requires_grad_", "extra_repr"),
    *("parameters", "named_parameters", "buffers", "named_buffers"),
    *("children", "named_children", "modules", "named_modules"),
}  # a student's class may write them anew
HOOKS = (
    *("register_forward_hook", "register_forward_pre_hook"),
    *("register_full_backward_hook", "register_full_backward_pre_hook"),
)


class Mirror(nn.Module):
    """A module of the other end. Its forward pass, and at the judge its own attributes, are requests."""

    def __init__(self, peer: Any, name: str, judging: bool) -> None:
        nn.Module.__init__(self)
        vars(self).update(_nbjudge_judge=peer, _nbjudge_name=name, _nbjudge_judging=judging)
        if judging:
            self.override(HOOKS)

    def override(self, names: Iterable[str]) -> None:
        """Has these methods done by the other end."""
        for name in names:
            vars(self)[name] = self._remote(name)

    def _remote(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            peer = self._nbjudge_judge
            return peer.request("call", peer.request("get", self, name), list(arguments), named)

        return call

    def forward(self, *arguments: Any, **named: Any) -> Any:
        return vars(self)["_nbjudge_judge"].request("call", self, list(arguments), named)

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            if name in vars(self).get(table, ()):
                return vars(self)[table][name]
        if name.startswith("__") or not vars(self).get("_nbjudge_judging"):
            raise AttributeError(f"{vars(self).get('_nbjudge_name')!r} object has no attribute {name!r}")
        return vars(self)["_nbjudge_judge"].request("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        here = name[0] == "_" or name == "training" or isinstance(value, nn.Parameter | nn.Module)
        tables = [vars(self).get(table, ()) for table in ("_parameters", "_buffers", "_modules")]
        if here or not vars(self).get("_nbjudge_judging") or any(name in table for table in tables):
            nn.Module.__setattr__(self, name, value)
        else:
            vars(self)["_nbjudge_judge"].request("set", self, name, value)

    def _get_name(self) -> str:
        return str(vars(self)["_nbjudge_name"])

    def __deepcopy__(self, memo: Any) -> Any:
        raise Refused(self._refusal("`copy.deepcopy`", "make a second object"))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise Refused(self._refusal("copying or pickling", "use its `state_dict()`"))

    def _refusal(self, what: str, instead: str) -> str:
        peer = vars(self)["_nbjudge_judge"]
        line = where(peer.namespace) if vars(self)["_nbjudge_judging"] else ""
        return f"{line}{what} of the module {self._get_name()!r} is not carried by the judge; {instead}."


@cache
def mirror_class(base: type[nn.Module] | None) -> type[Mirror]:
    """Mirrors that are also of one of torch's classes, as `isinstance` sees it."""
    return Mirror if base is None else type(base.__name__, (Mirror, base), {"__module__": __name__})
