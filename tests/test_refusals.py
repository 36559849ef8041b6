"""What a user sees who gives a tensor of the wrong dtype or shape: an error that says which, not a broadcast.

The shape checks of the other tests would speak first, so these run in a process without them.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.unchecked import CHECKED, run_unchecked
from trainwell import augmentation as A
from trainwell import normalization as N

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:
    X = torch.rand(2, 4, 5, 3)
    THREE = torch.ones(3)
    INTEGERS = torch.arange(24).view(2, 4, 3)
    PARTNERS = torch.tensor([1, 0])

    @pytest.mark.parametrize(
        "norm",
        [
            lambda x: N.normalize(x, [1]),
            lambda x: N.batch_norm(x, training=True),
            lambda x: N.layer_norm(x, [3]),
            lambda x: N.group_norm(x, 2),
            N.instance_norm,
            N.sync_batch_norm,
            N.Normalize([0.5], [0.5]),
        ],
    )
    def test_no_norm_takes_integers(norm):
        with pytest.raises(ValueError, match=r"x must be of a floating point dtype, got torch.int64"):
            norm(INTEGERS)

    @pytest.mark.parametrize("name", ["running_mean", "running_var", "weight", "bias"])
    @pytest.mark.parametrize("norm", [N.batch_norm, N.sync_batch_norm])
    def test_batch_norm_says_which_vector_is_for_other_channels(norm, name):
        vectors = {"running_mean": torch.zeros(4), "running_var": torch.ones(4), name: THREE}
        with pytest.raises(ValueError, match=rf"many channels as {name} has values, 3, got the shape \(2, 4, 5, 3\)"):
            norm(X, **vectors)

    @pytest.mark.parametrize("name", ["weight", "bias"])
    @pytest.mark.parametrize("norm", [N.instance_norm, lambda x, **v: N.group_norm(x, 2, **v)])
    def test_group_and_instance_norm_too(norm, name):
        with pytest.raises(ValueError, match=rf"x must have as many channels as {name} has values, 3, got the shape"):
            norm(X, **{name: THREE})

    @pytest.mark.parametrize("name", ["weight", "bias"])
    def test_layer_norm_says_what_has_the_wrong_shape(name):
        with pytest.raises(ValueError, match=rf"{name} must have the shape \(5, 3\), as normalized_shape, got \(3,\)"):
            N.layer_norm(X, [5, 3], **{name: THREE})

    @pytest.mark.parametrize(
        "layer", [N.BatchNorm2d(3), N.BatchNorm2d(3).eval(), N.InstanceNorm2d(3, affine=True), N.SyncBatchNorm(3)]
    )
    def test_layers_made_for_other_channels(layer):
        with pytest.raises(ValueError, match=r"has values, 3, got the shape \(2, 4, 5, 3\)"):
            layer(X)

    @pytest.mark.parametrize("layer", [N.ConditionalBatchNorm2d, N.ConditionalInstanceNorm2d])
    def test_conditional_norms(layer):
        with pytest.raises(ValueError, match="many channels as weight has values, 3, got the shape"):
            layer(3, num_classes=2)(X, PARTNERS)
        with pytest.raises(ValueError, match="x and labels must have one length, got 2 and 1"):
            layer(4, num_classes=2)(X, torch.tensor([1]))

    def test_norms_of_two_dimensions_and_more():
        for norm in (N.batch_norm, N.sync_batch_norm, N.instance_norm, N.SyncBatchNorm(3)):
            with pytest.raises(ValueError, match=r"x must have examples and channels, got the shape \(3,\)"):
                norm(THREE)

    def test_style_and_context():
        for style in (X[:, :3], X[:1]):
            with pytest.raises(ValueError, match="style must have the examples and the channels of content, "):
                N.adaptive_instance_norm(X, style)
        with pytest.raises(ValueError, match="as many channels as codeword has values, 3, got the shape"):
            N.ContextEncoding(3, num_codewords=2)(X)

    def test_input_normalisation():
        for x in (X, THREE):
            with pytest.raises(ValueError, match=r"x must have 3 channels in dimension -3, got the shape"):
                N.Normalize(N.IMAGENET_MEAN, N.IMAGENET_STD)(x)
        assert N.Normalize([0.5], [0.5])(X).equal((X - 0.5) / 0.5)  # one mean for all
        with pytest.raises(ValueError, match=r"x must have 2 features, got the shape \(2, 3\)"):
            N.Whitening(torch.zeros(2), torch.eye(2))(torch.zeros(2, 3))

    def test_only_batch_norm_can_be_folded():
        with pytest.raises(ValueError, match="norm must be a batch norm, got LayerNorm"):
            N.fold_batch_norm(nn.Linear(4, 3).eval(), nn.LayerNorm(3).eval())

    def test_mixing_wants_rows_of_probabilities():
        advice = r"labels must be rows of probabilities, got torch.int64: one_hot\(labels, num_classes\).float\(\)"
        with pytest.raises(ValueError, match=advice):
            A.mixup(X, PARTNERS, 0.5, PARTNERS)
        with pytest.raises(ValueError, match=advice):
            A.cutmix(X, PARTNERS, (0, 0, 1, 1), PARTNERS)
        with pytest.raises(ValueError, match=r"x must be of a floating point dtype, got torch.int64"):
            A.mixup(INTEGERS, torch.eye(2), 0.5, PARTNERS)

    def test_lighting_wants_as_many_channels_as_components():
        for image in (torch.rand(1, 8, 8), torch.rand(8, 8)):
            with pytest.raises(ValueError, match="image must have 3 channels, as components, got the shape"):
                A.PCALighting()(image)
        grey = A.principal_components(torch.rand(4, 1, 8, 8))
        assert A.PCALighting(components=grey)(torch.rand(1, 8, 8)).shape == (1, 8, 8)

    def test_arrays_are_no_images():
        with pytest.raises(ValueError, match=r"RandomCrop takes tensors, got a NumPy array: put v2.ToImage\(\) before"):
            A.RandomCrop(4)(np.zeros((8, 8, 3)))
        image, labels = A.RandomCrop(4)(torch.zeros(3, 8, 8), np.array([1, 2]))
        assert image.shape == (3, 4, 4)
        assert labels.tolist() == [1, 2]

    def test_compiled_and_without_data_nothing_is_looked_at():
        layer = N.ConditionalBatchNorm2d(4, num_classes=2)
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(X, PARTNERS), layer(X, PARTNERS))
        assert layer.to("meta")(X.to("meta"), PARTNERS.to("meta")).shape == X.shape
