"""Modes of a test around the student's code see what it calls: the checks give the verdicts of one process."""

from __future__ import annotations

import textwrap

import pytest
import torch
from pairs import pair
from torch.overrides import TorchFunctionMode

from nbjudge.wire import WireError
from nbjudge.wire.modes import Recorder, open_modes, outline, put_outermost, replay, stand_in, take_out

STUDENT = """
    import torch
    from torch import nn
    import torch.nn.functional as F

    def by_hand(x, generator=None):
        mask = torch.rand(x.shape, generator=generator, device=x.device, dtype=x.dtype) < 0.5
        return x * mask / 0.5
    def by_torch(x, generator=None): return F.dropout(x, 0.5)
    def by_global(x, generator=None): return by_hand(x)
    def fixed(x, generator=None): return by_hand(x, torch.Generator().manual_seed(0))
    def raises_after(x):
        F.dropout(x)
        raise ValueError("and then this")
    def hides(x):
        with torch._C.DisableTorchFunction():
            return F.dropout(x)
    def vectorised(n): return (torch.ones(n, 3) * 2).sum(1)
    def loops(n): return torch.stack([(torch.ones(3) * 2).sum() for _ in range(n)])
    def on_device(x): return x + torch.ones(3, device=x.device)
    def off_device(x): return x + torch.ones(3)
    def off_device_where(x): return torch.where(x > 0, torch.zeros(3), x)
    def indexes(x): return x[torch.arange(2)]
    def looks(x): return x + float(x.sum())
    def calls_back(f, x): return F.relu(f(F.relu(x)))
    def backward_of(x): x.sum().backward()
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 3)
        def forward(self, x): return F.dropout(self.inner(x))
"""


@pytest.fixture(scope="module")
def both():
    with pair(STUDENT) as both:
        both.run(
            "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\nfrom trainwell import checks"
        )
        yield both


CASES = {
    "forbid: not called": 'with checks.forbid("dropout"): by_hand(torch.ones(3))',
    "forbid: called": 'with checks.forbid("dropout"): by_torch(torch.ones(3))',
    "forbid: another name": 'with checks.forbid("softshrink", "relu"): by_torch(torch.ones(3))',
    "forbid: called in a module": 'layer = Layer()\nwith checks.forbid("dropout"): layer(torch.ones(3))',
    "forbid: before the student's error": 'with checks.forbid("dropout"): raises_after(torch.ones(3))',
    "forbid: the student's error alone": 'with checks.forbid("softshrink"): raises_after(torch.ones(3))',
    "forbid: a method": 'x = torch.ones(3, requires_grad=True)\nwith checks.forbid("backward"): backward_of(x)',
    "forbid: inside a callback": 'with checks.forbid("dropout"): calls_back(lambda x: F.dropout(x), torch.ones(3))',
    "forbid: around a callback": 'with checks.forbid("relu"): calls_back(lambda x: x, torch.ones(3))',
    "forbid: two at once": 'with checks.forbid("relu"), checks.forbid("dropout"): by_torch(torch.ones(3))',
    "forbid: closed again": 'with checks.forbid("dropout"): pass\nby_torch(torch.ones(3))',
    "batched: yes": "checks.batched(lambda n: vectorised(n))",
    "batched: no": "checks.batched(lambda n: loops(n))",
    "on_meta: device kept": "checks.on_meta(lambda x: on_device(x), torch.ones(3))",
    "on_meta: device forgotten": "checks.on_meta(lambda x: off_device(x), torch.ones(3))",
    "on_meta: device forgotten in where": "checks.on_meta(lambda x: off_device_where(x), torch.ones(3))",
    "on_meta: an index may lie on the CPU": "checks.on_meta(lambda x: indexes(x), torch.ones(3))",
    "on_meta: values are looked at": "checks.on_meta(lambda x: looks(x), torch.ones(3))",
    "draws: from the generator": "checks.draws(lambda g: by_hand(torch.ones(50), g))",
    "draws: from the global state": "checks.draws(lambda g: by_global(torch.ones(50), g))",
    "draws: by torch's own": "checks.draws(lambda g: by_torch(torch.ones(50), g))",
    "draws: always the same": "checks.draws(lambda g: fixed(torch.ones(50), g))",
}


