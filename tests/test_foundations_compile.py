"""torch.compile takes the foundations as one graph, and the library itself refuses wrong shapes.

The shape checks wrap every function, which breaks the graph, and refuse shapes first, so these run in a
process without them.
"""

from __future__ import annotations

import pytest
import torch

from tests.registries import parametrize
from tests.registries.activations import ACTIVATIONS
from tests.registries.losses import LOSSES, inputs
from tests.unchecked import CHECKED, run_unchecked
from trainwell import activations as A
from trainwell import backpropagation as B
from trainwell import losses, scores

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:

    @pytest.fixture(autouse=True)
    def _fresh():
        torch.compiler.reset()

    def compiled(f):
        return torch.compile(f, backend="aot_eager", fullgraph=True)

    @pytest.mark.parametrize("gate", [B.Add, B.Multiply, B.Max])
    def test_gates_of_two_inputs_refuse_two_shapes(gate):
        with pytest.raises(ValueError, match=r"x and y must have one shape, got \(2, 1\) and \(2,\)"):
            gate().forward(torch.ones(2, 1), torch.ones(2))

    def test_the_two_layer_network():
        model = B.init_two_layer_model(4, 6, 3, std=1.0, generator=torch.Generator().manual_seed(0))
        X, y = torch.randn(5, 4), torch.arange(5) % 3
        torch.testing.assert_close(compiled(B.two_layer_net)(X, model, y, 0.1), B.two_layer_net(X, model, y, 0.1))

    @parametrize(LOSSES)
    def test_losses(entry):
        x, *rest = inputs(entry, 6, 4)
        results = []
        for f in (entry.make, compiled(entry.make)):
            leaf = x.clone().requires_grad_()
            value = f(leaf, *rest)
            results.append((value.detach(), *torch.autograd.grad(value, leaf)))
        torch.testing.assert_close(*results)

    @parametrize(LOSSES, having="classes")
    def test_losses_under_autocast(entry):
        def run(*arguments):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return entry.make(*arguments)

        arguments = inputs(entry, 6, 4, dtype=torch.bfloat16)
        ours = compiled(run)(*arguments)
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, run(*arguments))

    @pytest.mark.parametrize(
        "loss", [losses.binary_cross_entropy_with_logits, losses.hinge_loss, losses.mse_loss, losses.l1_loss]
    )
    def test_losses_refuse_shapes_that_would_broadcast(loss):
        with pytest.raises(ValueError, match=r"input and target must have one shape, got \(3, 1\) and \(3,\)"):
            loss(torch.ones(3, 1), torch.ones(3))

    def test_losses_of_pairs_and_triplets_refuse_two_shapes():
        a, b = torch.ones(3, 2), torch.ones(1, 2)
        with pytest.raises(ValueError, match=r"input1 and input2 must have one shape, got \(3, 2\) and \(1, 2\)"):
            losses.cosine_embedding_loss(a, b, torch.ones(3))
        shapes = r"\(3, 2\) and \(3, 2\) and \(1, 2\)"
        with pytest.raises(ValueError, match=f"anchor and positive and negative must have one shape, got {shapes}"):
            losses.triplet_margin_loss(a, a, b)
        with pytest.raises(ValueError, match="input and target must have one shape"):
            losses.mixed_label_cross_entropy(a, b, threshold=0.2)

    @parametrize(ACTIVATIONS, having="gradient")
    @pytest.mark.parametrize("autocast", [False, True])
    def test_activations(entry, autocast):
        def run(x):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                return entry.make(x) + 2 * entry.slope(x)

        results = []
        for f in (run, compiled(run)):
            x = torch.linspace(-3, 3, 12).requires_grad_()
            y = f(x)
            results.append((y.detach(), *torch.autograd.grad(y.sum(), x)))
        torch.testing.assert_close(*results)

    @pytest.mark.parametrize("layer", [lambda: A.PReLU(4), lambda: A.Maxout(4, 3), A.Step], ids=str)
    def test_layers(layer):
        torch.manual_seed(0)
        layer, x = layer(), torch.randn(5, 4)
        torch.testing.assert_close(compiled(layer)(x), layer(x))

    def test_derivatives_with_weights():
        x = torch.randn(5, 4)
        weight, bias = torch.randn(2, 3, 4), torch.randn(2, 3)
        torch.testing.assert_close(compiled(A.maxout_derivative)(x, weight, bias), A.maxout_derivative(x, weight, bias))
        torch.testing.assert_close(compiled(A.prelu_derivative)(x, bias[0, :1]), A.prelu_derivative(x, bias[0, :1]))

    @pytest.mark.parametrize("score", [scores.precision, scores.recall, scores.f1, scores.mean_squared_error])
    def test_scores_refuse_shapes_that_would_broadcast(score):
        message = r"predictions and targets must have one shape, got \(3, 1\) and \(3,\)"
        with pytest.raises(ValueError, match=message):
            score(torch.ones(3, 1), torch.ones(3))
        with pytest.raises(ValueError, match=message):
            scores.mean_iou(torch.ones(3, 1, dtype=torch.long), torch.ones(3, dtype=torch.long), 2)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x: losses.cross_entropy(x, torch.ones(3).long()), r"target must have the shape \(4,\), got \(3,\)"),
            (
                lambda x: losses.cross_entropy(x, x[:1]),
                r"input and target must have one shape, got \(4, 3\) and \(1, 3\)",
            ),
            (
                lambda x: losses.multi_margin_loss(x, torch.zeros(1).long()),
                r"target must have the shape \(4,\), got \(1,\)",
            ),
            (
                lambda x: losses.cosine_embedding_loss(x, x, torch.ones(1)),
                r"target must have the shape \(4,\), got \(1,\)",
            ),
            (lambda x: scores.accuracy(x, torch.zeros(1).long()), r"targets must have the shape \(4,\), got \(1,\)"),
            (
                lambda x: scores.accuracy(x, torch.zeros(4, 1).long()),
                r"targets must have the shape \(4,\), got \(4, 1\)",
            ),
            (lambda x: scores.accuracy(x, x[:1]), r"targets must have the shape \(4, 3\), got \(1, 3\)"),
            (lambda x: scores.accuracy(x[:, 0], torch.zeros(1)), r"targets must have the shape \(4,\), got \(1,\)"),
            (
                lambda x: scores.calibration_error(x.softmax(1), torch.zeros(1).long()),
                r"targets must have the shape \(4,\), got \(1,\)",
            ),
            (
                lambda x: scores.average_precision(torch.rand(3), torch.ones(4).long()),
                r"scores and targets must have one shape, got \(3,\) and \(4,\)",
            ),
            (
                lambda x: scores.mean_average_precision(x, torch.zeros(5).long()),
                r"targets must have the shape \(4,\), got \(5,\)",
            ),
            (
                lambda x: scores.mean_average_precision(x, torch.ones(5, 3).long()),
                r"scores and targets must have one shape, got \(4, 3\) and \(5, 3\)",
            ),
            (
                lambda x: scores.precision(torch.tensor([0.7, 0.2]), torch.tensor([1, 0])),
                r"predictions must be 0 or 1, got 0\.7",
            ),
            (
                lambda x: scores.average_precision(x[0], torch.tensor([0.0, 0.5, 1.0])),
                r"targets must be 0 or 1, got 0\.5",
            ),
        ],
    )
    def test_losses_and_scores_refuse_what_does_not_belong_together(call, message):
        with pytest.raises(ValueError, match=message):
            call(torch.randn(4, 3))
