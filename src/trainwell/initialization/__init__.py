"""Initialization: what the weights are before the first step, so that signal and gradient reach every layer.

- ``plain``: normal and uniform numbers of a size that you choose.
- ``scaled``: variances from the size of a layer: preserving, Xavier; ``kaiming``: the same for the ReLU family.
- ``gains``: what an activation function does to a variance, for any function.
- ``orthogonal``: matrices that turn and do not stretch.
- ``lsuv``: measured on data instead of derived.
- ``models``: an initialiser for a whole model; ``signals``: what comes out, layer by layer.
- ``subnetworks``: no training of weights at all: edge-popup.
"""

from .gains import backward_gain, gain, slope_gain
from .kaiming import kaiming_normal_, kaiming_uniform_
from .lsuv import lsuv_
from .models import initialise_
from .orthogonal import orthogonal_
from .plain import normal_, uniform_
from .scaled import fans, variance_preserving_, xavier_normal_, xavier_uniform_
from .signals import Signal, signal_statistics
from .subnetworks import TopK, edge_popup, signed_constant_, top_k_mask

__all__ = [
    "Signal",
    "TopK",
    "backward_gain",
    "edge_popup",
    "fans",
    "gain",
    "initialise_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lsuv_",
    "normal_",
    "orthogonal_",
    "signal_statistics",
    "signed_constant_",
    "slope_gain",
    "top_k_mask",
    "uniform_",
    "variance_preserving_",
    "xavier_normal_",
    "xavier_uniform_",
]
