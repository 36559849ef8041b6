"""Synchronised batch norm on two real processes (gloo) against torch's batch norm on the joined batch in one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import distributed, multiprocessing, nn

from trainwell import normalization as N

PROCESSES = 2
STEPS = 3
X = torch.randn(STEPS, 6, 3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 5 + 100
UPSTREAM = torch.randn(X.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
CASES = {  # how many of the six examples the first process has, and the layer's settings
    "equal shards": (3, {}),
    "unequal shards": (1, {}),
    "one process without examples": (6, {}),
    "cumulative": (2, {"momentum": None}),
    "other settings": (4, {"momentum": 0.3, "eps": 0.5}),
    "without affine part": (2, {"affine": False}),
    "without running statistics": (2, {"track_running_stats": False}),
}
every_case = pytest.mark.parametrize("case", CASES)


def settled(layer):
    """The same parameters everywhere, none of which is 0 or 1."""
    with torch.no_grad():
        for i, w in enumerate(layer.parameters()):
            w.copy_(torch.tensor([0.5, 2.0, -1.5]) + i)
    return layer.double()


def train(layer, batches, upstreams):
    """Outputs, gradients and the state after some steps, and the output in evaluation mode."""
    outputs, gradients = [], []
    for x, upstream in zip(batches, upstreams, strict=True):
        x = x.clone().requires_grad_()
        y = layer(x)
        y.backward(upstream)
        outputs.append(y.detach())
        gradients.append(x.grad)
    parameters = [w.grad for w in layer.parameters()]
    state = copy.deepcopy(layer.state_dict())
    return {"y": outputs, "x": gradients, "w": parameters, "state": state, "test": layer.eval()(batches[0]).detach()}


def shard(rank, first):
    return slice(0, first) if rank == 0 else slice(first, 6)


def work(rank, folder):
    """One of the processes."""
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", PROCESSES)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=PROCESSES)
    results = {}
    for name, (first, settings) in CASES.items():
        mine = shard(rank, first)
        results[name] = train(settled(N.SyncBatchNorm(3, **settings)), X[:, mine], UPSTREAM[:, mine])
    groups = [distributed.new_group([other]) for other in range(PROCESSES)]
    mine = shard(rank, 2)
    layer = settled(N.SyncBatchNorm(3, process_group=groups[rank]))
    results["alone"] = train(layer, X[:, mine], UPSTREAM[:, mine])
    results["half"] = N.sync_batch_norm(X[0, mine].half())
    running = torch.zeros(3).double(), torch.ones(3).double()
    N.sync_batch_norm(X[0, mine], *running)
    results["defaults"] = running
    x = X[0, mine][..., 0, 0].clone().requires_grad_()  # every process computes the same sums in the same order
    (once,) = torch.autograd.grad(N.sync_batch_norm(x).pow(3).sum(), x, create_graph=True)
    (results["twice"],) = torch.autograd.grad(once.square().sum(), x)
    model = nn.parallel.DistributedDataParallel(settled(N.SyncBatchNorm(3)))
    model(X[0, mine]).backward(UPSTREAM[0, mine])
    results["parallel"] = [w.grad for w in model.parameters()]
    torch.save(results, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sync")
    multiprocessing.spawn(work, (str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f"{rank}.pt") for rank in range(PROCESSES)]


def joined(settings):
    layer = settled(nn.BatchNorm2d(3, **settings))
    return train(layer, X, UPSTREAM)


@every_case
def test_forward_is_one_processs(results, case):
    expected = joined(CASES[case][1])
    for step in range(STEPS):
        y = torch.cat([result[case]["y"][step] for result in results])
        torch.testing.assert_close(y, expected["y"][step])


@every_case
def test_backward_is_one_processs(results, case):
    expected = joined(CASES[case][1])
    for step in range(STEPS):
        gradient = torch.cat([result[case]["x"][step] for result in results])
        torch.testing.assert_close(gradient, expected["x"][step])
    shares = zip(*(result[case]["w"] for result in results), strict=True)
    torch.testing.assert_close([sum(share) for share in shares], expected["w"])  # DistributedDataParallel's part


@every_case
def test_running_statistics_are_one_processs(results, case):
    expected = joined(CASES[case][1])["state"]
    for result in results:
        torch.testing.assert_close(result[case]["state"], expected)


@pytest.mark.parametrize("case", [case for case in CASES if case != "without running statistics"])
def test_at_test_time_nothing_is_exchanged(results, case):
    first, settings = CASES[case]
    expected = joined(settings)["test"]
    for rank, result in enumerate(results):
        torch.testing.assert_close(result[case]["test"], expected[shard(rank, first)])


def test_a_group_of_one_is_alone(results):
    for rank, result in enumerate(results):
        mine = shard(rank, 2)
        expected = train(settled(nn.BatchNorm2d(3)), X[:, mine], UPSTREAM[:, mine])
        torch.testing.assert_close(result["alone"], expected)


def test_the_functions_defaults_are_batch_norms(results):
    running = torch.zeros(3).double(), torch.ones(3).double()
    expected = nn.functional.batch_norm(X[0], *running, training=True)
    for result in results:
        torch.testing.assert_close(result["defaults"], running)
    y = torch.cat([result["half"] for result in results])
    assert y.dtype == torch.float16
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=0.02)  # halves are 1/16 apart at 100


def test_second_derivatives_are_one_processs(results):
    x = X[0][..., 0, 0].clone().requires_grad_()
    y = nn.functional.batch_norm(x, None, None, training=True)
    (once,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
    (twice,) = torch.autograd.grad(once.square().sum(), x)
    torch.testing.assert_close(torch.cat([result["twice"] for result in results]), twice)


def test_in_distributed_data_parallel_all_have_the_mean_of_the_shares(results):
    layer = settled(nn.BatchNorm2d(3))
    layer(X[0]).backward(UPSTREAM[0])
    for result in results:
        torch.testing.assert_close(result["parallel"], [w.grad / PROCESSES for w in layer.parameters()])


def test_without_processes_it_is_batch_norm():
    expected = joined({})
    torch.testing.assert_close(train(settled(N.SyncBatchNorm(3)), X, UPSTREAM), expected)


def test_converts_a_model_as_torchs_does():
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3, momentum=0.3, eps=0.2)), N.BatchNorm2d(3))
    model[2].eval()
    expected = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    state, parameters = copy.deepcopy(model.state_dict()), list(model.parameters())
    converted = N.SyncBatchNorm.convert_sync_batchnorm(model, "group")
    assert converted is model
    assert [type(converted[1][0]), type(converted[2])] == [N.SyncBatchNorm] * 2
    assert repr(converted) == repr(expected)
    assert [m.training for m in converted.modules()] == [m.training for m in expected.modules()]
    torch.testing.assert_close(converted.state_dict(), state)
    assert all(a is b for a, b in zip(converted.parameters(), parameters, strict=True))
    assert converted[2].process_group == "group"
    alone = N.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm2d(3, affine=False, track_running_stats=False))
    assert not alone.state_dict()
    assert alone.process_group is None
