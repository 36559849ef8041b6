"""What the judge sees of a student's object: an opaque handle with few, explicit operations.

What an operation gives is computed by the student's code, and comes as a plain value or as another handle. Whatever
would let a student's object decide a test by itself (`==`, truth, order, `isinstance`) is refused, and so is what
cannot be carried; the message names the test cell's line and the way round.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nbjudge.wire.failures import Ended

if TYPE_CHECKING:
    from nbjudge.wire.judge import Judge

READABLE = {"__name__", "__qualname__", "__doc__", "__version__"}  # of the names that Python keeps to itself
ARITHMETIC = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]
SINGLE = ["neg", "pos", "abs", "invert"]
ORDER = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
BY_VALUE = "compare what it holds or returns: numbers, strings, lists and tensors come as values"


refusals: list[str] = []  # in this process: a test may swallow them, and then takes a right answer for a wrong one


class Refused(Exception):  # noqa: N818  (what the judge does)
    """The test cell asks of a student's object, or for it, what the judge does not carry; see the way round."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        refusals.append(message)


class Withheld(Refused, AttributeError):  # noqa: N818
    """An attribute that the judge does not carry; for `hasattr` it is not there."""

    def __init__(self, message: str) -> None:
        AttributeError.__init__(self, message)


class StudentObject:
    """An object of the student's, by its handle."""

    __slots__ = ("__weakref__", "_nbjudge_judge", "_nbjudge_label", "_nbjudge_name")

    def __init__(self, judge: Judge, name: str) -> None:
        object.__setattr__(self, "_nbjudge_judge", judge)
        object.__setattr__(self, "_nbjudge_name", name)
        object.__setattr__(self, "_nbjudge_label", "")  # under which the test asked for it

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # read by `isinstance`
        raise Refused(refusal(self, "`isinstance`", "test what the object does, or what it returns"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name not in READABLE:
            raise Withheld(refusal(self, name, "test what the object does"))
        return labelled(self._nbjudge_judge.request("get", self, name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._nbjudge_judge.request("set", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._nbjudge_judge.request("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._nbjudge_judge.request("set_item", self, key, value)

    def __len__(self) -> int:
        return self._nbjudge_judge.exactly(int, "len", self)

    def __iter__(self) -> Iterator[Any]:
        judge = self._nbjudge_judge
        iterator = judge.request("iter", self)
        for _ in range(judge.caps.items):
            try:
                element = judge.request("next", iterator)
            except Ended:
                return
            yield element
        raise Refused(refusal(self, f"more than {judge.caps.items} elements", "take as many as the test needs"))

    def __next__(self) -> Any:
        try:
            return self._nbjudge_judge.request("next", self)
        except Ended:
            raise StopIteration from None

    def __float__(self) -> float:
        return self._nbjudge_judge.exactly(float, "convert", "float", self)

    def __int__(self) -> int:
        return self._nbjudge_judge.exactly(int, "convert", "int", self)

    def __str__(self) -> str:
        return self._nbjudge_judge.exactly(str, "convert", "str", self)

    def __repr__(self) -> str:
        return self._nbjudge_judge.exactly(str, "convert", "repr", self)


class StudentCallable(StudentObject):
    """An object of the student's that can be called: a function, a method, a class, …"""

    __slots__ = ()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._nbjudge_judge.call(self, list(arguments), named)


def labelled(value: Any, name: str) -> Any:
    """A value that a test asked for by a name; a proxy remembers it."""
    if type(value) is StudentCallable:
        object.__setattr__(value, "_nbjudge_label", name)
    return value


def refusal(value: StudentObject, what: str, instead: str) -> str:
    """A refusal's message: where in the test cell, what, and the way round."""
    judge, name = value._nbjudge_judge, value._nbjudge_name
    return f"{judge.where()}{what} on the student's {name!r} is not carried by the judge; {instead}."


def where(namespace: dict[str, Any]) -> str:
    """Which line of the code that runs in a namespace is running, as the start of a message."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals is not namespace:
        frame = frame.f_back  # type: ignore[assignment]
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}: " if frame is not None else ""


def _refuse(what: str, instead: str) -> Callable[..., Any]:
    def refused(self: StudentObject, *arguments: Any) -> Any:
        raise Refused(refusal(self, what, instead))

    return refused


def _operation(name: str, turned: bool = False) -> Callable[..., Any]:
    def operate(self: StudentObject, *other: Any) -> Any:
        result = self._nbjudge_judge.request("operate", name, [*other, self] if turned else [self, *other])
        if type(result) not in (StudentObject, StudentCallable):  # it was told what is expected: `abs(answer - right)`
            raise Refused(refusal(self, f"`{name}` that gives a value of type {type(result).__name__!r}", BY_VALUE))
        return result

    return operate


for _kind in (StudentObject, StudentCallable):
    _kind.__doc__ = property(lambda self: self.__getattr__("__doc__"))  # type: ignore[assignment]  # of its objects
REFUSED = {
    "__eq__": ("`==`", BY_VALUE),
    "__ne__": ("`!=`", BY_VALUE),
    **{f"__{name}__": (f"`{sign}`", BY_VALUE) for name, sign in ORDER.items()},
    "__bool__": ("the truth value", f"{BY_VALUE}, or ask `is None`"),
    "__hash__": ("`hash`, for a key or a set,", "use a list, or a key of your own"),
    "__instancecheck__": ("`isinstance` with a class", "test what the object does"),
    "__subclasscheck__": ("`issubclass` with a class", "test what its objects do"),
    "__mro_entries__": ("subclassing", "make objects of the student's class and test those"),
    "__copy__": ("`copy.copy`", "make a second object"),
    "__deepcopy__": ("`copy.deepcopy`", "make a second object"),
    "__reduce_ex__": ("pickling", "test the object itself"),
    "__enter__": ("`with`", "call a locked function that opens the context around student code"),
    "__exit__": ("`with`", "call a locked function that opens the context around student code"),
    "__delattr__": ("`del` of an attribute", "make a new object"),
    "__dir__": ("`dir`", "ask for the attributes by `hasattr`"),
}
for _name, (_what, _instead) in REFUSED.items():
    setattr(StudentObject, _name, _refuse(_what, _instead))
for _name in ARITHMETIC:
    setattr(StudentObject, f"__{_name}__", _operation(_name))
    setattr(StudentObject, f"__r{_name}__", _operation(_name, turned=True))
    setattr(StudentObject, f"__i{_name}__", _operation(f"i{_name}"))
for _name in SINGLE:
    setattr(StudentObject, f"__{_name}__", _operation(_name))
OPERATIONS = {
    name: getattr(operator, name if hasattr(operator, name) else f"{name}_")
    for name in [*ARITHMETIC, *(f"i{name}" for name in ARITHMETIC), *SINGLE]
}
