"""What a user meets who hands over something of another kind: an error that says what belongs there.

The checks of types and shapes of the other tests would speak first, so these run in a process without them.
"""

from __future__ import annotations

import re

import optuna
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from tests.unchecked import CHECKED, run_unchecked
from trainwell import bias_variance as B
from trainwell import hyperparameters as H
from trainwell import optimizers, training

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:
    MODEL = nn.Linear(2, 3)
    OPTIMIZER = torch.optim.AdamW(MODEL.parameters())
    DATA = TensorDataset(torch.zeros(30, 2), torch.zeros(30, dtype=torch.long))

    def fit(model, optimizer, train):
        return training.fit(model, train, epochs=1, optimizer=optimizer, progress=False)

    @pytest.mark.parametrize("call", [H.range_test, fit])
    @pytest.mark.parametrize("maker", [torch.optim.SGD, None])
    def test_an_optimizer_is_made_already(call, maker):
        message = f"optimizer must be made already, such as SGD(model.parameters(), lr=0.1), got {maker!r}"
        with pytest.raises(ValueError, match=re.escape(message)):
            call(MODEL, maker, DATA)

    def test_lookahead_goes_around_an_optimizer():
        with pytest.raises(
            ValueError, match=r"optimizer must be the one to go around, such as SGD\(params\), got .*list"
        ):
            optimizers.Lookahead([torch.zeros(2, requires_grad=True)])

    @pytest.mark.parametrize("made", [OPTIMIZER, MODEL, "adam"])
    @pytest.mark.parametrize(
        "call", [lambda o: H.sanity_report(MODEL, DATA, o), lambda o: H.SevenSteps(nn.Module, DATA, DATA, o)]
    )
    def test_what_makes_an_optimizer_is_none(call, made):
        kind = type(made).__name__
        with pytest.raises(ValueError, match=rf"make_optimizer must make a new one .* \(a class.*\), got {kind}"):
            call(made)

    def test_what_makes_a_model_is_none():
        message = r"make_model must make a new one when it is called \(a function without arguments\), got Linear"
        with pytest.raises(ValueError, match=message):
            H.SevenSteps(MODEL, DATA, DATA, torch.optim.AdamW)

    @pytest.mark.parametrize(
        "call",
        [
            lambda data: H.range_test(MODEL, OPTIMIZER, data),
            lambda data: H.sanity_report(MODEL, data, torch.optim.AdamW),
            lambda data: fit(MODEL, OPTIMIZER, data),
            lambda data: training.evaluate(MODEL, data),
        ],
    )
    def test_a_tuple_is_no_data_set(call):
        message = "data must be a data set or a loader, got a tuple; of tensors, TensorDataset(x, y) makes one"
        with pytest.raises(ValueError, match=re.escape(message)):
            call(DATA.tensors)

    SPACE = {"lr": H.LogUniform(1e-6, 1e-3), "width": [32, 64]}

    @pytest.mark.parametrize(
        "call",
        [
            lambda: H.sample(SPACE),
            lambda: H.grid(SPACE),
            lambda: H.narrow(SPACE, []),
            lambda: H.grid_search(len, SPACE),
            lambda: H.random_search(len, SPACE, trials=1),
            lambda: H.coarse_to_fine(len, SPACE),
            lambda: H.successive_halving(len, SPACE, candidates=3, min_budget=1, max_budget=3),
            lambda: H.stored(len, optuna.create_study(direction="maximize"), SPACE),
        ],
    )
    def test_an_entry_of_a_space_is_a_sampler(call):
        with pytest.raises(
            ValueError, match=r"space\['width'\] must be a sampler: .* Choice\(values\), got \[32, 64\]"
        ):
            call()

    @pytest.mark.parametrize("shape", [(50, 1), (5, 50), (), (1,)])
    def test_a_truth_of_another_shape_would_broadcast(shape):
        message = f"predictions must hold a row of the truth's shape {shape} for each model, got (5, 50)"
        with pytest.raises(ValueError, match=re.escape(message)):
            B.decompose(torch.zeros(5, 50), torch.zeros(shape))

    X, Y = torch.zeros(4, 2), torch.zeros(5)

    @pytest.mark.parametrize("call", [B.bootstrap, B.least_squares, lambda x, y: B.fit_random_features(x, y, width=3)])
    @pytest.mark.parametrize("n", [3, 5])
    def test_there_are_as_many_targets_as_inputs(call, n):
        with pytest.raises(ValueError, match=f"x and y must have one length, got 4 and {n}"):
            call(X, Y[:n])

    @pytest.mark.parametrize("targets", [torch.zeros(5), torch.zeros(4, 1)])
    def test_a_polynomial_is_fitted_to_as_many_numbers(targets):
        message = f"x and y must have one shape, got (4,) and {tuple(targets.shape)}"
        with pytest.raises(ValueError, match=re.escape(message)):
            B.fit_polynomial(Y[:4], targets, degree=2)

    def test_inputs_have_as_many_dimensions_as_they_should():
        for call in (B.least_squares, lambda x, y: B.fit_random_features(x, y, width=3)):
            with pytest.raises(ValueError, match=r"x must be 2-dimensional, got the shape \(4,\)"):
                call(Y[:4], Y[:4])
        for call in (B.polynomial_features, lambda x, degree: B.fit_polynomial(x, Y[:4], degree)):
            with pytest.raises(ValueError, match=r"x must be 1-dimensional, got the shape \(4, 2\)"):
                call(X, 2)
