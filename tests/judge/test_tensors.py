"""Tensors, arrays and random numbers on the wire: what crosses, what is refused, and what nobody can forge."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pairs import pair
from torch import nn

from nbjudge.wire import WireError
from nbjudge.wire.arrays import Arrays
from nbjudge.wire.mistakes import Mistake
from nbjudge.wire.tensors import DTYPES, FEW, pack, placeholder, same, unpack
from nbjudge.wire.twins import HIDDEN, LEAF, PLAIN, Mark, Twins

STUDENT = """
    import numpy as np
    import torch
    from torch import nn

    kept = []

    def same(x): return x
    def twice(x): return 2 * x
    def about(x): return (tuple(x.shape), x.dtype, x.device, x.requires_grad, x.is_leaf, type(x).__name__)
    def keep(x): kept.append(x)
    def first(): return kept[0]
    def change(how):
        x = kept[0]
        {"op": lambda: x.add_(1), "data": lambda: x.data.add_(1), "numpy": lambda: x.numpy().__iadd__(1)}[how]()
    def ruin(x):
        x += 1
        return x
    def ruin_(x):
        return ruin(x)
    def noise(x, generator=None): return x + torch.randn(x.shape, generator=generator)
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return torch.zeros(3) if func is torch.Tensor.sub else super().__torch_function__(func, types, args, kwargs)
        def __eq__(self, other): return True
        def __bool__(self): return True
