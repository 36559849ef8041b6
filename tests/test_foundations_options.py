"""Which arguments are options, given by name alone: a number in the wrong place must not pass for one."""

from __future__ import annotations

import inspect

import pytest

from trainwell import activations, backpropagation, data, losses, scores, training

OPTIONS = {
    activations: {"watch_activations": "tolerance"},
    backpropagation: {
        "numerical_gradient": "eps",
        "check_gradient": "atol eps rtol",
        "init_two_layer_model": "generator std",
    },
    data: {
        "digits": "seed",
        "fashion_mnist": "train",
        "cifar10": "train",
        "mnist1d": "seed",
        "noisy_labels": "generator num_classes",
        "split": "generator",
        "split_samplers": "generator",
    },
    losses: {
        "mixed_label_cross_entropy": "reduction threshold",
        "multi_margin_loss": "margin reduction",
        "triplet_margin_loss": "eps reduction",
        **dict.fromkeys(["binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy"], "reduction"),
        **dict.fromkeys(["hinge_loss", "l1_loss", "mse_loss"], "reduction"),
    },
    scores: {},
    training: {
        "batches": "generator shuffle",
        "evaluate": "batch_size device loss",
        "fit": "batch_size callbacks device epochs generator loss optimizer penalty precision progress schedule "
        "validation",
        "predict": "batch_size",
    },
}


@pytest.mark.parametrize("module", OPTIONS, ids=lambda module: module.__name__)
def test_options_go_by_name_and_nothing_else_does(module):
    functions = {name: f for name, f in vars(module).items() if inspect.isfunction(f) and not name.startswith("_")}
    found = {}
    for name, f in functions.items():
        if f.__module__.startswith(module.__name__):
            parameters = inspect.signature(f).parameters.values()
            assert not [p for p in parameters if p.kind == p.POSITIONAL_ONLY], name
            if options := sorted(p.name for p in parameters if p.kind == p.KEYWORD_ONLY):
                found[name] = " ".join(options)
    assert found == OPTIONS[module]


def default(f, name):
    return inspect.signature(f).parameters[name].default


def test_the_defaults_that_no_reference_has():
    assert default(training.fit, "batch_size") == 64
    assert default(training.evaluate, "batch_size") == default(training.predict, "batch_size") == 512
    assert default(scores.calibration_error, "bins") == 15
    assert default(data.mnist1d, "n") == 4000
    assert default(activations.watch_activations, "tolerance") == default(activations.saturated, "tolerance") == 0.01
