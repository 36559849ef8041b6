"""What the TensorBoard callback writes, read back by TensorBoard itself."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_training import data, network, run
from torch import nn

from trainwell.training import History, TensorBoard


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_reads_the_history_back(tmp_path):
    history = run(network(), validation=data(seed=1), callbacks=[TensorBoard(tmp_path)])
    curves = read(tmp_path)
    assert set(curves) == {"loss/train", "accuracy/train", "loss/validation", "accuracy/validation"}
    for name, values in vars(history).items():
        part, quantity = name.split("_")
        steps, written = zip(*curves[f"{quantity}/{part}"], strict=True)
        assert steps == (1, 2, 3)
        assert written == pytest.approx(values)


def test_without_validation_there_are_no_curves_of_it(tmp_path):
    run(network(), callbacks=[TensorBoard(str(tmp_path))])
    assert set(read(tmp_path)) == {"loss/train", "accuracy/train"}


def test_an_epoch_can_be_read_before_the_run_ends(tmp_path):
    board = TensorBoard(tmp_path)
    assert board.on_epoch(nn.Linear(1, 1), 4, History(train_loss=[3.0, 0.5])) is None
    assert read(tmp_path) == {"loss/train": [(4, 0.5)]}
    board.on_end(nn.Linear(1, 1))
    assert board.writer.file_writer is None  # closed


def test_without_tensorboard_the_error_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "torch.utils.tensorboard":
            raise ImportError("no module named tensorboard")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"TensorBoard is not installed: pip install 'trainwell\[examples\]'"):
        TensorBoard(tmp_path)
    assert "trainwell.training" in sys.modules  # the library itself asks for nothing
