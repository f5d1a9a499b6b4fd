"""Softmax over very many classes: the frequent ones one by one, the rare ones in clusters (Grave et al., 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from framework.dtypes import dtype as DType
from framework.nn import functional as F
from framework.nn.modules.container import ModuleList, Sequential
from framework.nn.modules.linear import Linear
from framework.nn.modules.module import Module
from framework.ops.joining import cat
from framework.ops.reductions import mean
from framework.tensor import Tensor


class _ASMoutput(NamedTuple):
    """The log probability of each target, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log likelihood of classes that are sorted by frequency, the most frequent first.

    The head is a linear layer over the classes before the first cutoff and one number for each cluster of further classes;
    each cluster in the tail has two smaller linear layers of its own.

    Args:
        in_features: The number of features.
        n_classes: The number of classes.
        cutoffs: Where clusters begin, in increasing order, between 1 and ``n_classes - 1``.
        div_value: Cluster i has ``in_features / div_value ** (i + 1)`` hidden features, counted from 0.
        head_bias: Whether the head has a bias.
        device: Only the CPU is there.
        dtype: Of the parameters.

    Raises:
        ValueError: For other cutoffs.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        bounds = list(cutoffs)
        if not bounds:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if bounds != sorted({int(each) for each in bounds}) or bounds[0] <= 0 or bounds[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is "
                f"between 1 and n_classes-1; got {bounds} for n_classes={n_classes}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*bounds, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = bounds[0]
        self.n_clusters = len(bounds)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (first, last) in enumerate(self._clusters()):
            hidden = int(in_features // div_value ** (i + 1))
            projection = Linear(in_features, hidden, False, device, dtype)
            self.tail.append(Sequential(projection, Linear(hidden, last - first, False, device, dtype)))

    def _clusters(self) -> list[tuple[int, int]]:
        """The first class of each cluster, and the first after it."""
        return list(zip(self.cutoffs, self.cutoffs[1:], strict=False))

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.head.reset_parameters()
        for projection, output in self.tail:
            projection.reset_parameters()
            output.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """Log probabilities of the targets, and the loss.

        Args:
            input_: ``(N, in_features)`` or ``(in_features,)``.
            target_: Classes, ``(N,)`` or ``()``.

        Returns:
            ``output`` in the shape of the target, and the scalar ``loss``, the mean of ``-output``.

        Raises:
            RuntimeError: If the shapes don't fit together, or a target is no class.
        """
        _check_shapes(input_, target_)
        batched = len(target_.shape) == 1
        input: Any = input_ if batched else input_.unsqueeze(0)
        target: Any = target_ if batched else target_.unsqueeze(0)
        if ((target < 0) | (target >= self.n_classes)).any():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()}, "
                f"{target.max().item()}] were found. "
            )
        in_head = target.clone()
        output: Any = input.new_zeros(target.shape[0])
        for i, (first, last) in enumerate(self._clusters()):
            rows = ((target >= first) & (target < last)).nonzero().squeeze(1)
            if rows.numel():
                in_head[rows] = self.shortlist_size + i
                within = F.log_softmax(self.tail[i](input[rows]), dim=1)
                output = output.index_add(0, rows, within.gather(1, (target[rows] - first).unsqueeze(1)).squeeze(1))
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, in_head.unsqueeze(1)).squeeze(1)
        loss: Tensor = mean(-output)
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _all_classes(self, input: Any, head_output: Any) -> Any:
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            column = self.shortlist_size + i
            parts.append(F.log_softmax(cluster(input), dim=1) + head[:, column : column + 1])
        return cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log probabilities of all classes: ``(N, in_features)`` to ``(N, n_classes)``."""
        result: Tensor = self._all_classes(input, self.head(input))
        return result

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row, ``(N,)``: that of ``log_prob``, which is computed only where it is needed."""
        head: Any = self.head(input)
        best: Tensor = head.argmax(dim=1)
        in_tail: Any = best >= self.shortlist_size
        if in_tail.any():
            best[in_tail] = self._all_classes(input[in_tail], head[in_tail]).argmax(dim=1)
        return best


def _check_shapes(input: Tensor, target: Tensor) -> None:
    dims = len(target.shape)
    if dims > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if dims == 1 and input.shape[0] != target.shape[0]:
        raise RuntimeError(
            "Input and target should have the same size in the batch dimension, but got "
            f"{list(input.shape)} and {list(target.shape)}."
        )
    if len(input.shape) != dims + 1:
        raise RuntimeError(
            f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with size {input.shape}"
        )
