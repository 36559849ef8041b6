"""What the prose says of each experiment holds at reduced size too; and the numbers are written as they should be."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from book.experiments import measure
from book.experiments.measure import Arm, Size, Trial
from book.experiments.regularization import CLAIMS
from book.experiments.regularization.common import unregularized

SMALL = Size(seeds=2, trials=1, train=500, epochs=40)
BY_NAME = {claim.__name__: claim for claim in CLAIMS}


@cache
def small(name):
    """A claim at reduced size; several tests may look at it."""
    return BY_NAME[name](SMALL)


def test_overfitting_shows():
    plain = small("overfitting")["plain"]
    assert plain["train_accuracy"] > 0.95, "wrong labels are learnt by heart"
    assert plain["last_accuracy"] < plain["best_accuracy"] - 0.03


def test_only_the_proximal_step_makes_zeros():
    claim = small("sparsity")
    assert claim["proximal"]["zeros"] > 0.1
    assert claim["subgradient"]["zeros"] == claim["l2"]["zeros"] == 0


def test_coefficients_are_those_of_scikit_learn():
    claim = small("coefficient_paths")
    assert max(claim[name]["deviation"] for name in ("ridge", "lasso", "elastic")) < 1e-6


def test_only_coupled_decay_under_adam_spares_the_loud_weight():
    claim = small("shrinkage")
    assert claim["adam_coupled"]["loud_loss"] < 0.2 * claim["adam_coupled"]["quiet_loss"]
    assert claim["adam_decoupled"]["loud_loss"] == pytest.approx(claim["adam_decoupled"]["quiet_loss"], rel=0.1)
    for metric, values in claim["sgd_coupled"].values.items():
        assert values == pytest.approx(claim["sgd_decoupled"].values[metric], abs=1e-9)


@pytest.mark.parametrize("arm", ["coupled", "decoupled"])
def test_weight_decay_helps_with_wrong_labels_at_the_usual_rate(arm):
    claim = small("weight_decay")
    assert claim[arm]["accuracy"] > claim["fixed"]["accuracy"]


def test_with_wrong_labels_a_smaller_rate_helps_too():
    fixed, tuned = (unregularized(replace(SMALL, trials=k), noise=0.3) for k in (1, 3))
    assert tuned.setting["lr"] < fixed.setting["lr"]
    assert tuned["accuracy"] > fixed["accuracy"] + 0.03


def test_the_best_epoch_beats_the_last_with_wrong_labels_at_the_usual_rate():
    claim = small("early_stopping")
    assert claim["best"]["accuracy"] > claim["last"]["accuracy"] + 0.01


def test_stopping_is_close_to_ridge_but_not_ridge():
    assert 0.05 < small("stopping_as_l2")["matched"]["factor_gap"] < 0.25


def test_dropout_helps_with_wrong_labels():
    claim = small("dropout_noisy")
    assert claim["with"]["accuracy"] > claim["without"]["accuracy"] + 0.01


def test_dropout_mends_the_probabilities_on_clean_labels():
    claim = BY_NAME["dropout_clean"](Size(seeds=2, trials=1, train=500, epochs=100))
    assert claim["with"]["loss"] < claim["without"]["loss"]
    assert claim["with"]["calibration_error"] < claim["without"]["calibration_error"]


def test_weight_scaling_is_the_geometric_mean_below_one_softmax_layer_only():
    claim = small("submodels")
    assert claim["scaling"]["from_geometric"] < 1e-12
    assert claim["deep_scaling"]["from_geometric"] > 0.01
    assert claim["scaling"]["distance"] > 0.01, "and it is not the arithmetic mean"


def test_more_submodels_come_closer_to_all_of_them():
    claim = small("submodels")
    distances = [claim[name]["distance"] for name in ("one", "sampled10", "sampled100", "exact")]
    assert distances == sorted(distances, reverse=True)
    assert claim["exact"]["accuracy"] > claim["one"]["accuracy"]


def test_dropout_makes_units_useful_without_each_other():
    claim = small("co_adaptation")
    assert claim["with"]["lost_accuracy"] < claim["without"]["lost_accuracy"]
    assert claim["with"]["correlation"] < claim["without"]["correlation"]


@pytest.mark.parametrize("noise", ["dropout", "dropconnect", "depth", "input"])
def test_averaging_wins_back_what_noise_costs(noise):
    arm = small("random_average")[noise]
    assert arm["average_accuracy"] > arm["one_accuracy"]
    assert arm["quiet_accuracy"] == pytest.approx(arm["average_accuracy"], abs=0.04)


def test_input_noise_helps_on_this_data():
    claim = small("noise_places")
    assert claim["input"]["accuracy"] > claim["none"]["accuracy"]


def test_smoothing_lowers_confidence_from_over_to_under():
    claim = small("smoothing_strengths")
    confidences = [arm["confidence_share"] for arm in claim.values()]
    assert confidences == sorted(confidences, reverse=True)
    assert claim["s0"]["confidence_share"] > claim["s0"]["accuracy"]
    assert claim["s40"]["confidence_share"] < claim["s40"]["accuracy"]


@pytest.mark.parametrize("arm", ["penalty", "fgsm", "pgd"])
def test_robust_training_survives_more_attacks(arm):
    claim = small("robustness")
    assert claim["plain"]["attacked"] < claim["plain"]["accuracy"] - 0.1
    assert claim[arm]["attacked"] > claim["plain"]["attacked"]


def test_an_ensemble_of_full_runs_beats_one_model():
    claim = small("ensembles")
    assert claim["full"]["accuracy"] > claim["single"]["accuracy"]


def test_at_equal_cost_several_models_are_better_calibrated_than_one():
    claim = BY_NAME["ensembles"](Size(seeds=1, trials=1, train=500, epochs=100))
    assert claim["snapshots"]["calibration_error"] < claim["single"]["calibration_error"]
    assert claim["equal"]["calibration_error"] < claim["snapshots"]["calibration_error"]
    assert claim["short"]["calibration_error"] < claim["snapshots"]["calibration_error"], "and a short run alone too"


@pytest.mark.parametrize("arm", ["ema99", "swa"])
def test_averages_beat_the_last_weights_at_a_constant_rate(arm):
    claim = small("weight_averages")
    assert claim[arm]["accuracy"] > claim["last"]["accuracy"]


def test_weights_average_well_from_one_root_only():
    claim = small("soups")
    assert claim["one_root"]["average_accuracy"] > claim["one_root"]["member_accuracy"] - 0.03
    assert claim["five_roots"]["average_accuracy"] < claim["five_roots"]["member_accuracy"] - 0.2


def test_tuning_chooses_on_validation_and_reports_only_what_was_chosen():
    reported = []

    def run(seed, a):
        def report():
            reported.append((seed, a))
            return {"accuracy": a + seed}

        return Trial(validation=-a, report=report)

    best = measure.tune(run, [{"a": 3}, {"a": 1}, {"a": 0}], Size(seeds=2, trials=2))
    assert best.setting == {"a": 1}, "the third setting lies beyond the budget"
    assert reported == [(0, 1), (1, 1)]
    assert best.values == {"accuracy": [1, 2]}


def test_interval_is_that_of_student():
    centre, low, high = measure.interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (centre, low, high) == pytest.approx((3, 3 - 1.963243, 3 + 1.963243), abs=1e-5)


def test_numbers_are_written_for_prose():
    claim = {
        "without": Arm({"accuracy": [0.5, 0.6], "loss": [1e-9, 1e-9]}),
        "with": Arm({"accuracy": [0.4, 0.4], "lost_accuracy": [0.1, 0.1]}, {"p": 0.5}),
    }
    numbers = measure.summary(claim)["numbers"]
    assert numbers["accuracy_without"] == "55.0%"
    assert numbers["loss_without"] == "1 × 10⁻⁹"
    assert numbers["accuracy_gain_with"] == "−15.0"
    assert numbers["accuracy_gain_with_interval"] == "−78.5 to +48.5"
    assert numbers["p_with"] == "0.5"
    assert numbers["lost_accuracy_with"] == "10.0", "a difference is in points"


def test_the_result_file_holds_every_claim_with_five_seeds_or_more():
    record = json.loads((Path(measure.__file__).parent / "regularization.json").read_text())
    assert list(record["claims"]) == list(BY_NAME)
    for name, claim in record["claims"].items():
        assert len(claim["seeds"]) >= 5, name
        assert {"claim", "settings", "seconds", "numbers", "arms"} <= set(claim)
    assert {"python", "torch", "trainwell"} == set(record["versions"])


def test_the_same_seed_gives_the_same_numbers():
    torch.set_num_threads(1)
    size = Size(seeds=1, trials=1, train=200, epochs=3)
    first, second = (BY_NAME["co_adaptation"](size)["with"].values for _ in range(2))
    assert first == second
