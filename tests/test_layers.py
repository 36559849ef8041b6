"""What every layer of the library must keep, driven by one registry: `tests/registries/layers.py`."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn

from tests.registries import parametrize
from tests.registries.layers import LAYERS, seeded
from trainwell import normalization, regularization
from trainwell.training import Callback

TOPICS = (normalization, regularization)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
STEPS = 5
every_layer = parametrize(LAYERS)
in_both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "test"])


def outputs(layer, inputs):
    return torch.stack([layer(*inputs) for _ in range(20)])


def run(layer, inputs, seed=0):
    """The output and the gradients for inputs and parameters, all draws from one seed."""
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    torch.manual_seed(seed)
    y = layer(*xs)
    leaves = [x for x in [*xs, *layer.parameters()] if x.requires_grad]
    upstream = torch.randn(y.shape, generator=seeded(4), dtype=torch.float64).to(y)
    return y.detach(), *torch.autograd.grad(y, leaves, upstream)


def test_every_layer_is_listed():
    listed = {type(module) for entry in LAYERS for module in entry.layer().modules()}
    public = {getattr(topic, name) for topic in TOPICS for name in topic.__all__}
    layers = {t for t in public if inspect.isclass(t) and issubclass(t, nn.Module) and not issubclass(t, Callback)}
    assert layers <= listed
    assert all({"twin", "loop"} & entry.abilities for entry in LAYERS)


@parametrize(LAYERS, "twin")
@in_both_modes
@pytest.mark.parametrize("size", [1e-6, 1, 1e3, 1e6])
def test_is_its_twin(entry, training, size):
    """Outputs, gradients and buffers over several steps, against torch, torchvision or timm."""
    ours, twin = (layer.double().train(training) for layer in (entry.layer(), entry.twin()))
    load_twin(twin, ours)
    for step in range(STEPS):
        inputs = [x * size for x in entry.inputs()]
        results, expected = run(ours, inputs, step), run(twin, inputs, step)
        torch.testing.assert_close(results, expected, rtol=1e-7, atol=1e-7 * min(size, 1))
    torch.testing.assert_close(dict(ours.named_buffers()), {**dict(ours.named_buffers()), **dict(twin.named_buffers())})


def load_twin(twin, ours):
    """A twin without a state, such as torchvision's transforms, has nothing to load."""
    if twin.state_dict() or not list(ours.buffers()):
        twin.load_state_dict(ours.state_dict())


@parametrize(LAYERS, "twin")
def test_is_its_twin_in_single_precision(entry):
    ours, twin = entry.layer(), entry.twin()
    load_twin(twin, ours)
    for size, offset in ((1, 0), (1e-3, 0), (1e3, 0), (1, 100)):
        inputs = [size * x + offset for x in entry.inputs(torch.float32)]
        torch.testing.assert_close(run(ours, inputs)[:2], run(twin, inputs)[:2], rtol=1e-3, atol=1e-3)


@parametrize(LAYERS, "loop")
@in_both_modes
@pytest.mark.parametrize("size", [1e-6, 1, 1e3])
def test_is_the_loops(entry, training, size):
    """Against loops in float64, derived from the paper in `tests/registries/loops.py`."""
    layer = entry.layer().double().train(training)
    inputs = [x * size if x.is_floating_point() else x for x in entry.inputs()]
    torch.manual_seed(0)
    expected = entry.loop(layer, *inputs)
    torch.manual_seed(0)
    torch.testing.assert_close(layer(*inputs), expected, rtol=1e-7, atol=1e-7 * min(size, 1))


@parametrize(LAYERS, "twin")
def test_the_twins_swap_their_states(entry):
    ours, twin = entry.layer().double(), entry.twin().double()
    if not twin.state_dict():
        pytest.skip("the twin has no state")
    run(ours, entry.inputs())
    assert list(ours.state_dict()) == list(twin.state_dict())
    twin.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(run(ours.eval(), entry.inputs()), run(twin.eval(), entry.inputs()))
    fresh = entry.layer().double().eval()
    fresh.load_state_dict(twin.state_dict(), strict=True)
    torch.testing.assert_close(run(fresh, entry.inputs()), run(twin, entry.inputs()))


