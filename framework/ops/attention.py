"""Attention: means of values, weighted by how well keys match queries (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import random
from framework.autograd.graph import array_of
from framework.autograd.primitive import primitive
from framework.dtypes import float16, float32
from framework.kernels import attention as kernels
from framework.ops import reductions
from framework.ops.checks import require_tensors
from framework.ops.conversion import to_dtype
from framework.ops.dropout import dropout
from framework.ops.fused import with_kernel
from framework.ops.joining import cat
from framework.ops.linalg import linear, matmul
from framework.ops.picking import repeat_interleave
from framework.ops.shape import reshape, squeeze, swapaxes, transpose, unsqueeze
from framework.ops.softmax import _softmax_backward, softmax
from framework.ops.splitting import chunk, split

if TYPE_CHECKING:
    from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _attention_kernel(
    grad: Any,
    query: Any,
    key: Any,
    value: Any,
    weights: Any,
    dropped: Any,
    scale: float,
    causal: bool,
    needs: tuple[bool, ...],
) -> Any:
    of_result, of_weights = grad
    if of_result is None or of_weights is not None or needs[3]:
        return _in_operations(grad, query, key, value, weights, dropped, scale, causal, needs)
    return [*kernels.attention_gradients(of_result, query, key, value, weights, dropped, scale, causal), None]


def _in_operations(
    grad: Any,
    query: Any,
    key: Any,
    value: Any,
    weights: Any,
    dropped: Any,
    scale: float,
    causal: bool,
    needs: tuple[bool, ...],
) -> Any:
    of_result, of_weights = grad
    of_query = of_key = of_value = of_bias = None
    if of_result is not None:
        if needs[2]:
            kept = weights if dropped is None else weights * dropped
            of_value = swapaxes(kept, -1, -2) @ of_result
        through = of_result @ swapaxes(value, -1, -2)
        if dropped is not None:
            through = through * dropped
        of_weights = through if of_weights is None else through + of_weights
    if of_weights is not None and (needs[0] or needs[1] or needs[3]):
        of_bias = _softmax_backward(of_weights, weights, weights.ndim - 1)
        if needs[0]:
            of_query = (of_bias @ key) * scale
        if needs[1]:
            of_key = swapaxes(of_bias, -1, -2) @ (query * scale)
    return [of_query, of_key, of_value, of_bias]


_attention_gradients = with_kernel(_attention_kernel)(_in_operations)


@primitive(
    lambda grad, query, key, value, result1, dropped, scale, causal, needs: _attention_gradients(
        grad, query, key, value, result1, dropped, scale, causal, needs
    ),
    ("query", "key", "value", "bias"),
    name="ScaledDotProductFlashAttentionForCpu",
    outputs=2,
)
def _attention(
    query: Any, key: Any, value: Any, bias: Any, allowed: Any, dropped: Any, scale: float, causal: bool
) -> Any:
    """The result and the weights before dropout; ``dropped`` is what dropout multiplies these with, or None."""
    return kernels.attention(query, key, value, bias, allowed, dropped, scale, causal)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ key.T * scale + mask) @ value``.

    A query that may look at no key at all gets 0.

    Args:
        query: ``(N, ..., H, L, E)``.
        key: ``(N, ..., H, S, E)``.
        value: ``(N, ..., H, S, Ev)``.
        attn_mask: Of a shape that broadcasts to ``(N, ..., H, L, S)``: bools that say who may look where, or numbers
            that are added.
        dropout_p: The probability to drop a weight; applied whenever it is above 0.
        is_causal: Query i looks at keys 0 to i only.
        scale: 1 / sqrt(E) by default.
        enable_gqa: Whether a head of ``key`` and ``value`` may serve several of ``query``.

    Returns:
        ``(N, ..., H, L, Ev)``.

    Raises:
        RuntimeError, ValueError: If shapes, dtypes or arguments don't fit together.
    """
    name = "scaled_dot_product_attention"
    require_tensors(name, query=query, key=key, value=value)
    shapes = [tuple(each.shape) for each in (query, key, value)]
    if len({array_of(each).dtype for each in (query, key, value)}) > 1:
        raise RuntimeError(
            f"{name}: Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype} "
            f"key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if array_of(query).dtype.kind != "f":
        raise RuntimeError(f"{name}: expected floating-point tensors, got {query.dtype}")
    if min(map(len, shapes)) < 2:
        raise RuntimeError(
            f"{name}: Expected query, key, and value to all be at least 2 dimensional, but got shapes "
            f"{', '.join(str(list(each)) for each in shapes)}"
        )
    if shapes[0][-1] != shapes[1][-1] or shapes[1][-2] != shapes[2][-2]:
        raise RuntimeError(
            f"{name}: query {list(shapes[0])}, key {list(shapes[1])} and value {list(shapes[2])} don't fit together: query "
            "and key need the same last dimension, key and value the same length"
        )
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"{name}: dropout probability has to be between 0 and 1, but got {dropout_p}")
    if is_causal and attn_mask is not None:
        raise RuntimeError(f"{name}: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        key, value = _repeated(query, key), _repeated(query, value)
    if scale is None:
        scale = 1 / math.sqrt(shapes[0][-1]) if shapes[0][-1] else 1.0
    bias: Any = None
    allowed: Any = None
    if attn_mask is not None:
        kind = array_of(attn_mask).dtype
        if kind.kind == "b":
            allowed = array_of(attn_mask)
        elif kind == array_of(query).dtype:
            bias = attn_mask
        else:
            raise RuntimeError(
                f"{name}: Expected attn_mask dtype to be bool or to match query dtype, but got attn_mask.dtype: "
                f"{attn_mask.dtype} and query.dtype: {query.dtype} instead."
            )
    dropped = None
    if dropout_p > 0:
        lead = np.broadcast_shapes(tuple(query.shape)[:-2], tuple(key.shape)[:-2])
        dropped = _dropout_factors((*lead, shapes[0][-2], shapes[1][-2]), dropout_p, array_of(query).dtype)
    parts: list[Any] = [query, key, value, bias]
    half = array_of(query).dtype == np.float16
    if half:  # scores may be beyond float16
        parts = [None if each is None else to_dtype(each, float32) for each in parts]
    result: Tensor = _attention(parts[0], parts[1], parts[2], parts[3], allowed, dropped, scale, bool(is_causal))[0]
    return to_dtype(result, float16) if half else result


def _dropout_factors(shape: tuple[int, ...], p: float, kind: Any) -> Any:
    if p == 1:
        return np.zeros(shape, kind)
    factors: Any = random.default_generator.bernoulli(1.0 - p, shape, kind)
    factors /= factors.dtype.type(1.0 - p)
    return factors


def _repeated(query: Any, key: Any) -> Any:
    """``key`` with each head repeated for the heads of ``query`` that share it."""
    if len(query.shape) < 3 or len(key.shape) < 3:
        raise RuntimeError("scaled_dot_product_attention: enable_gqa needs a dimension of heads: (..., H, L, E)")
    heads, own = query.shape[-3], key.shape[-3]
    if heads == own:
        return key
    if not own or heads % own:
        raise RuntimeError(
            f"scaled_dot_product_attention: Number of heads in key and value must divide the number of heads in query, got "
            f"{own} and {heads}"
        )
    return repeat_interleave(key, heads // own, -3)


def _as_bias(mask: Any, name: str, query: Any) -> Any:
    """A mask as numbers to add: -inf where a bool mask is True, which here says who may *not* be looked at.

    Raises:
        AssertionError: For a mask of integers.
    """
    if mask is None:
        return None
    kind = array_of(mask).dtype.kind
    if kind not in "bf":
        raise AssertionError(f"only bool and floating types of {name} are supported, not {mask.dtype}")
    if kind == "f":
        return mask
    from_bool: Any = query.new_zeros(tuple(mask.shape))
    return from_bool.masked_fill_(mask, -math.inf)


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads between linear maps; see ``nn.MultiheadAttention``, whose arguments these are.

    Args:
        query: ``(L, N, E)`` or ``(L, E)``.
        key, value: ``(S, N, E)`` or ``(S, E)``.
        embed_dim_to_check: E.
        num_heads: Into how many heads E is divided.
        in_proj_weight: ``(3 E, E)`` for query, key and value.
        in_proj_bias: ``(3 E,)``.
        bias_k, bias_v: ``(1, 1, E)``, put after the keys and values.
        add_zero_attn: Whether a key and a value of zeros are put after them.
        dropout_p: The probability to drop a weight, in training.
        out_proj_weight, out_proj_bias: ``(E, E)`` and ``(E,)``.
        training: Whether to drop weights.
        key_padding_mask: ``(N, S)``: True for keys not to look at, or numbers to add.
        need_weights: Whether to return the weights as well.
        attn_mask: ``(L, S)`` or ``(N * heads, L, S)``, alike.
        use_separate_proj_weight: Whether there are three weights ``q_proj_weight`` ``(E, E)``, ``k_proj_weight``
            ``(E, kdim)``, ``v_proj_weight`` ``(E, vdim)`` in place of ``in_proj_weight``.
        q_proj_weight, k_proj_weight, v_proj_weight: See above.
        static_k, static_v: ``(N * heads, S, E / heads)``, in place of the mapped keys and values.
        average_attn_weights: Whether the weights returned are the mean over the heads.
        is_causal: A hint that ``attn_mask`` is the causal mask.

    Returns:
        ``(L, N, E)``, and the weights ``(N, L, S)``, or ``(N, heads, L, S)``, or None.
    """
    name = "multi_head_attention_forward"
    batched = len(query.shape) == 3
    if len(query.shape) not in (2, 3) or not len(query.shape) == len(key.shape) == len(value.shape):
        raise AssertionError(
            f"{name}: query, key and value should be batched 3-D or unbatched 2-D tensors alike, but got "
            f"{len(query.shape)}-D, {len(key.shape)}-D and {len(value.shape)}-D"
        )
    if key_padding_mask is not None and len(key_padding_mask.shape) != (2 if batched else 1):
        raise AssertionError(f"{name}: expected `key_padding_mask` to be None or {2 if batched else 1}-D")
    if attn_mask is not None and len(attn_mask.shape) not in (2, 3):
        raise AssertionError(f"{name}: expected `attn_mask` to be None, 2-D or 3-D, but got {len(attn_mask.shape)}-D")
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{name}: Need attn_mask if specifying the is_causal hint.")
    hidden = is_causal and key_padding_mask is None and not need_weights
    if not batched:
        query, key, value = [unsqueeze(each, 1) for each in (query, key, value)]
        key_padding_mask = None if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    length, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    # With weights of their own, keys and values differ in their last dimension.
    compared = 2 if use_separate_proj_weight else 3
    if key.shape[:compared] != value.shape[:compared]:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    size = width // num_heads
    if size * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    q, k, v = _mapped(
        (query, key, value),
        in_proj_weight,
        in_proj_bias,
        (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None,
    )
    # The causal hint serves in place of the mask where nothing else is masked.
    bias = None if hidden else _as_bias(attn_mask, "attn_mask", q)
    bias = _checked_mask(bias, length, key.shape[0], batch, num_heads)
    padding = _as_bias(key_padding_mask, "key_padding_mask", q)
    extra = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = [cat([each, row.expand(1, batch, width)]) for each, row in ((k, bias_k), (v, bias_v))]
        extra += 1
    q = transpose(reshape(q, (length, batch * num_heads, size)), 0, 1)
    k = transpose(reshape(k, (k.shape[0], batch * num_heads, size)), 0, 1) if static_k is None else static_k
    v = transpose(reshape(v, (v.shape[0], batch * num_heads, size)), 0, 1) if static_v is None else static_v
    if add_zero_attn:
        k, v = [cat([each, each.new_zeros((batch * num_heads, 1, size))], 1) for each in (k, v)]
        extra += 1
    heads = (batch, num_heads)
    q, k, v = [reshape(each, (*heads, each.shape[1], size)) for each in (q, k, v)]
    if bias is not None and extra:
        bias = cat([bias, bias.new_zeros((*bias.shape[:-1], extra))], -1)
    if padding is not None:
        if tuple(padding.shape) != (batch, key.shape[0]):
            raise AssertionError(
                f"Expected key_padding_mask of shape {(batch, key.shape[0])}, but got {tuple(padding.shape)}"
            )
        padding = cat([padding, padding.new_zeros((batch, extra))], 1) if extra else padding
        padding = reshape(padding, (batch, 1, 1, padding.shape[1]))
        bias = padding if bias is None else bias + padding
    p = dropout_p if training else 0.0
    weights: Any = None
    if need_weights:
        scores = matmul(q * math.sqrt(1.0 / size), transpose(k, -2, -1))
        weights = dropout(softmax(scores if bias is None else scores + bias, -1), p, True)
        result = matmul(weights, v)
    else:
        if bias is not None and bias.dtype != q.dtype:
            bias = bias.to(q.dtype)
        result = scaled_dot_product_attention(q, k, v, bias, p, hidden)
    result = reshape(result.permute(2, 0, 1, 3), (length, batch, width))
    result = linear(result, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = reductions.mean(weights, 1)
    if not batched:
        result = squeeze(result, 1)
        weights = None if weights is None else squeeze(weights, 0)
    return result, weights


def _mapped(sources: Any, weight: Any, bias: Any, separate: Any) -> Any:
    """Query, key and value after their linear maps; one product where they are the same."""
    query, key, value = sources
    if separate is None:
        if key is value and query is key:
            return chunk(linear(query, weight, bias), 3, -1)
        weights = chunk(weight, 3)
        if key is value:
            width = query.shape[-1]
            of_query, of_rest = split(weight, [width, 2 * width])
            parts: Any = (None, None) if bias is None else split(bias, [width, 2 * width])
            return linear(query, of_query, parts[0]), *chunk(linear(key, of_rest, parts[1]), 2, -1)
    else:
        weights = separate
    biases: Any = (None,) * 3 if bias is None else chunk(bias, 3)
    return [linear(*each) for each in zip(sources, weights, biases, strict=True)]


def _checked_mask(bias: Any, length: int, keys: int, batch: int, heads: int) -> Any:
    """The mask as ``(1 or N, 1 or heads, L, S)``."""
    if bias is None:
        return None
    shape = tuple(bias.shape)
    if shape == (length, keys):
        return reshape(bias, (1, 1, length, keys))
    if shape == (batch * heads, length, keys):
        return reshape(bias, (batch, heads, length, keys))
    wanted = (length, keys) if len(shape) == 2 else (batch * heads, length, keys)
    raise RuntimeError(f"The shape of the {len(shape)}D attn_mask is {shape}, but should be {wanted}.")
