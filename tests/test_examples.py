"""The three programs: they run, by themselves and on two processes, draw and log, and say what is wrong."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import TensorDataset

from trainwell import data

ROOT = Path(__file__).parents[1]
PICTURES = {
    "train_resnet": "curves.png",
    "compare_optimizers": "optimizers.png",
    "find_hyperparameters": "search.png",
}
BAR = re.compile(r"100%\|.*\d/\d")


def command(name, *arguments, processes=1):
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*start, str(ROOT / f"examples/{name}.py"), *map(str, arguments)]


def run(name, *arguments, processes=1, folder=ROOT):
    line = command(name, *arguments, processes=processes)
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, env={**os.environ, "TQDM_MININTERVAL": "0"})


def check_results(name, out, done):
    assert done.returncode == 0, done.stderr
    assert BAR.search(done.stderr), "a progress bar that ends"
    assert matplotlib.image.imread(out / PICTURES[name]).std() > 0.05, "an empty picture"
    logs = [EventAccumulator(str(folder)).Reload() for folder in {p.parent for p in out.rglob("events.*")}]
    assert logs
    for log in logs:
        assert {"loss/train", "loss/validation", "accuracy/validation"} <= set(log.Tags()["scalars"])
        assert np.isfinite([scalar.value for scalar in log.Scalars("loss/validation")]).all()


@pytest.mark.parametrize("name", PICTURES)
def test_runs_offline_in_seconds(name, tmp_path):
    done = run(name, "--quick", "--out", tmp_path, folder=tmp_path)
    check_results(name, tmp_path, done)
    assert str(tmp_path / PICTURES[name]) in done.stdout


def accuracy(done):
    return float(re.search(r"test accuracy ([\d.]+)", done.stdout)[1])


def test_a_network_is_trained_by_two_processes_together(tmp_path):
    done = run("train_resnet", "--quick", "--out", tmp_path, processes=2)
    check_results("train_resnet", tmp_path, done)
    assert "2 process(es)" in done.stdout
    assert done.stdout.count("test accuracy") == 1, "the first process alone prints"
    assert len([*tmp_path.rglob("events.*")]) == 1, "and logs"
    assert accuracy(done) > 0.5
    assert all(torch.isfinite(w).all() for w in torch.load(tmp_path / "model.pt").values())


@pytest.mark.slow
def test_the_recipe_learns(tmp_path):
    assert accuracy(run("train_resnet", "--out", tmp_path)) > 0.95


def said(done):
    """What was printed, without the folder, which differs from run to run."""
    return [line for line in done.stdout.splitlines() if "picture" not in line and "search.db" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compare_optimizers", "find_hyperparameters"])
def test_two_processes_find_what_one_finds(name, tmp_path):
    one = run(name, "--quick", "--out", tmp_path / "one")
    two = run(name, "--quick", "--out", tmp_path / "two", processes=2)
    check_results(name, tmp_path / "two", two)
    assert said(one) == said(two)


def trials(out):
    """What an Optuna file holds: each trial's parameters, budget and score."""
    if not (out / "search.db").exists():
        return []
    with sqlite3.connect(out / "search.db") as file:
        try:
            return file.execute(
                """select group_concat(param_name || param_value), value_json, value
                from trials join trial_params using (trial_id)
                join trial_user_attributes using (trial_id) join trial_values using (trial_id)
                group by trial_id order by trial_id"""
            ).fetchall()
        except sqlite3.OperationalError:  # the tables are not there yet
            return []


def test_a_search_that_was_killed_goes_on_where_it_was(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command("find_hyperparameters", "--quick", "--out", killed),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(trials(killed)) < 3 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = trials(killed)
    assert 3 <= len(before) < 12, "killed too late to be resumed"
    done = run("find_hyperparameters", "--quick", "--out", killed)
    assert f"{len(before)} trials are in" in done.stdout
    assert trials(killed)[: len(before)] == before
    assert said(run("find_hyperparameters", "--quick", "--out", whole)) == said(done)
    assert trials(killed) == trials(whole)
    assert len(trials(whole)) == 9 + 3


def test_data_that_are_asked_for_and_missing_are_one_line(tmp_path):
    done = run("train_resnet", "--data", tmp_path, "--out", tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"train_resnet: --data {tmp_path}: expected a folder that holds cifar-10-batches-py\n"


@pytest.fixture
def examples(monkeypatch):
    """The modules of the examples."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import common
    import train_resnet

    yield argparse.Namespace(common=common, train_resnet=train_resnet)
    for name in ("common", "train_resnet"):
        sys.modules.pop(name)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", ""])
def test_what_counts_something_is_a_whole_number_above_zero(examples, text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number above 0, got"):
        examples.common.positive(text)
    assert examples.common.positive("12") == 12


def test_cifar_is_taken_where_it_is(examples, monkeypatch, tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    images = TensorDataset(torch.rand(20, 3, 32, 32), torch.arange(20) % 10)
    monkeypatch.setattr(data, "cifar10", lambda folder, train=True: images)
    options = argparse.Namespace(data=tmp_path, seed=0)
    name, (train, validation, test), model, batch = examples.train_resnet.load(options)
    assert (name, len(train), len(validation), len(test), batch) == ("CIFAR-10", 18, 2, 20, 128)
    first, second = train[0][0], train[0][0]
    assert first.shape == (3, 32, 32)
    assert not torch.equal(first, second), "another crop each time"
    assert torch.equal(validation[0][0], validation[0][0])
    held_back = {image.sum().item() for image, _ in validation}
    assert held_back.isdisjoint(images.tensors[0][i].sum().item() for i in train.dataset.indices)
    assert model(first[None]).shape == (1, 10)


def test_fashion_mnist_is_taken_where_it_is(examples, monkeypatch, tmp_path):
    (tmp_path / "FashionMNIST").mkdir()

    class Images(TensorDataset):
        data = torch.arange(12 * 4).reshape(12, 2, 2).to(torch.uint8)
        targets = torch.arange(12)

    monkeypatch.setattr(data, "fashion_mnist", lambda folder, train=True: Images(Images.data, Images.targets))
    name, parts = examples.common.flat_images(tmp_path, seed=0)
    assert name == "FashionMNIST"
    assert [len(part) for part in parts] == [10, 2, 12]
    assert torch.equal(parts.test.tensors[0], torch.arange(48).reshape(12, 4) / 255)
    assert sorted(torch.cat([parts.train.tensors[1], parts.validation.tensors[1]]).tolist()) == list(range(12))


@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_the_rate_rises_to_its_peak_and_falls(examples, schedule):
    model = torch.nn.Linear(2, 2)
    options = argparse.Namespace(lr=0.1, schedule=schedule)
    optimizer, scheduler = examples.train_resnet.recipe(model, 100, options)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(0.01)
    assert rates[10] == pytest.approx(0.1) == max(rates)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] <= 0.0011
    assert [group["weight_decay"] for group in optimizer.param_groups] == [5e-4, 0.0]


def test_work_that_is_shared_out_comes_back_in_order(examples, monkeypatch):
    work = list("abcdefg")
    shares = [examples.common.Team(rank, 3, torch.device("cpu")).share(work) for rank in range(3)]
    monkeypatch.setattr(
        torch.distributed, "all_gather_object", lambda parts, mine: parts.__setitem__(slice(None), shares)
    )
    assert examples.common.Team(1, 3, torch.device("cpu")).gather(shares[1]) == work