@every_layer
def test_a_state_resumes_bit_for_bit(entry):
    layer, fresh = entry.layer().double(), entry.layer().double()
    for step in range(2):
        run(layer, entry.inputs(), step)
    fresh.load_state_dict(copy.deepcopy(layer.state_dict()), strict=True)
    for step in range(2):
        assert all(map(torch.equal, run(layer, entry.inputs(), step), run(fresh, entry.inputs(), step)))
    assert all(map(torch.equal, layer.state_dict().values(), fresh.state_dict().values()))


@every_layer
def test_a_copy_and_a_pickle_do_the_same(entry):
    if type(entry.layer()).__module__ == "torch.nn.utils.parametrize":
        twins = [copy.deepcopy(entry.layer())]  # torch pickles the state_dict of a parametrised layer alone
    else:
        twins = [copy.deepcopy(entry.layer()), pickle.loads(pickle.dumps(entry.layer()))]
    for twin in twins:
        assert all(map(torch.equal, run(twin.double(), entry.inputs()), run(entry.layer().double(), entry.inputs())))


@parametrize(LAYERS, "random")
def test_a_copy_draws_on(entry):
    layer, x = entry.layer(generator=seeded(0)).double(), entry.inputs()
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(*x), layer(*x))


@parametrize(LAYERS, "random")
def test_draws_from_the_generator_alone(entry):
    layer, x = entry.layer(generator=seeded(0)).double(), entry.inputs()
    state = torch.random.get_rng_state()
    first = outputs(layer, x)
    assert len(first.unique(dim=0)) > 1
    layer.generator = seeded(0)
    assert torch.equal(outputs(layer, x), first)
    assert torch.equal(torch.random.get_rng_state(), state)


@parametrize(LAYERS, "random")
def test_draws_from_the_global_generator_without_one(entry):
    layer, x = entry.layer().double(), entry.inputs()
    torch.manual_seed(3)
    first = outputs(layer, x)
    assert len(first.unique(dim=0)) > 1
    torch.manual_seed(3)
    assert torch.equal(outputs(layer, x), first)


@parametrize(LAYERS, lacking="random")
@in_both_modes
def test_draws_nothing(entry, training):
    layer, x = entry.layer().double().train(training), entry.inputs()
    state = torch.random.get_rng_state()
    layer(*x)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_layer
@in_both_modes
def test_leaves_its_inputs_alone(entry, training):
    layer, inputs = entry.layer().double().train(training), entry.inputs()
    layer(*inputs)
    assert all(map(torch.equal, inputs, entry.inputs()))


@parametrize([entry for entry in LAYERS if entry.function])
def test_is_the_function(entry):
    layer = entry.layer(**({"generator": seeded(0)} if "random" in entry.abilities else {})).double()
    state = {name: value.clone() for name, value in [*layer.named_parameters(), *layer.named_buffers()]}
    state.pop("num_batches_tracked", None)
    more = {"generator": seeded(0)} if "random" in entry.abilities else {}
    expected = entry.function(*entry.inputs(), **state, **entry.arguments, **more)
    assert torch.equal(layer(*entry.inputs()), expected)


@every_layer
def test_at_test_time(entry):
    layer, x = entry.layer().double(), entry.inputs()
    layer(*x)
    layer.eval()
    before = copy.deepcopy(layer.state_dict())
    assert torch.equal(layer(*x), layer(*x)) == ("random_at_test" not in entry.abilities)
    assert all(map(torch.equal, layer.state_dict().values(), before.values()))
    if "identity_at_test" in entry.abilities:
        assert layer(*x) is x[0]


@every_layer
def test_training_moves_the_buffers_of_those_that_say_so(entry):
    layer = entry.layer().double()
    before = {name: value.clone() for name, value in layer.named_buffers()}
    layer(*entry.inputs())
    moved = [not torch.equal(value, before[name]) for name, value in layer.named_buffers()]
    assert any(moved) == all([*moved, bool(moved)]) == ("moving" in entry.abilities)


@parametrize(LAYERS, lacking="random joint")
@in_both_modes
def test_examples_do_not_meet(entry, training):
    layer, inputs = entry.layer().double().train(training), entry.inputs()
    torch.testing.assert_close(layer(*(x[:2] for x in inputs)), layer(*inputs)[:2])


