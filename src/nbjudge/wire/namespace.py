"""The namespace in which the judge runs its test cells."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbjudge.wire.judge import Judge

SITE = {"copyright", "credits", "exit", "help", "license", "quit"}  # for the prompt; a student may call something so
PLAIN = {name: value for name, value in vars(builtins).items() if name not in SITE}


class Namespace(dict[str, Any]):
    """For `exec` of test cells: its own names, then Python's builtins, then the contestant's globals.

    What a test assigns stays here. But a test may take a student's global away, by `del`, to see what needs it: that
    happens at the contestant, and so does its coming back by an assignment or by `restore`.
    """

    judge: Judge

    def __init__(self) -> None:
        plain = {name: value for name, value in PLAIN.items() if not name.startswith("__")}
        super().__init__(plain, __name__="__main__", __builtins__=_Builtins(self))
        self._removed: set[str] = set()

    def __missing__(self, name: str) -> Any:
        if name in PLAIN:  # that the test has deleted
            return PLAIN[name]
        if name.startswith("__"):  # what Python itself looks up, such as __annotations__
            raise KeyError(name)
        return self.judge.fetch(name)

    def __delitem__(self, name: str) -> None:
        if name in self:
            super().__delitem__(name)
        else:
            self.judge.request("remove", name)
            self._removed.add(name)
            self.__class__ = _WithGaps

    def restore(self) -> None:
        """After a test: the student's globals that it took away are there again."""
        removed, self._removed = self._removed, set()
        self.__class__ = Namespace
        for name in sorted(removed):
            self.judge.request("restore", name)


class _WithGaps(Namespace):
    """After a test has taken a global away; most never do, and each of their assignments would ask."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self._removed:
            self.judge.request("assign", name, value)
            self._removed.discard(name)
        else:
            super().__setitem__(name, value)


class _Builtins(dict[str, Any]):
    """Python's builtins; asks the namespace for other names, since a class's body does not ask it itself."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(PLAIN)
        self._namespace = namespace

    def __missing__(self, name: str) -> Any:
        return self._namespace.__missing__(name)
