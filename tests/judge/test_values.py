"""Plain values: what crosses comes out equal and of the same type, what does not is told before it is sent or taken."""

from __future__ import annotations

import math
from collections import OrderedDict, namedtuple
from enum import IntEnum

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbjudge.wire.codec import Codec
from nbjudge.wire.frames import Caps, WireError

CAPS = Caps()


class Loop(Codec):
    """Encodes and decodes at one end; of what no extension carries the form is a handle."""

    def hand_out(self, value):
        return ["handle", self.export(value), type(value).__name__, False]

    def stand_in(self, number, name, can_call):
        return Handle(name)


class Handle:
    """What a value became that did not cross."""

    def __init__(self, name):
        self.name = name


def crossed(value, caps=CAPS):
    """A value at the other end."""
    one, other = Loop(caps), Loop(caps)
    buffers: list = []
    structure = msgpack.packb(one.encode(value, buffers), unicode_errors="surrogatepass")
    form = msgpack.unpackb(structure, unicode_errors="surrogatepass", max_array_len=caps.array)
    return other.decode(form, [bytearray(buffer) for buffer in buffers])


def same(one, other):
    """Equal, of the same types all the way down, and NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) in (dict, OrderedDict):
        return same(list(one.items()), list(other.items()))
    if type(one) is float:
        return (one, math.copysign(1, one)) == (other, math.copysign(1, other)) or (one != one and other != other)
    if type(one) in (set, frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return one == other if type(one) is int else repr(one) == repr(other)


numbers = st.integers() | st.integers(-(2**64), 2**64) | st.floats() | st.booleans()
texts = st.text(st.characters(), max_size=20) | st.binary(max_size=20)
scalars = st.none() | numbers | texts | st.complex_numbers(allow_nan=False) | st.just(...)
keys = st.none() | st.integers(-(2**63), 2**63 - 1) | texts | st.tuples(texts, st.integers(-9, 9))
ranges = st.builds(range, st.integers(-5, 5), st.integers(-100_000, 100_000), st.sampled_from([1, -1, 7]))
slices = st.builds(slice, st.none() | st.integers(), st.integers(), st.none() | st.integers())


def containers(inner):
    return (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(keys, inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=5).map(OrderedDict)
        | st.sets(keys, max_size=5)
        | st.frozensets(keys, max_size=5)
    )


values = st.recursive(scalars | ranges | slices, containers, max_leaves=20)


@settings(derandomize=True, max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(values)
def test_plain_values_cross_as_they_are(value):
    assert same(crossed(value), value)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 5000,
        "ü" * 3000 + "\ud800",
        b"x" * 70_000,
        [0.5, math.nan, -0.0] * 1000,
        list(range(5000)),
        [2**70] * 2000,
        [True] * 2000,
        [1, 2.0] * 1000,
        ["a"] * 40_000,
        {i: str(i) for i in range(20_000)},
        set(range(20_000)),
        tuple(range(20_000)),
        10**15_000,
        -(10**15_000),
        {frozenset({1}): (), (1, ("a",)): [], 1.5: {}},
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_large_values_cross_as_they_are(value):
    assert same(crossed(value), value)


@pytest.mark.parametrize("value", [int, len, math.sqrt, ValueError, sorted, dict, StopIteration, OSError], ids=repr)
def test_what_is_on_the_fixed_list_is_the_other_end_s_own(value):
    assert crossed(value) is value


Point = namedtuple("Point", "x y")


class Sly(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


Level = IntEnum("Level", "low high")


class Words(str):
    pass


class Truthy(dict):
    pass


@pytest.mark.parametrize("value", [Sly(3), Point(1, 2), Level.low, Words("a"), Truthy(), bytearray(b"x"), print, eval])
def test_everything_else_stays_where_it_is(value):
    assert type(crossed(value)) is Handle
    assert type(crossed([value])[0]) is Handle


@pytest.mark.parametrize(
    "key", [Sly(3), Level.low, Point(1, 2), 2**64, (1, Sly(2)), object()], ids=lambda key: type(key).__name__
)
def test_a_dict_or_set_with_another_kind_of_key_stays_where_it_is(key):
    assert [type(crossed(value)) for value in ({key: 1}, {key}, frozenset({key}), OrderedDict({key: 1}))] == [
        Handle
    ] * 4


def ring():
    value: list = []
    value.append({"again": value})
    return value


def laughs():
    value: list = ["ha"]
    for _ in range(25):
        value = [value, value]
    return value


def deep(levels):
    value = None
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (ring(), "holds itself"),
        (deep(65), "64 levels"),
        ([None] * 600_000, "elements"),
        ([0.0] * 600_000, "elements"),
        (1 << 270_000, "bits"),
        ("x" * ((1 << 26) + 1), "text"),
    ],
    ids=["ring", "deep", "long", "floats", "int", "text"],
)
def test_what_is_too_much_is_told_before_it_is_sent(value, why):
    with pytest.raises(ValueError, match=why):
        crossed(value)


def test_few_objects_that_unfold_to_many_are_told_before_they_are_sent():
    with pytest.raises(ValueError, match="elements"):
        crossed(laughs(), Caps(items=20_000))


def test_as_deep_as_may_be():
    assert crossed(deep(64)) == deep(64)


BAD = [
    [],
    [[]],
    [1],
    ["no such kind"],
    {"a": 1},
    ["list", 1],
    ["list", [["list"], []]],
    ["dict", [1]],
    ["dict", [["list"], 1]],
    ["dict", [["int", "0x" + "f" * 40], 1]],
    ["set", [["dict"]]],
    ["set", [["tuple", [["list"]]]]],
    ["int"],
    ["int", 5],
    ["int", "zz"],
    ["int", "0x" + "f" * 100_000],
    ["int", ""],
    ["complex", 1, 2],
    ["complex", 1.0],
    ["range", 1, 2],
    ["range", 1, 2, 0],
    ["range", 1.0, 2, 3],
    ["range", 1, 2, None],
    ["slice", "a", 1, 2],
    ["slice", ["list"], None, None],
    ["named"],
    ["named", "eval"],
    ["named", "__import__"],
    ["named", "math.__loader__"],
    ["named", "SystemExit"],
    ["named", 1],
    ["named", ["list"]],
    ["text"],
    ["text", 0],
    ["text", 1],
    ["text", -1],
    ["text", True],
    ["text", 0, 0],
    ["bytes", None],
    ["floats", 0],
    ["ints", 0],
    ["error", 1, "E"],
    ["error", 1, "E", "SystemExit"],
    ["error", 1, "E", "UnicodeDecodeError"],
    ["error", "1", "E", "ValueError"],
    ["error", 1, "E", ["list"]],
    ["error", 1, "x" * 1000, "ValueError"],
    ["handle"],
    ["handle", 1, "a", 1],
    ["handle", -1, "a", True],
    ["handle", True, "a", True],
    ["handle", 2**70 % 2**64, "a", 0],
    ["handle", 1, "a" * 1000, True],
    ["yours"],
    ["yours", 1],
    ["yours", 0],
    ["yours", "1"],
    ["yours", 1, 1],
    [*["list"], *[[["yours", 5]]]],
]


@pytest.mark.parametrize("form", BAD, ids=lambda form: repr(form)[:30])
def test_a_form_that_has_no_value_is_refused(form):
    with pytest.raises(WireError):
        Loop(Caps()).decode(form, [bytearray(b"\xff\xff\xff")])


def nested(levels):
    form: list = ["list"]
    for _ in range(levels):
        form = ["list", [form]]
    return form


def test_forms_too_deep_or_too_many_are_refused():
    assert Loop(Caps()).decode(nested(63), [])
    for form in (nested(64), nested(900), ["list", *([[None] * 16384] * 62)]):
        with pytest.raises(WireError):
            Loop(Caps()).decode(form, [])


def test_a_buffer_is_taken_once():
    with pytest.raises(WireError):
        Loop(Caps()).decode(["list", [["bytes", 0], ["bytes", 0]]], [bytearray(b"x")])


def test_more_numbers_in_a_buffer_than_the_cap_are_not_made():
    for kind in ("floats", "ints"):
        with pytest.raises(WireError):
            Loop(Caps(items=1000)).decode([kind, 0], [bytearray(8 * 1001)])


def test_more_handles_than_the_cap_are_refused():
    codec = Loop(Caps(handles=10))
    with pytest.raises(WireError):
        codec.decode(["list", [["handle", number, "a", True] for number in range(1, 12)]], [])


def test_nothing_stays_counted_from_a_form_that_was_refused():
    codec = Loop(Caps())
    for _ in range(100):
        with pytest.raises(WireError):
            codec.decode(["list", [["list", [["yours", 1]]]]], [])
    assert codec.decode(nested(60), [])
