"""Samples of arguments for normalizations, embeddings, attention, padding and resizing: arrays stand for tensors."""

from __future__ import annotations

import numpy as np

from tests.ops.samples_nn import arrays
from tests.ops.samples_shape import Maker

ROWS = np.array([[1, 0, 4], [4, 4, 2]])
ALLOWED = np.tril(np.ones((3, 4), bool))


def after(first: np.ndarray, *shapes: tuple[int, ...]) -> Maker:
    """A maker of a constant followed by arrays of these shapes."""
    return lambda rng: ((first, *[rng.standard_normal(shape) for shape in shapes]), {})


def statistics(*shape: int) -> Maker:
    """A maker of an input with running mean, running variance, weight and bias, to be normalized with these."""

    def make(rng: np.random.Generator) -> tuple[tuple[object, ...], dict[str, object]]:
        channels = shape[1]
        weight, bias = rng.standard_normal((2, channels))
        return (rng.standard_normal(shape), MEAN[:channels], VARIANCE[:channels], weight, bias, False), {}

    return make


MEAN, VARIANCE = np.array([0.3, -0.2, 0.1]), np.array([0.5, 1.5, 2.0])
HEADS = (2, 3, 2), (2, 4, 2), (2, 4, 3)

_SAMPLES: dict[str, list[Maker]] = {
    "batch_norm": [
        lambda rng: (
            (rng.standard_normal((4, 3, 2)), None, None, *rng.standard_normal((2, 3))),
            {"training": True},
        ),
        lambda rng: ((rng.standard_normal((5, 2)), None, None), {"training": True, "eps": 0.1}),
        statistics(2, 3, 2),
    ],
    "channel_shuffle": [arrays((1, 4, 2, 3))(2)],
    "embedding": [after(ROWS, (5, 3)), after(ROWS[0], (5, 2))],
    "fold": [arrays((1, 8, 6))((3, 4), 2), arrays((4, 9))((4, 4), 2, 1, 1, 2)],
    "group_norm": [
        lambda rng: ((rng.standard_normal((2, 4, 3)), 2, *rng.standard_normal((2, 4))), {}),
        arrays((2, 4, 2, 2))(1),
    ],
    "instance_norm": [
        arrays((2, 3, 4))(),
        lambda rng: ((rng.standard_normal((2, 3, 2, 2)), None, None, *rng.standard_normal((2, 3))), {}),
    ],
    "interpolate": [
        arrays((1, 2, 4))(scale_factor=2),
        arrays((1, 2, 4))(5, mode="linear"),
        arrays((1, 1, 3, 4))((5, 2), mode="bilinear", align_corners=True),
        arrays((1, 1, 3, 4))(scale_factor=1.5, mode="bicubic"),
        arrays((1, 1, 2, 3, 2))(3, mode="trilinear"),
        arrays((1, 1, 5, 4))(2, mode="area"),
        arrays((1, 2, 4))(6, mode="nearest-exact"),
    ],
    "affine_grid": [arrays((2, 2, 3))((2, 1, 3, 4)), arrays((1, 3, 4))((1, 1, 2, 2, 3), True)],
    "grid_sample": [
        lambda rng, options=options: ((rng.standard_normal((2, 2, 3, 4)), rng.uniform(-1.4, 1.4, (2, 2, 2, 2))), options)
        for options in (
            {},
            {"align_corners": True, "padding_mode": "border"},
            {"padding_mode": "reflection"},
            {"mode": "bicubic", "padding_mode": "reflection", "align_corners": True},
        )
    ],
    "layer_norm": [
        lambda rng: ((rng.standard_normal((3, 4)), (4,), *rng.standard_normal((2, 4))), {}),
        lambda rng: ((rng.standard_normal((2, 3, 4)), (3, 4), rng.standard_normal((3, 4))), {"eps": 0.1}),
        arrays((3, 4))((3, 4)),
    ],
    "local_response_norm": [arrays((2, 5, 3))(3, 0.5), arrays((1, 4, 2, 2))(2, 1.0, 0.5)],
    "normalize": [arrays((3, 4))(), arrays((3, 4))(3.0, 0)],
    "pad": [
        arrays((2, 3))((1, 2, 0, 1), value=0.5),
        arrays((3, 4))((-1, 2)),
        arrays((1, 2, 4))((2, 1), "reflect"),
        arrays((1, 3, 4))((2, 1, 1, 0), "replicate"),
        arrays((1, 1, 3, 4))((2, -1, 1, 0), "circular"),
    ],
    "pixel_shuffle": [arrays((1, 8, 2, 3))(2)],
    "pixel_unshuffle": [arrays((1, 2, 4, 6))(2)],
    "rms_norm": [
        lambda rng: ((rng.standard_normal((3, 4)), (4,), rng.standard_normal(4)), {}),
        arrays((2, 3, 2))((3, 2), eps=0.1),
    ],
    "scaled_dot_product_attention": [
        arrays(*HEADS)(),
        arrays(*HEADS)(is_causal=True, scale=0.3),
        arrays(*HEADS)(ALLOWED),
        arrays(*HEADS, (3, 4))(),
        arrays((1, 4, 3, 2), (1, 2, 4, 2), (1, 2, 4, 2))(enable_gqa=True),
    ],
    "unfold": [arrays((1, 2, 3, 4))(2), arrays((2, 4, 4))((2, 3), 1, 1, 2)],
}
SAMPLES = {f"nn.functional.{name}": makers for name, makers in _SAMPLES.items()}

# Constants among the arguments: they never get a gradient.
CONSTANTS = (ROWS, ALLOWED)
