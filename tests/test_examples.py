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
        assert [scalar.step for scalar in log.Scalars("loss/train")] == [*range(1, len(log.Scalars("loss/train")) + 1)]
        assert np.isfinite([scalar.value for scalar in log.Scalars("loss/validation")]).all()


@pytest.mark.parametrize("name", PICTURES)
def test_runs_offline_in_seconds(name, tmp_path):
    done = run(name, "--quick", "--out", tmp_path, folder=tmp_path)
    check_results(name, tmp_path, done)
    assert str(tmp_path / PICTURES[name]) in done.stdout
    assert "[I " not in done.stderr, "Optuna's messages"
    logs = re.search(r"--logdir (\S+)", done.stdout)[1]
    assert [*Path(logs).rglob("events.*")]


def events(folder):
    return sorted(path.parent.name for path in folder.rglob("events.*"))


@pytest.mark.slow
def test_a_second_run_has_logs_of_its_own_and_options_win_over_quick(tmp_path):
    for _ in range(2):
        done = run("train_resnet", "--quick", "--epochs", 1, "--out", tmp_path)
        assert "898 images to learn from, 1 epoch, 1 process\n" in done.stdout
    assert events(tmp_path) == ["run-1", "run-2"]


@pytest.mark.slow
def test_a_run_that_diverges_says_so(tmp_path):
    done = run("train_resnet", "--quick", "--epochs", 1, "--lr", "1e6", "--out", tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("train_resnet: the run diverged, to a training loss of ")
    assert f": try a smaller --lr than 1e+06; the curves are in {tmp_path}/curves.png" in last
    assert "test accuracy" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_every_option_has_help_and_a_default(name):
    shown = run(name, "--help").stdout.split("options:")[1]
    options = re.split(r"\n  (?=-)", shown)[2:]  # not --help's own
    assert len(options) >= 6
    assert all("default:" in option for option in options)


def accuracy(done):
    return float(re.search(r"test accuracy ([\d.]+)", done.stdout)[1])


def test_a_network_is_trained_by_two_processes_together(tmp_path):
    done = run("train_resnet", "--quick", "--out", tmp_path, processes=2)
    check_results("train_resnet", tmp_path, done)
    assert "2 processes" in done.stdout
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
    _, _, before = stop(killed, 3, signal.SIGKILL)
    assert 3 <= len(before) < 12, "killed too late to be resumed"
    done = run("find_hyperparameters", "--quick", "--out", killed)
    assert f"{len(before)} finished trials in" in done.stdout
    assert trials(killed)[: len(before)] == before
    assert said(run("find_hyperparameters", "--quick", "--out", whole)) == said(done)
    assert trials(killed) == trials(whole)
    assert len(trials(whole)) == 9 + 3
    assert events(killed) == events(whole), "one log a trial, none for the trial that was killed"
    assert len(events(whole)) == 9 + 3


def test_control_c_is_one_line(tmp_path):
    code, lines, _ = stop(tmp_path, 1, signal.SIGINT)
    assert code == 130
    assert lines[-1] == "find_hyperparameters: stopped; give the same command to go on"
    assert all("trial" in line or not line for line in lines[:-1]), "nothing but the bar"


def stop(folder, after, sign):
    """Sends a signal to a search after so many trials: its exit status, what it said, and its trials."""
    line = command("find_hyperparameters", "--quick", "--out", folder)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(trials(folder)) < after and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(sign)
    lines = process.communicate()[1].splitlines()
    return process.returncode, lines, trials(folder)


def test_a_file_that_is_no_study_is_one_line(tmp_path):
    (tmp_path / "search.db").write_text("junk " * 100)
    done = run("find_hyperparameters", "--quick", "--out", tmp_path)
    assert done.returncode == 1
    path = f"{tmp_path}/search.db"
    assert done.stderr.startswith(f"find_hyperparameters: {path}: cannot be written, or is not a file of Optuna's (")
    assert done.stderr.count("\n") == 1


def test_data_that_are_asked_for_and_missing_are_one_line(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()  # empty: no reason to download anything
    done = run("train_resnet", "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1
    expected = "expected cifar-10-batches-py/batches.meta in it; examples/README.md says how to get it"
    assert done.stderr == f"train_resnet: --data {tmp_path}: {expected}\n"
    assert not (tmp_path / "out").exists()


@pytest.fixture
def examples(monkeypatch):
    """The modules of the examples."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import common
    import train_resnet

    yield argparse.Namespace(common=common, train_resnet=train_resnet)
    for name in ("common", "train_resnet"):
        sys.modules.pop(name)


def test_runs_are_numbered(examples, tmp_path):
    team = examples.common.Team(0, 1, torch.device("cpu"))
    assert examples.common.new_run(team, tmp_path / "logs") == tmp_path / "logs/run-1"
    for name in ("run-1", "run-2", "run-12"):
        (tmp_path / name).mkdir()
    assert examples.common.new_run(team, tmp_path) == tmp_path / "run-3"


def test_numbers_are_grammatical(examples):
    assert [examples.common.number(n, "epoch") for n in (1, 2)] == ["1 epoch", "2 epochs"]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", ""])
def test_what_counts_something_is_a_whole_number_above_zero(examples, text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number above 0, got"):
        examples.common.positive(text)
    assert examples.common.positive("12") == 12


def put(folder, files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def test_cifar_is_taken_where_it_is(examples, monkeypatch, tmp_path):
    put(tmp_path, examples.train_resnet.CIFAR)
    images = TensorDataset(torch.rand(20, 3, 32, 32), torch.arange(20) % 10)
    monkeypatch.setattr(data, "cifar10", lambda folder, train=True: images)
    options = argparse.Namespace(data=tmp_path, seed=0, quick=False)
    name, (train, validation, test), model, batch = examples.train_resnet.load(options)
    assert (name, len(train), len(validation), len(test), batch) == ("CIFAR-10", 18, 2, 20, 128)
    first, second = train[0][0], train[0][0]
    assert first.shape == (3, 32, 32)
    assert not torch.equal(first, second), "another crop each time"
    assert torch.equal(validation[0][0], validation[0][0])
    held_back = {image.sum().item() for image, _ in validation}
    assert held_back.isdisjoint(images.tensors[0][i].sum().item() for i in train.dataset.indices)
    assert model(first[None]).shape == (1, 10)
    monkeypatch.setattr(examples.train_resnet, "QUICK", 1)
    options.quick = True
    assert [len(part) for part in examples.train_resnet.load(options)[1]] == [1, 1, 1]


def test_fashion_mnist_is_taken_where_it_is(examples, monkeypatch, tmp_path):
    put(tmp_path, examples.common.FASHION_MNIST)

    class Images(TensorDataset):
        data = torch.arange(12 * 4).reshape(12, 2, 2).to(torch.uint8)
        targets = torch.arange(12)

    monkeypatch.setattr(data, "fashion_mnist", lambda folder, train=True: Images(Images.data, Images.targets))
    name, parts = examples.common.flat_images(tmp_path, seed=0)
    assert name == "FashionMNIST"
    assert [len(part) for part in parts] == [10, 2, 12]
    assert torch.equal(parts.test.tensors[0], torch.arange(48).reshape(12, 4) / 255)
    assert sorted(torch.cat([parts.train.tensors[1], parts.validation.tensors[1]]).tolist()) == list(range(12))
    monkeypatch.setattr(examples.common, "QUICK", 1)
    assert [len(part) for part in examples.common.flat_images(tmp_path, 0, quick=True)[1]] == [1, 1, 1]


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