"""


@pytest.fixture(scope="module")
def both():
    with pair(STUDENT) as both:
        both.run("import numpy as np\nimport torch\nfrom torch import nn")
        yield both


def examples() -> list[torch.Tensor]:
    base = torch.randn(4, 6)
    made = [torch.ones((2, 3), dtype=dtype) for dtype in DTYPES.values()]
    made += [torch.tensor(3.5), torch.empty(0), torch.empty(3, 0, 2), base.T, base[::2, 1::3], base[1], base.flip(0)]
    made += [torch.ones(1).expand(5, 4), torch.randn(2, dtype=torch.complex64).conj(), torch.tensor([True, False])]
    return [*made, torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0]), torch.zeros(1, 1, 1, 1, 1, 1, 1)]


@pytest.mark.parametrize("tensor", examples(), ids=lambda t: f"{t.dtype}-{tuple(t.shape)}-{t.stride()}")
def test_a_tensor_comes_back_as_it_went(both, tensor):
    came = both.judge.namespace["same"](tensor.clone() if tensor.is_contiguous() else tensor)
    assert type(came) is torch.Tensor
    assert (came.shape, came.dtype) == (tensor.shape, tensor.dtype)
    assert same(came, tensor)


def test_the_contestant_sees_shape_dtype_and_flags(both):
    both.run("""
        assert about(torch.zeros(2, 3)) == ((2, 3), torch.float32, torch.device("cpu"), False, True, "Tensor")
        assert about(torch.zeros(2, requires_grad=True))[3:] == (True, True, "Tensor")
        assert about(2 * torch.zeros(2, requires_grad=True))[3:] == (True, False, "Tensor")
        assert about(nn.Parameter(torch.zeros(2), requires_grad=False))[3:] == (False, True, "Parameter")
        assert about(torch.empty(3, 1 << 40, device="meta"))[:3] == ((3, 1 << 40), torch.float32, torch.device("meta"))
        value = twice(torch.empty(5, device="meta"))
        assert value.is_meta and value.shape == (5,)
    """)


def test_other_values_of_torch_cross(both):
    both.run("""
        for value in (torch.Size([2, 0, 3]), torch.float16):
            assert same(value) == value and type(same(value)) is type(value)
        assert same([torch.Size([]), (torch.int8, {"a": torch.device("cpu")})])[1][1]["a"] == torch.device("cpu")
    """)


def test_functions_of_torch_reach_the_student_by_name_and_are_called_there(both):
    both.student("""
        import torch.nn.functional as F
        def known(*values): return values == (torch.relu, F.mse_loss, nn.Linear, torch.optim.Adam, nn.init.zeros_)
        def compose(f, g): return torch.zero_
        Optimizer = torch.optim.SGD
    """)
    both.run("""
        assert known(torch.relu, nn.functional.mse_loss, nn.Linear, torch.optim.Adam, nn.init.zeros_)
        x = torch.tensor([1.0, -2.0])
        compose(torch.abs, torch.neg)(x)  # what it returned writes in place
        w = nn.Parameter(torch.ones(2))
        w.grad = torch.ones(2)
        Optimizer([w], lr=0.5).step()
        assert torch.equal(w.detach(), torch.full((2,), 0.5))
    """)
    with pytest.raises(AssertionError, match="changes its input"):
        both.run("x.abs()")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("torch.eye(3).to_sparse()", "to_dense"),
        ("torch.eye(3).to_sparse_csr()", "to_dense"),
        ("torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)", "cannot be handed over"),
        ("torch.ones(1).expand(1 << 40)", "too large"),
        ("nn.LazyLinear(2).weight", "lazy"),
        ("torch.ones(2).as_subclass(type('Mine', (torch.Tensor,), {}))", "as_subclass"),
    ],
)
def test_what_cannot_cross_is_refused_at_the_judge(both, source, says):
    with pytest.raises(TypeError, match=says):
        both.run(f"same({source})")
    both.run("assert same(1) == 1")


def test_what_cannot_cross_is_an_error_of_the_student(both):
    both.student("""
        def sparse(): return torch.eye(3).to_sparse()
        def huge(): return torch.ones(1).expand(1 << 40)
        def quantised(): return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    """)
    for name, says in (("sparse", "to_dense"), ("huge", "too large"), ("quantised", "handed over")):
        with pytest.raises(TypeError, match=says):
            both.run(f"{name}()")


def test_a_subclass_of_the_student_arrives_plain_and_cannot_lie(both):
    both.student("def liar(): return torch.tensor([1.0, 2.0, 3.0]).as_subclass(Liar)")
    both.run("""
        value = liar()
        assert type(value) is torch.Tensor
        assert not torch.equal(value - 5, torch.zeros(3))
        assert (value == torch.zeros(3)).sum() == 0
    """)


def test_torch_func_is_refused_with_a_way_round(both):
    with pytest.raises(TypeError, match="vmap, grad"):
        both.run("torch.func.vmap(twice)(torch.ones(3, 2))")
    with pytest.raises(TypeError, match="vmap, grad"):
        both.run("torch.func.grad(lambda x: twice(x).sum())(torch.ones(3))")


@pytest.mark.parametrize("how", ["op", "data", "numpy"])
def test_a_changed_input_is_noticed_at_its_next_use(how):
    with pair(STUDENT) as both:
        both.run(f"""
            import torch
            x, y = torch.zeros(3), torch.zeros(3)
            keep(x)
            change({how!r})
            assert x.shape == (3,) and x.dtype == torch.float32 and twice(y).sum() == 0
        """)
        for use in ("x + 1", "x.tolist()", "x[0].item()", "y + x[1:2]", "torch.equal(x, y)", "twice(x)", "bool(x[0])"):
            with pytest.raises(AssertionError, match="changes its input"):
                both.run(use)


def test_a_view_of_a_changed_tensor_is_changed_too(both):
    both.run("base = torch.zeros(4, 2)\nruin(base[1])")
    with pytest.raises(AssertionError, match="changes its input"):
        both.run("base.sum()")
    both.run("base.zero_()\nassert base.sum() == 0")  # overwritten, so it does not matter any more


def test_a_changed_temporary_costs_nothing():
    with pair(STUDENT) as both:
        both.run("""
            import torch
            before = torch._C._len_torch_function_stack()
            x = torch.zeros(3)
            for _ in range(3):
                assert torch.equal(ruin(x.clone()), torch.ones(3))
            assert torch.equal(x, torch.zeros(3))
            same(1)
            assert torch._C._len_torch_function_stack() == before
        """)


def test_a_changed_input_that_is_returned_comes_with_its_values(both):
    both.student("""
        def steps(f, x, times):
            for _ in range(times):
                x -= f(x)
                f(x)  # tells the judge of the change
            return x
    """)
    both.run("""
        x = torch.full((3,), 8.0)
        y = steps(lambda x: x / 2, x, 2)
        assert torch.equal(y, torch.full((3,), 2.0)), y
        h = 2 * torch.full((3,), 4.0, requires_grad=True)
        y = steps(lambda x: x / 2, h, 2)
        assert torch.equal(y, torch.full((3,), 2.0)), y
    """)
    for name in "xh":
        with pytest.raises(AssertionError, match="changes its input"):
            both.run(f"{name}.sum()")


def test_a_shape_that_changes_after_the_fact(both):
    both.student("""
        plain, weight = torch.zeros(3), nn.Parameter(torch.zeros(3))
        def give(): return plain, weight
        def reshape(*tensors):
            for tensor in (plain, weight, *tensors): tensor.data = torch.ones(2, 2)
    """)
    both.run("""
        a, w = give()
        x, p = torch.zeros(3), nn.Parameter(torch.zeros(3))
        reshape(x, p)
        assert a.shape == x.shape == (3,)  # values are the judge's
        assert w.shape == p.shape == (2, 2)  # parameters are shared, as in one process
    """)
    for name in "ax":
        with pytest.raises(AssertionError, match="changes"):
            both.run(f"{name}.sum()")


def test_functions_with_an_underscore_change_their_input(both):
    both.run("""
        x, base = torch.zeros(3), torch.zeros(2, 3)
        ruin_(x)
        ruin_(base[1])
        assert torch.equal(x, torch.ones(3)) and torch.equal(base, torch.tensor([[0.0] * 3, [1.0] * 3]))
    """)


def test_a_cell_may_say_that_inputs_change(both, monkeypatch):
    monkeypatch.setattr(both.judge, "changes_inputs", True)
    both.run("x = torch.zeros(3)\nruin(x)\nassert torch.equal(x, torch.ones(3))")


def test_a_returned_tensor_that_changes_later_is_noticed(both):
    both.student("""
        state = torch.zeros(2)
        def step():
            state.add_(1)
            return state
    """)
    both.run(
        "a = step()\nassert torch.equal(a, torch.ones(2))\nb = step()\nassert torch.equal(b, torch.full((2,), 2.0))"
    )
    with pytest.raises(AssertionError, match="changes what it returned"):
        both.run("a + 1")


def test_what_the_judge_changes_is_changed_at_the_contestant(both):
    both.student("kept.clear()")
    both.run("""
        x = torch.zeros(3)
        keep(x)
        x.add_(1)
        assert torch.equal(first(), torch.ones(3))
        y = first()
        y.mul_(5)
        assert torch.equal(first(), torch.full((3,), 5.0))
    """)


def test_a_global_seed_reaches_the_student(both):
    both.run("""
        torch.manual_seed(7)
        a = noise(torch.zeros(3))
        b = noise(torch.zeros(3))
        torch.manual_seed(7)
        assert torch.equal(torch.cat([a, b]), torch.cat([torch.randn(3), torch.randn(3)]))
        assert not torch.equal(a, b)
    """)


def test_global_draws_of_the_student_can_be_told_and_never_set_the_judge(both):
    both.run("""
        before = torch.get_rng_state()
        twice(torch.ones(2))
        assert torch.equal(before, torch.get_rng_state())
        noise(torch.zeros(3))
        assert not torch.equal(before, torch.get_rng_state())
        draws = []
        for _ in range(200):  # the judge's numbers and the student's are never the same ones
            draws += [torch.randn(4), noise(torch.zeros(4))]
        flat = torch.cat(draws)
        assert len(set(flat.tolist())) > 0.999 * len(flat)
    """)


def test_generators_cross_with_their_state_and_come_back(both):
    both.run("""
        ours, theirs = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
        state = torch.get_rng_state()
        for _ in range(3):
            assert torch.equal(noise(torch.zeros(5), theirs), torch.randn(5, generator=ours))
            assert torch.equal(ours.get_state(), theirs.get_state())
        assert torch.equal(state, torch.get_rng_state())
        keep(theirs)
    """)


def test_arrays_and_numbers_of_numpy_cross(both):
    values = [
        np.arange(6).reshape(2, 3).T,
        np.float32(1.5),
        np.zeros((0, 2)),
        np.array(True),
        np.arange(4, dtype=">i4"),
    ]
    values += [np.broadcast_to(np.float64(2), (3, 2)), np.array([1 + 2j]), np.bool_(True), np.float64("nan")]
    for value in values:
        came = both.judge.namespace["same"](value)
        assert type(came) is type(value)
        assert np.array_equal(came, value, equal_nan=value.dtype.kind == "f")
    assert both.judge.namespace["same"](np.dtype("int16")) == np.dtype("int16")


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array(["a"]),
        np.ma.array([1]),
        np.broadcast_to(np.zeros(1), (1 << 20, 1 << 12)),
        np.zeros(2, "i4,f8"),
    ],
    ids=["object", "text", "masked", "huge", "record"],
)
def test_other_arrays_are_refused(both, value):
    with pytest.raises(TypeError, match="handed over"):
        both.judge.namespace["same"](value)


@pytest.mark.parametrize("calls", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_calls_leave_nothing_behind(calls):
    count = "import gc\ndef count(): return gc.collect() * 0 + sum(type(x) is torch.Tensor for x in gc.get_objects())\n"
    with pair("import torch\ndef f(x, w): return (x * w).sum()\n" + count) as both:
        both.run(f"""
            import torch
            before = count()
            for step in range({calls}):
                w = torch.ones(8, requires_grad=True)
                value = f(torch.ones(8), 2 * w)
                if step % 2:
                    value.backward()
            del w, value
            count()
            assert count() == before
        """)
        torches = next(extension for extension in both.judge.extensions if hasattr(extension, "twins"))
        sizes = [len(torches.twins), len(torches.graphs.kept), len(torches.graphs.lent), len(torches.graphs._links)]
        assert sum(sizes) <= 2


def test_a_tensor_that_nobody_holds_any_more_is_not_entered_at_either_end():
    student = """
        import torch
        held = []
        def fresh(): return torch.ones(2)
        def several(): return {"a": torch.ones(2)}, [torch.ones(2)]
        def kept():
            held.append(torch.ones(2))
            return held[-1]
        def parts(): return (kept(), torch.ones(2))
        def change():
            held[-1] += 1
        def passes(function): return function(torch.ones(2)).sum()
        def keeps(function): return function(kept())
    """
    with pair(student) as both:
        both.run("import torch\nresults = []\nchange")
        torches = next(extension for extension in both.judge.extensions if hasattr(extension, "twins"))
        for source, entered in {
            "results += [fresh()]": 0,
            "results += several()": 0,
            "results += [kept()]": 1,
            "results += parts()": 1,
            "results += [passes(lambda x: results.append(x) or x + 1)]": 0,
            "keeps(lambda x: results.append(x))": 1,
        }.items():
            before = len(torches.twins)
            both.run(source)
            assert len(torches.twins) - before == entered, source
        both.run("given = results[-1]\nchange()")
        with pytest.raises(Mistake, match="changed it later"):
            both.run("given + 1")


# what a contestant can put into a message


@pytest.mark.parametrize(
    "form",
    [
        [[2], "float32", "cpu", 7],
        [[2], "float32", "cpu", -1],
        [[2], "float32", "cpu", True],
        [[3], "float32", "cpu", 0],
        [[2**31, 2**31], "float32", "cpu", 0],
        [[-2], "float32", "cpu", 0],
        [[-1, -2], "float32", "cpu", 0],
        [[2.0], "float32", "cpu", 0],
        [[True, 2], "float32", "cpu", 0],
        [[2], "qint8", "cpu", 0],
        [[2], "__class__", "cpu", 0],
        [[2], 5, "cpu", 0],
        [[2], "float32", "cuda", 0],
        [[2], "float32", "meta", 0],
        [[2**61] * 8, "float32", "meta", -1],
        [[1] * 65, "float32", "meta", -1],
        [2, "float32", "cpu", 0],
        [[2], "float32", "cpu"],
        None,
        {},
        "tensor",
    ],
)
def test_a_forged_form_is_a_wire_error(form):
    with pytest.raises(WireError):
        unpack(form, [bytearray(8)])


def test_a_buffer_is_taken_once_so_no_two_tensors_share_it():
    buffers = [bytearray(8)]
    unpack([[2], "float32", "cpu", 0], buffers)
    with pytest.raises(WireError):
        unpack([[2], "float32", "cpu", 0], buffers)


def test_truth_values_are_truth_values_whatever_came():
    value = unpack([[4], "bool", "cpu", 0], [bytearray(b"\x00\x01\x02\xff")])
    assert value.view(torch.uint8).tolist() == [0, 1, 1, 1]
    array = Arrays(None, True).kinds["array"](None, ["bool", [2], 0], [bytearray(b"\x07\x00")])
    assert array.view(np.uint8).tolist() == [1, 0]


@pytest.mark.parametrize(
    "form",
    [
        ["object", [1], 0],
        ["float64", [2], 0],
        ["float64", [-1], 0],
        ["float64", [0, 1 << 63], 0],
        ["float64", [1], 5],
        [1],
        [],
    ],
)
def test_a_forged_array_is_a_wire_error(form):
    with pytest.raises(WireError):
        Arrays(None, True).kinds["array"](None, form, [bytearray(8)])


def test_a_placeholder_takes_no_memory():
    value = placeholder([1 << 20, 1 << 20], "float32")
    assert value.shape == (1 << 20, 1 << 20)
    assert value.untyped_storage().nbytes() == 4


@pytest.mark.parametrize("size", [10, FEW])
def test_packing_keeps_the_tensor_alive_as_long_as_the_buffer(size):
    buffers: list = []
    form = pack(torch.arange(float(size)).flip(0), buffers)
    torch.zeros(size)
    assert unpack(form, [bytearray(buffers[0])]).tolist() == list(map(float, range(size - 1, -1, -1)))


@pytest.mark.parametrize("size", [3, FEW])
def test_an_exact_mark_sees_what_versions_do_not(size):
    tensor = torch.zeros(size)
    exact, quick = Mark(tensor, True), Mark(tensor, False)
    tensor.data.add_(1)
    assert not exact.holds(tensor)
    assert quick.holds(tensor)
    tensor.add_(1)
    assert not quick.holds(tensor)
    nan = torch.full((2,), torch.nan)
    assert Mark(nan, True).holds(nan)


def test_the_table_lets_go_of_what_dies_and_tells_it_once():
    twins = Twins(1)
    tensor, leaf = torch.zeros(2), torch.zeros(2, requires_grad=True)
    twins.bind(twins.fresh(), tensor, PLAIN)
    twins.bind(-5, leaf, LEAF)
    twins.bind(-6, torch.zeros(2, requires_grad=True), HIDDEN)
    del tensor, leaf
    assert len(twins) == 2  # what the other end made lives as long as it says
    assert twins.take_dropped() == [1]
    assert twins.take_dropped() == []
    twins.forget([-5, -6, 99])
    assert len(twins) == 0


def test_a_parameter_keeps_its_class_and_a_hostile_state_does_not(both):
    both.student("""
        class Odd(nn.Parameter):
            def __repr__(self): return "odd"
        def odd(): return Odd(torch.ones(2))
    """)
    came = both.judge.namespace["odd"]()
    assert type(came) is nn.Parameter