def verdict(run, source: str) -> str:
    try:
        run(source)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "holds"


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_is_that_of_one_process(both, case):
    namespace: dict = {}
    exec(textwrap.dedent(STUDENT), namespace)
    exec("from trainwell import checks", namespace)
    theirs = verdict(lambda source: exec(source, namespace), CASES[case])
    assert verdict(both.run, CASES[case]) == theirs


def test_the_cases_hold_and_fail():
    namespace: dict = {}
    exec(textwrap.dedent(STUDENT), namespace)
    exec("from trainwell import checks", namespace)
    verdicts = [verdict(lambda source: exec(source, namespace), source) for source in CASES.values()]
    assert sum(each == "holds" for each in verdicts) == 8
    assert sum(each.startswith("Mistake") for each in verdicts) == 13


def test_the_peer_is_not_seen_by_modes(both):
    both.run("""
        with checks._Calls() as calls:
            vectorised(3)
        assert calls.count == 3, calls.count  # ones, times and sum
    """)


def test_a_contestant_can_hide_its_calls_and_gains_nothing_else(both):
    both.run('with checks.forbid("dropout"): assert hides(torch.ones(3)).shape == (3,)')


def test_modes_that_change_results_see_each_call_once(both):
    both.run("""
        from torch.overrides import TorchFunctionMode
        class Names(TorchFunctionMode):
            def __init__(self):
                super().__init__()
                self.names = []
            def __torch_function__(self, func, types, args=(), kwargs=None):
                self.names.append((func.__name__, getattr(func, "replayed", False)))
                return func(*args, **(kwargs or {}))
        with Names() as outer, Names() as inner:
            by_torch(torch.ones(3))
        assert outer.names == inner.names == [("ones", False), ("dropout", True)], (outer.names, inner.names)
    """)


class Seen(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunction():
            self.calls.append((func.__name__, outline(tuple(args)), outline(kwargs or {})))
        return func(*args, **(kwargs or {}))


def test_a_record_replays_as_it_was():
    buffers: list = []
    x = torch.ones(2, 3)
    with Seen() as seen, Recorder() as recorder:
        torch.cat([x, x], dim=0)
        torch.add(x, other=x.sum())
        torch.empty(3, device="meta").abs()
        x.reshape(6)
        x.reshape(6)
    record = recorder.take(buffers)
    assert len(record[0]) == 6
    with Seen() as replayed:
        replay(record, [bytearray(buffers[0])])
    assert replayed.calls == seen.calls
    assert recorder.take(buffers)[0] == []


@pytest.mark.parametrize(
    ("kinds", "calls"),
    [
        (None, b""),
        ([["a", {"tuple": []}]], b""),
        ([[1, {"tuple": []}, None]], b""),
        ([["a", None, None]], b""),
        ([["a", {"tuple": []}, {"tuple": []}]], b""),
        ([["a", {"tuple": []}, None]], b"\x01\x00\x00\x00"),
        ([["a", {"tuple": []}, None]], b"\x00"),
        ([["a", {"tuple": [["cpu", 65]]}, None]], b"\0\0\0\0"),
        ([["a", {"tuple": [["cpu", -1]]}, None]], b"\0\0\0\0"),
        ([["a", {"tuple": [[5, 5]]}, None]], b"\0\0\0\0"),
        ([["a", {"tuple": [{"set": []}]}, None]], b"\0\0\0\0"),
        ([["a", {"tuple": ["text"]}, None]], b"\0\0\0\0"),
        ([["a", {"tuple": [[]]}, None]], b"\0\0\0\0"),
        ([["a" * 81, {"tuple": []}, None]], b""),
    ],
)
def test_a_forged_record_is_a_wire_error(kinds, calls):
    with pytest.raises(WireError):
        replay([kinds, 0], [bytearray(calls)])


def test_a_deep_record_is_a_wire_error():
    form: object = None
    for _ in range(50):
        form = {"list": [form]}
    with pytest.raises(WireError):
        stand_in(form)


def test_modes_open_and_close_in_their_order():
    outer, inner, around = Seen(), Seen(), Seen()
    before = open_modes()
    with outer:
        with inner:
            put_outermost(around)
            assert open_modes() == [around, *before, outer, inner]
        assert open_modes() == [around, *before, outer]
        take_out(around)
        assert open_modes() == [*before, outer]
    take_out(around)
    assert open_modes() == before
