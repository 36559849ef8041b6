"""Links to other projects' documentation, by short inventories that are kept here: a build needs no network."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

FOLDER = Path(__file__).parent.parent / "inventories"
SITES = {
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "optuna": "https://optuna.readthedocs.io/en/stable/",
    "torchvision": "https://docs.pytorch.org/vision/stable/",
}
KNOWN_AS = {  # where a class is defined, and where its documentation says it is
    "Tensor": "torch.Tensor",
    "SubsetRandomSampler": "torch.utils.data.SubsetRandomSampler",
    "TensorDataset": "torch.utils.data.TensorDataset",
    "matplotlib.axes._axes.Axes": "matplotlib.axes.Axes",
    "optuna.Study": "optuna.study.Study",
    "torch._C.Generator": "torch.Generator",
    "torch.nn.modules.conv._ConvNd": "torch.nn.Conv2d",
    "torch.nn.modules.linear.Linear": "torch.nn.Linear",
    "torch.nn.modules.module.Module": "torch.nn.Module",
    "torch.nn.parameter.Parameter": "torch.nn.Parameter",
    "torch.optim.optimizer.Optimizer": "torch.optim.Optimizer",
    "torch.utils.data.dataloader.DataLoader": "torch.utils.data.DataLoader",
    "torch.utils.data.dataset.Dataset": "torch.utils.data.Dataset",
    "torch.utils.data.dataset.TensorDataset": "torch.utils.data.TensorDataset",
    "torch.utils.data.sampler.SubsetRandomSampler": "torch.utils.data.SubsetRandomSampler",
    "torchvision.transforms.autoaugment.AutoAugmentPolicy": "torchvision.transforms.AutoAugmentPolicy",
    "torchvision.transforms.functional.InterpolationMode": "torchvision.transforms.InterpolationMode",
}
SHAPES = (  # the words in Float[Tensor, "n classes"] are no classes, nor is the alias Space
    "py:class",
    r"jaxtyping\.\w+|Float|Int|Bool|Shaped|Space|'?[a-z]\w*'?",
)


def configure(app: Sphinx, config: Config) -> None:
    config.intersphinx_mapping = {name: (url, str(FOLDER / f"{name}.inv")) for name, url in SITES.items()}
    config.nitpick_ignore_regex = [SHAPES]


def rename(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, text: nodes.TextElement) -> None:
    """Before the inventories are asked, which know only the documented names."""
    node["reftarget"] = KNOWN_AS.get(node["reftarget"], node["reftarget"])


def setup(app: Sphinx) -> None:
    app.connect("config-inited", configure, priority=100)
    app.connect("missing-reference", rename, priority=100)
