"""Samples of arguments for convolutions, pooling, losses and distances: arrays stand for tensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.ops.samples_shape import Maker


def arrays(*shapes: tuple[int, ...]) -> Callable[..., Maker]:
    """A maker of arrays of these shapes, followed by the given arguments."""
    return lambda *args, **kwargs: lambda rng: ((*[rng.standard_normal(shape) for shape in shapes], *args), kwargs)


def distinct(*shape: int) -> Callable[..., Maker]:
    """A maker of an array whose elements lie well apart, as a maximum needs, followed by the given arguments."""
    size = int(np.prod(shape))
    return lambda *args, **kwargs: lambda rng: ((rng.permutation(size).reshape(shape) / 8.0, *args), kwargs)


def probabilities(count: int, *shape: int) -> Callable[..., Maker]:
    """A maker of ``count`` arrays of numbers between 0.1 and 0.9, followed by the given arguments."""
    return lambda *args, **kwargs: lambda rng: ((*[rng.uniform(0.1, 0.9, shape) for _ in range(count)], *args), kwargs)


CLASSES = np.array([2, 0, 1])
SIGNS = np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, -1.0, 1.0, 1.0], [1.0, 1.0, -1.0, 1.0]])
WEIGHT = np.array([0.5, 2.0, 1.0, 0.7])

_SAMPLES: dict[str, list[Maker]] = {
    "adaptive_avg_pool1d": [arrays((2, 2, 7))(3)],
    "adaptive_avg_pool2d": [arrays((1, 2, 4, 6))(2), arrays((2, 5, 3))((2, None))],
    "adaptive_avg_pool3d": [arrays((1, 1, 3, 4, 2))((2, 3, 1))],
    "adaptive_max_pool1d": [distinct(2, 2, 7)(3)],
    "adaptive_max_pool2d": [distinct(1, 2, 4, 6)(2), distinct(2, 5, 3)((2, None), return_indices=True)],
    "adaptive_max_pool3d": [distinct(1, 1, 3, 4, 2)((2, 3, 1))],
    "avg_pool1d": [arrays((2, 2, 7))(3, 2, 1)],
    "avg_pool2d": [arrays((1, 2, 5, 6))(2), arrays((2, 5, 4))(3, 2, 1, True, False)],
    "avg_pool3d": [arrays((1, 1, 3, 4, 2))(2, divisor_override=3)],
    "bilinear": [arrays((2, 3), (2, 2), (2, 3, 2), (2,))()],
    "binary_cross_entropy": [probabilities(2, 2, 3)(), probabilities(2, 2, 3)(reduction="none")],
    "binary_cross_entropy_with_logits": [probabilities(2, 2, 3)(), probabilities(2, 2, 3)(reduction="sum")],
    "conv1d": [arrays((2, 2, 6), (3, 2, 3), (3,))(2, 1), arrays((2, 6), (2, 1, 2))(padding="same", groups=2)],
    "conv2d": [
        arrays((1, 2, 4, 5), (2, 2, 2, 3), (2,))(),
        arrays((1, 2, 5, 5), (4, 1, 2, 2))(None, 2, 1, 2, 2),
        arrays((1, 3, 4, 3), (3, 1, 3, 2), (3,))(padding=1, groups=3),
        arrays((2, 3, 3, 2), (2, 3, 1, 1))(),
    ],
    "conv3d": [arrays((1, 1, 3, 4, 3), (2, 1, 2, 2, 2), (2,))((1, 2, 1), (0, 1, 0))],
    "conv_transpose1d": [arrays((2, 2, 4), (2, 3, 3), (3,))(2, 1, 1)],
    "conv_transpose2d": [arrays((1, 2, 3, 2), (2, 1, 2, 3), (2,))((2, 1), groups=2, dilation=(1, 2))],
    "conv_transpose3d": [arrays((1, 1, 2, 2, 2), (1, 2, 2, 1, 2))(None, 2)],
    "cosine_embedding_loss": [arrays((3, 4), (3, 4))(SIGNS[:, 0], margin=-0.5)],
    "cosine_similarity": [arrays((3, 4), (3, 4))(), arrays((3, 4), (1, 4))(1, 0.1)],
    "cross_entropy": [
        arrays((3, 4))(CLASSES),
        arrays((3, 4))(CLASSES, WEIGHT, ignore_index=1, reduction="none", label_smoothing=0.2),
        arrays((2, 3, 2))(np.array([[0, 2], [1, -100]]), label_smoothing=0.1),
        arrays((3, 4), (3, 4))(label_smoothing=0.1),
    ],
    "gaussian_nll_loss": [probabilities(3, 2, 3)(full=True)],
    "hinge_embedding_loss": [arrays((3, 4))(SIGNS)],
    "huber_loss": [arrays((2, 3), (2, 3))(), arrays((2, 3), (2, 3))("none", 0.5)],
    "kl_div": [probabilities(2, 2, 3)(reduction="batchmean"), arrays((2, 3), (2, 3))(reduction="sum", log_target=True)],
    "l1_loss": [arrays((2, 3), (2, 3))(), arrays((2, 3), (2, 3))(reduction="none")],
    "lp_pool1d": [probabilities(1, 1, 2, 7)(2, 3, 2)],
    "lp_pool2d": [probabilities(1, 1, 2, 4, 4)(3, 2)],
    "lp_pool3d": [probabilities(1, 1, 1, 2, 4, 2)(1.5, 2)],
    "margin_ranking_loss": [arrays((3, 4), (3, 4))(SIGNS, 0.2)],
    "max_pool1d": [distinct(2, 2, 7)(3, 2, 1)],
    "max_pool2d": [distinct(1, 2, 5, 6)(2), distinct(2, 5, 4)(3, 1, 1, 1, True, True)],
    "max_pool3d": [distinct(1, 1, 3, 4, 2)(2, dilation=(1, 2, 1))],
    "max_unpool1d": [arrays((1, 1, 2))(np.array([[[1, 2]]]), 2)],
    "max_unpool2d": [arrays((1, 1, 1, 2))(np.array([[[[5, 2]]]]), 2)],
    "max_unpool3d": [arrays((1, 1, 1, 1, 1))(np.array([[[[[6]]]]]), 2)],
    "mse_loss": [arrays((2, 3), (2, 3))(), arrays((2, 3), (2, 3))(reduction="none"), arrays((), ())()],
    "multi_margin_loss": [arrays((3, 4))(CLASSES), arrays((3, 4))(CLASSES, 2, 0.5, WEIGHT, reduction="none")],
    "multilabel_margin_loss": [arrays((2, 3))(np.array([[1, -1, 0], [2, 0, -1]]))],
    "multilabel_soft_margin_loss": [arrays((2, 3))(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]))],
    "nll_loss": [arrays((3, 4))(CLASSES, WEIGHT), arrays((2, 3, 2))(np.array([[0, 2], [1, -100]]), reduction="none")],
    "pairwise_distance": [arrays((3, 4), (3, 4))(), arrays((3, 4), (4,))(3.0, keepdim=True)],
    "pdist": [arrays((4, 3))(), arrays((3, 2))(3.0)],
    "poisson_nll_loss": [probabilities(2, 2, 3)(), probabilities(2, 2, 3)(False, True)],
    "smooth_l1_loss": [arrays((2, 3), (2, 3))(), arrays((2, 3), (2, 3))(reduction="none", beta=0.5)],
    "soft_margin_loss": [arrays((3, 4))(SIGNS)],
    "triplet_margin_loss": [arrays((2, 3), (2, 3), (2, 3))(4.0), arrays((2, 3), (2, 3), (2, 3))(5.0, 3, swap=True)],
    "triplet_margin_with_distance_loss": [arrays((2, 3), (2, 3), (2, 3))(margin=4.0)],
}
SAMPLES = {f"nn.functional.{name}": makers for name, makers in _SAMPLES.items()}

# Constants among the arguments: they never get a gradient.
CONSTANTS = (CLASSES, SIGNS, WEIGHT)
