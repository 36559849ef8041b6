"""torch.compile takes the functions on images as one graph, and they run on the meta device and under autocast.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import pytest
import torch

from tests.unchecked import CHECKED, run_unchecked
from trainwell import augmentation as A

FUNCTIONS = {
    "horizontal_flip": A.horizontal_flip,
    "vertical_flip": A.vertical_flip,
    "crop": lambda x: A.crop(x, 1, 2, 4, 3),
    "crop over the border": lambda x: A.crop(x, -1, 2, 4, 9, 0.5),
    "affine": lambda x: A.affine(x, A.compose(A.rotation(20), A.scaling(1.1, 0.8), A.shearing(5)), "bilinear", 0.3),
    "affine nearest": lambda x: A.affine(x, A.translation(2, 1)),
    "lens_distortion": lambda x: A.lens_distortion(x, 0.2, 0.1),
    "adjust_brightness": lambda x: A.adjust_brightness(x, 1.3),
    "adjust_contrast": lambda x: A.adjust_contrast(x, 1.3),
    "add_noise": lambda x: A.add_noise(x, 0.1 * torch.ones_like(x)),
    "pca_lighting": lambda x: A.pca_lighting(x, 0.1 * torch.ones(3)),
    "erase": lambda x: A.erase(x, 1, 2, 3, 2, 0.5),
    "ten_crop": lambda x: torch.stack(A.ten_crop(x, 4)),
    "relabel": lambda x: A.relabel((x * 9).long(), {6: 9, 9: 6}),
    "apply_operation": lambda x: A.apply_operation(x, "Rotate", 20.0),
}
every_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:

    @every_function
    def test_compiles_to_one_graph(function):
        torch.compiler.reset()
        x = torch.rand(2, 3, 6, 7)
        compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(x), function(x))

    @pytest.mark.parametrize("shape", [(3, 6, 7), (2, 3, 6, 7)], ids=str)
    @every_function
    def test_keeps_to_the_device_of_its_input(function, shape):
        """The meta device holds shapes only: a tensor from elsewhere that mixes in is an error."""
        expected = function(torch.rand(shape))
        result = function(torch.empty(shape, device="meta"))
        assert (result.device.type, result.shape, result.dtype) == ("meta", expected.shape, expected.dtype)

    @every_function
    def test_runs_under_autocast(function):
        x = torch.rand(2, 3, 6, 7)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = function(x)
        torch.testing.assert_close(result.float(), function(x).float(), atol=0.02, rtol=0.02)

    TRANSFORMS = [
        A.RandomHorizontalFlip(1.0),
        A.RandomAffine(10, (0.1, 0.1)),
        A.RandomLensDistortion(),
        A.RandomCrop(5, 2),
        A.RandomResizedCrop(5),
        A.RandomShortestSize(9),
        A.TenCrop(4),
        A.ColorJitter(0.5, 0.5),
        A.GaussianNoise(),
        A.PCALighting(),
        A.Cutout(3),
        A.RandomErasing(1.0),
    ]

    @pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: type(transform).__name__)
    def test_transforms_run_on_the_meta_device(transform):
        result = transform(torch.empty(2, 3, 6, 7, device="meta"))
        parts = result if isinstance(result, tuple) else (result,)
        assert all(part.device.type == "meta" for part in parts)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
    @pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: type(transform).__name__)
    def test_transforms_take_half_precision_where_torch_does(transform, dtype):
        x = torch.rand(2, 3, 6, 7).to(dtype)
        result = transform(x)
        parts = result if isinstance(result, tuple) else (result,)
        assert all(part.dtype == dtype for part in parts)
