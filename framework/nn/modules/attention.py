"""Attention of several heads."""

from __future__ import annotations

from typing import Any

from framework.dtypes import dtype as DType
from framework.nn import functional as F
from framework.nn import init
from framework.nn.modules.linear import Linear
from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.ops.creation import empty
from framework.ops.shape import transpose
from framework.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """The last linear layer of :class:`MultiheadAttention`, under the name that PyTorch prints."""


class MultiheadAttention(Module):
    """Attention of several heads, each on its share of the features (Vaswani et al., 2017).

    Args:
        embed_dim: The number of features, E.
        num_heads: Into how many heads they are divided.
        dropout: The probability to drop a weight, in training.
        bias: Whether the linear maps have one.
        add_bias_kv: Whether a key and a value that are learned are put after the others.
        add_zero_attn: Whether a key and a value of zeros are put after the others.
        kdim, vdim: The numbers of features of keys and values; ``embed_dim`` by default.
        batch_first: Whether the batch is the first dimension, ``(N, L, E)``, or the second.
        device: Only the CPU is there.
        dtype: Of the parameters.

    Raises:
        AssertionError: If the heads don't divide the features.
        ValueError: For sizes that are not positive.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    out_proj: NonDynamicallyQuantizableLinear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(f"embed_dim must be divisible by num_heads: {embed_dim} and {num_heads}")
        same = self._qkv_same_embed_dim
        shapes = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            made = None if shape is None else Parameter(empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, made)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for row in (self.bias_k, self.bias_v):
            if row is not None:
                init.xavier_normal_(row)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Let queries look at keys.

        Args:
            query: ``(L, N, E)``, ``(N, L, E)`` with ``batch_first``, or ``(L, E)``.
            key: ``(S, N, kdim)``, alike.
            value: ``(S, N, vdim)``, alike.
            key_padding_mask: ``(N, S)`` or ``(S,)``: True for keys not to look at, or numbers added to the scores.
            need_weights: Whether to return the weights too; without, it is faster.
            attn_mask: ``(L, S)`` or ``(N * num_heads, L, S)``, alike.
            average_attn_weights: Whether the weights are the mean over the heads.
            is_causal: A hint that ``attn_mask`` is the causal mask.

        Returns:
            The result, in the shape of ``query``; and None, or the weights ``(N, L, S)`` or ``(N, num_heads, L, S)``.
        """
        swap = self.batch_first and len(query.shape) == 3
        if swap:
            # What was one tensor stays one, so that one product serves all.
            first = transpose(query, 0, 1)
            second = first if key is query else transpose(key, 0, 1)
            third = second if value is key else first if value is query else transpose(value, 0, 1)
            query, key, value = first, second, third
        result, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (transpose(result, 0, 1) if swap else result), weights
