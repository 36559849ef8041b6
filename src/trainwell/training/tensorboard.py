"""Curves to watch while a run goes on."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from .history import Callback, History


class TensorBoard(Callback):
    """Writes the history of a run where TensorBoard finds it, epoch by epoch.

    Loss and accuracy each get a chart, with one curve for training and one for validation. Runs that lie in
    folders beside each other are drawn into the same charts: ``tensorboard --logdir`` with the folder
    above them compares them all.

    Args:
        folder: Where to write; one folder a run.

    Raises:
        ImportError: If TensorBoard is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     board = TensorBoard(folder)
        ...     board.on_epoch(nn.Linear(1, 1), 1, History(train_loss=[0.5]))
        ...     board.on_end(nn.Linear(1, 1))
        ...     [path.name.split(".")[0] for path in Path(folder).iterdir()]
        ['events']
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard is not installed: pip install 'trainwell[examples]'") from error
        self.writer = SummaryWriter(str(folder))

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> None:
        """Writes the epoch's figures, so that they show while the run goes on."""
        for name, value in history.latest().items():
            part, quantity = name.split("_")  # train_loss is charted as loss/train
            self.writer.add_scalar(f"{quantity}/{part}", value, epoch)
        self.writer.flush()

    def on_end(self, model: nn.Module) -> None:
        """Closes the file."""
        self.writer.close()
