"""Regularization: less freedom, more noise, softer labels, averaged weights.

- ``penalties``: what to add to the loss; ``shrinkage``: how to shrink the weights directly.
- ``stopping``: when to end.
- ``dropout``, ``dropconnect``, ``dropblock``, ``depth``, ``pooling``, ``noise``: what to draw at random.
- ``labels``: what to ask for.
- ``adversarial``: inputs against the model.
- ``averaging``, ``ensembles``: many models as one.
"""

from .adversarial import adversarial_loss, fgsm, gradient_penalty, pgd
from .averaging import EMA, SWA, PolyakAverage, update_batch_norm
from .depth import StochasticDepth, linear_rates, stochastic_depth
from .dropblock import DropBlock2d, drop_block2d
from .dropconnect import DropConnect, dropconnect
from .dropout import Dropout, VanillaDropout, dropout, vanilla_dropout
from .ensembles import Ensemble, Snapshots, average_models, cyclic_cosine, ensemble_probabilities
from .labels import label_smoothing, smooth_labels
from .noise import InputNoise, input_noise, noisy_targets, weight_noise
from .penalties import elastic_net, elastic_net_strengths, l1, l2
from .pooling import FractionalMaxPool2d, fractional_max_pool2d
from .shrinkage import coupled_decay_, decay_groups, decoupled_decay_, proximal_l1_, soft_threshold
from .stopping import EarlyStopping

__all__ = [
    "EMA",
    "SWA",
    "DropBlock2d",
    "DropConnect",
    "Dropout",
    "EarlyStopping",
    "Ensemble",
    "FractionalMaxPool2d",
    "InputNoise",
    "PolyakAverage",
    "Snapshots",
    "StochasticDepth",
    "VanillaDropout",
    "adversarial_loss",
    "average_models",
    "coupled_decay_",
    "cyclic_cosine",
    "decay_groups",
    "decoupled_decay_",
    "drop_block2d",
    "dropconnect",
    "dropout",
    "elastic_net",
    "elastic_net_strengths",
    "ensemble_probabilities",
    "fgsm",
    "fractional_max_pool2d",
    "gradient_penalty",
    "input_noise",
    "l1",
    "l2",
    "label_smoothing",
    "linear_rates",
    "noisy_targets",
    "pgd",
    "proximal_l1_",
    "smooth_labels",
    "soft_threshold",
    "stochastic_depth",
    "update_batch_norm",
    "vanilla_dropout",
    "weight_noise",
]