@parametrize(LAYERS, "joint", lacking="random")
def test_examples_meet(entry):
    layer, inputs = entry.layer().double(), entry.inputs()
    assert not torch.allclose(layer(*(x[:2] for x in inputs)), layer(*inputs)[:2], rtol=1e-2)


@parametrize(LAYERS, "unbiased")
def test_training_averages_to_the_test_output(entry):
    draws = 20_000
    layer, x = entry.layer(generator=seeded(0)).double(), entry.inputs()[0][:1]
    y = layer(x.expand(draws, -1)).detach()
    spread = y.std(0) / draws**0.5
    assert ((y.mean(0) - layer.eval()(x)[0]).abs() < 5 * spread).all()


@every_layer
@in_both_modes
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_keeps_the_dtype(entry, dtype, training):
    layer = entry.layer().to(dtype).train(training)
    y = layer(*entry.inputs(dtype))
    assert y.dtype == dtype
    assert y.isfinite().all()
    if "random" in entry.abilities:
        return  # its draws depend on the dtype
    exact = copy.deepcopy(layer).double()(*(x.double() if x.is_floating_point() else x for x in entry.inputs(dtype)))
    torch.testing.assert_close(y.double(), exact, rtol=0, atol=16 * torch.finfo(dtype).eps * exact.abs().max().item())


@every_layer
@in_both_modes
def test_keeps_the_device(entry, training):
    y = entry.layer().to("meta").train(training)(*(x.to("meta") for x in entry.inputs(torch.float32)))
    assert y.device.type == "meta"


@parametrize(LAYERS, "empty")
def test_takes_an_empty_batch(entry):
    assert entry.layer().double()(*(x[:0] for x in entry.inputs())).shape[0] == 0


@every_layer
def test_takes_any_memory_layout(entry):
    inputs = entry.inputs()
    strided = [x.mT.contiguous().mT if x.ndim > 1 else x for x in inputs]
    strided[0] = strided[0].contiguous(memory_format=torch.channels_last) if strided[0].ndim == 4 else strided[0]
    expected = run(entry.layer().double().eval(), inputs)
    torch.testing.assert_close(run(entry.layer().double().eval(), strided), expected)


@every_layer
@in_both_modes
def test_gradient(entry, training):
    """For all inputs and parameters, against centred differences in float64."""
    layer = entry.layer().double().train(training)
    names = [name for name, _ in layer.named_parameters()]
    inputs = entry.inputs()

    def f(*tensors):
        torch.manual_seed(0)
        values = dict(zip(names, tensors[len(inputs) :], strict=True))
        return torch.func.functional_call(layer, values, tensors[: len(inputs)])

    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in [*inputs, *layer.parameters()]]
    assert torch.autograd.gradcheck(f, leaves, fast_mode=True)


@parametrize([entry for entry in LAYERS if entry.bad])
def test_refuses_a_bad_setting(entry):
    for name, value, words in entry.bad:
        with pytest.raises(ValueError, match=words) as error:
            entry.layer(**{name: value})
        assert name in str(error.value) or name == "members"  # of our making
        if entry.function and name in entry.arguments and not entry.sizes:
            with pytest.raises(ValueError, match=rf"{name} must .*{value}"):
                entry.function(*entry.inputs(), **{**entry.arguments, name: value})


@every_layer
def test_shows_its_settings(entry):
    shown = repr(entry.layer())
    words = entry.shown or [f"{name}={value!r}" for name, value in entry.arguments.items()]
    assert all(word in shown for word in words)


@every_layer
@in_both_modes
def test_autocast_is_the_twins(entry, training):
    layer, inputs = entry.layer().train(training), entry.inputs(torch.float32)
    half = torch.bfloat16 if "half_in_autocast" in entry.abilities else torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = run(layer, inputs)[0]
        assert y.dtype == half
        assert layer(*entry.inputs(torch.bfloat16)).dtype == torch.bfloat16, "what a convolution puts out there"
        if "twin" in entry.abilities:
            twin = entry.twin().train(training)
            load_twin(twin, entry.layer())
            apart = (
                {"rtol": 0, "atol": 4 * torch.finfo(torch.bfloat16).eps} if "rounded_apart" in entry.abilities else {}
            )
            torch.testing.assert_close(y, run(twin, inputs)[0], **apart)
