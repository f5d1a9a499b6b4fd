"""Tensor: an array that can carry a gradient, and the table of its methods.

The operations stand in ``framework.ops``, a family a file; here each gets its line as a method. An in-place variant
is ``inplace(operation)``.
"""

from __future__ import annotations

import copy
from builtins import bool as Bool
from builtins import int as Int
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import dtypes, numpy_protocol, printing
from framework.autograd import interface
from framework.autograd.graph import RemovableHandle, Variable, keeps_grad, retain_grad, set_tensor_class, wrap
from framework.autograd.inplace import inplace
from framework.device import cpu
from framework.device import device as Device
from framework.device import layout as Layout
from framework.device import strided as strided_layout
from framework.dtypes import dtype as DType
from framework.dtypes import from_numpy_dtype
from framework.names import missing
from framework.ops import (
    arranging,
    broadcasting,
    comparison,
    conversion,
    creation,
    decompositions,
    division,
    elementwise,
    extrema,
    gathering,
    indexing,
    joining,
    linalg,
    matrix_functions,
    moments,
    norms,
    picking,
    powers,
    products,
    quantiles,
    random,
    rectifiers,
    reductions,
    rounding,
    sampling,
    scans,
    searching,
    selection,
    softmax,
    solving,
    sorting,
    special,
    splitting,
    strided,
    transcendental,
    writing,
)
from framework.ops import layout as layouts
from framework.ops import scatter_reduce as reducing
from framework.ops import shape as shapes
from framework.ops.dims import wrap_dim
from framework.ops.public import guard
from framework.size import Size

if TYPE_CHECKING:
    from typing_extensions import Self

Array = np.ndarray[Any, Any]


class Tensor(Variable):
    """A multi-dimensional array with PyTorch's methods that can take part in automatic differentiation."""

    __slots__ = ()

    def __new__(cls, *data: Any, device: Any = None) -> Self:
        """``Tensor(2, 3)``: of that shape, uninitialized; ``Tensor([1, 2])``: of that data. Both of the default float type.

        ``framework.tensor`` takes a dtype, and ``framework.empty`` names what it does; this is PyTorch's older form.
        """
        made: Any = object.__new__(cls)
        if cls is Tensor:
            kind = dtypes.get_default_dtype()
            if len(data) == 1 and not isinstance(data[0], Int):
                made = creation.as_tensor(data[0], dtype=kind, device=device).detach()
            else:
                made = creation.empty(*(data or (0,)), dtype=kind, device=device)
        result: Self = made
        return result

    # ---- What it is ----------------------------------------------------------------------------------------

    is_cpu = True
    is_cuda = is_sparse = is_quantized = is_meta = False

    @property
    def dtype(self) -> DType:
        """The element type."""
        return from_numpy_dtype(self._array.dtype)

    @property
    def device(self) -> Device:
        """Where the memory lies: the CPU."""
        return cpu

    @property
    def layout(self) -> Layout:
        """How the elements lie in memory: strided."""
        return strided_layout

    @property
    def shape(self) -> Size:
        """The size along each dimension."""
        return tuple.__new__(Size, self._array.shape)  # they are integers: nothing to check

    @property
    def ndim(self) -> Int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def itemsize(self) -> Int:
        """The bytes that one element takes."""
        return self._array.itemsize

    @property
    def nbytes(self) -> Int:
        """The bytes that all elements take."""
        return self._array.nbytes

    def dim(self) -> Int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def element_size(self) -> Int:
        """The bytes that one element takes."""
        return self._array.itemsize

    def size(self, dim: Int | None = None) -> Any:
        """The shape, or the size along one dimension."""
        return Size(self._array.shape) if dim is None else self._array.shape[wrap_dim(dim, self._array.ndim)]

    def cuda(self, *args: Any, **kwargs: Any) -> Tensor:
        """Raises RuntimeError: there is no GPU memory here."""
        raise RuntimeError("cuda() is not supported: tensors live in main memory; leave it out, or use .to('cpu')")

    def get_device(self) -> Int:
        """-1, as the CPU has no number."""
        return -1

    def is_signed(self) -> Bool:
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    def is_pinned(self) -> Bool:
        """False: pinned memory serves transfers to GPUs only."""
        return False

    @property
    def real(self) -> Tensor:
        """The tensor itself: numbers are real."""
        return self

    # ---- The graph -----------------------------------------------------------------------------------------

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: Bool | None = None,
        create_graph: Bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to the ``.grad`` of the leaves it came from; see ``autograd.backward``."""
        interface.backward(self, None if gradient is None else [gradient], retain_graph, create_graph, inputs)

    def requires_grad_(self, requires_grad: Bool = True) -> Self:
        """Set :attr:`requires_grad`, and return the tensor."""
        self.requires_grad = requires_grad
        return self

    def detach_(self) -> Self:
        """Make this tensor a leaf that requires no gradient, and return it.

        Raises:
            RuntimeError: For a view.
        """
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._edge, self._requires_grad = None, False
        return self

    def retain_grad(self) -> None:
        """Keep the ``.grad`` of this tensor though it is no leaf.

        Raises:
            RuntimeError: If no gradient flows to it.
        """
        retain_grad(self)

    @property
    def retains_grad(self) -> Bool:
        """Whether this is no leaf, and yet keeps its ``.grad``."""
        return keeps_grad(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient is computed; what it returns, if not None, goes on instead.

        Raises:
            RuntimeError: If no gradient flows to this tensor.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.grad_fn
        if node is not None:
            return RemovableHandle(node.ensure_hooks().tensor, (self.output_nr, hook))
        if self._hooks is None:
            self._hooks = {}
        return RemovableHandle(self._hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` whenever a gradient was added to this leaf's ``.grad``.

        Raises:
            RuntimeError: If no gradient flows to this tensor, or it is no leaf.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._post_accumulate_hooks is None:
            self._post_accumulate_hooks = {}
        return RemovableHandle(self._post_accumulate_hooks, hook)

    @property
    def data(self) -> Tensor:
        """A tensor on the same memory, whose changes the graph doesn't notice; assign to it to swap the memory."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Variable):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._requires_grad and value._array.dtype.kind != "f":
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._array = value._array
        self._accumulator = None

    def _is_view(self) -> Bool:
        return self._view is not None

    # ---- Elementwise (framework.ops: elementwise, transcendental, rounding, selection, comparison, special) --

    __add__ = elementwise.plus
    __radd__ = elementwise.reversed_plus
    __sub__ = elementwise.minus
    __rsub__ = elementwise.reversed_minus
    __mul__ = elementwise.mul
    __rmul__ = elementwise.reversed_mul
    __truediv__ = division.divided_by
    __rtruediv__ = __rdiv__ = division.reversed_divided_by
    __floordiv__ = division.floor_divide
    __rfloordiv__ = division.reversed_floor_divide
    __mod__ = division.remainder
    __rmod__ = division.reversed_remainder
    __pow__ = powers.pow
    __rpow__ = powers.reversed_pow
    __neg__ = elementwise.neg
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __iadd__ = inplace(elementwise.plus)
    __isub__ = inplace(elementwise.minus)
    __imul__ = inplace(elementwise.mul)
    __itruediv__ = inplace(division.divided_by)
    __ifloordiv__ = inplace(division.floor_divide)
    __imod__ = inplace(division.remainder)
    __ipow__ = inplace(powers.pow)
    __eq__ = comparison.operator(comparison.eq)
    __ne__ = comparison.operator(comparison.ne)
    __lt__ = comparison.operator(comparison.lt)
    __le__ = comparison.operator(comparison.le)
    __gt__ = comparison.operator(comparison.gt)
    __ge__ = comparison.operator(comparison.ge)
    __invert__ = comparison.bitwise_not
    __and__ = comparison.bitwise_and
    __rand__ = comparison.reversed_and
    __or__ = comparison.bitwise_or
    __ror__ = comparison.reversed_or
    __xor__ = comparison.bitwise_xor
    __rxor__ = comparison.reversed_xor
    __lshift__ = comparison.bitwise_left_shift
    __rlshift__ = comparison.reversed_left_shift
    __rshift__ = comparison.bitwise_right_shift
    __rrshift__ = comparison.reversed_right_shift
    __iand__ = inplace(comparison.bitwise_and)
    __ior__ = inplace(comparison.bitwise_or)
    __ixor__ = inplace(comparison.bitwise_xor)
    __ilshift__ = inplace(comparison.bitwise_left_shift)
    __irshift__ = inplace(comparison.bitwise_right_shift)

    abs = elementwise.abs
    abs_ = inplace(elementwise.abs)
    absolute = elementwise.absolute
    absolute_ = inplace(elementwise.absolute)
    add = elementwise.add
    add_ = inplace(elementwise.add)
    addcdiv = elementwise.addcdiv
    addcdiv_ = inplace(elementwise.addcdiv)
    addcmul = elementwise.addcmul
    addcmul_ = inplace(elementwise.addcmul)
    div = division.div
    div_ = inplace(division.div)
    divide = division.divide
    divide_ = inplace(division.divide)
    float_power = powers.float_power
    float_power_ = powers.float_power_
    floor_divide = division.floor_divide
    floor_divide_ = inplace(division.floor_divide)
    fmod = division.fmod
    fmod_ = inplace(division.fmod)
    gcd = division.gcd
    gcd_ = inplace(division.gcd)
    lcm = division.lcm
    lcm_ = inplace(division.lcm)
    ldexp = powers.ldexp
    ldexp_ = inplace(conversion.on_a_copy(powers.ldexp), checked=0)
    lerp = elementwise.lerp
    lerp_ = inplace(elementwise.lerp)
    mul = elementwise.mul
    mul_ = inplace(elementwise.mul)
    multiply = elementwise.multiply
    multiply_ = inplace(elementwise.multiply)
    neg = elementwise.neg
    neg_ = inplace(elementwise.neg)
    negative = elementwise.negative
    negative_ = inplace(elementwise.negative)
    positive = elementwise.positive
    pow = powers.pow
    pow_ = inplace(powers.pow)
    reciprocal = division.reciprocal
    reciprocal_ = inplace(division.reciprocal)
    remainder = division.remainder
    remainder_ = inplace(division.remainder)
    sgn = elementwise.sgn
    sgn_ = inplace(elementwise.sgn)
    sign = elementwise.sign
    sign_ = inplace(elementwise.sign)
    square = powers.square
    square_ = inplace(powers.square)
    sub = elementwise.sub
    sub_ = inplace(elementwise.sub)
    subtract = elementwise.subtract
    subtract_ = inplace(elementwise.subtract)
    true_divide = division.true_divide
    true_divide_ = inplace(division.true_divide)

    acos = transcendental.acos
    acos_ = inplace(transcendental.acos)
    acosh = transcendental.acosh
    acosh_ = inplace(transcendental.acosh)
    arccos = transcendental.arccos
    arccos_ = inplace(transcendental.arccos)
    arccosh = transcendental.arccosh
    arccosh_ = inplace(transcendental.arccosh)
    arcsin = transcendental.arcsin
    arcsin_ = inplace(transcendental.arcsin)
    arcsinh = transcendental.arcsinh
    arcsinh_ = inplace(transcendental.arcsinh)
    arctan = transcendental.arctan
    arctan_ = inplace(transcendental.arctan)
    arctan2 = transcendental.arctan2
    arctan2_ = inplace(transcendental.arctan2)
    arctanh = transcendental.arctanh
    arctanh_ = inplace(transcendental.arctanh)
    asin = transcendental.asin
    asin_ = inplace(transcendental.asin)
    asinh = transcendental.asinh
    asinh_ = inplace(transcendental.asinh)
    atan = transcendental.atan
    atan_ = inplace(transcendental.atan)
    atan2 = transcendental.atan2
    atan2_ = inplace(transcendental.atan2)
    atanh = transcendental.atanh
    atanh_ = inplace(transcendental.atanh)
    cos = transcendental.cos
    cos_ = inplace(transcendental.cos)
    cosh = transcendental.cosh
    cosh_ = inplace(transcendental.cosh)
    deg2rad = transcendental.deg2rad
    deg2rad_ = inplace(transcendental.deg2rad)
    exp = transcendental.exp
    exp_ = inplace(transcendental.exp)
    exp2 = transcendental.exp2
    exp2_ = inplace(transcendental.exp2)
    expm1 = transcendental.expm1
    expm1_ = inplace(transcendental.expm1)
    hypot = transcendental.hypot
    hypot_ = inplace(transcendental.hypot)
    log = transcendental.log
    log_ = inplace(transcendental.log)
    log1p = transcendental.log1p
    log1p_ = inplace(transcendental.log1p)
    log2 = transcendental.log2
    log2_ = inplace(transcendental.log2)
    log10 = transcendental.log10
    log10_ = inplace(transcendental.log10)
    logaddexp = transcendental.logaddexp
    logaddexp2 = transcendental.logaddexp2
    rad2deg = transcendental.rad2deg
    rad2deg_ = inplace(transcendental.rad2deg)
    rsqrt = transcendental.rsqrt
    rsqrt_ = inplace(transcendental.rsqrt)
    sigmoid = transcendental.sigmoid
    sigmoid_ = inplace(transcendental.sigmoid)
    sin = transcendental.sin
    sin_ = inplace(transcendental.sin)
    sinh = transcendental.sinh
    sinh_ = inplace(transcendental.sinh)
    sqrt = transcendental.sqrt
    sqrt_ = inplace(transcendental.sqrt)
    tan = transcendental.tan
    tan_ = inplace(transcendental.tan)
    tanh = transcendental.tanh
    tanh_ = inplace(transcendental.tanh)

    ceil = rounding.ceil
    ceil_ = inplace(rounding.ceil)
    fix = rounding.fix
    fix_ = inplace(rounding.fix)
    floor = rounding.floor
    floor_ = inplace(rounding.floor)
    frac = rounding.frac
    frac_ = inplace(rounding.frac)
    round = rounding.round
    round_ = inplace(rounding.round)
    trunc = rounding.trunc
    trunc_ = inplace(rounding.trunc)

    clamp = selection.clamp
    clamp_ = inplace(selection.clamp)
    clamp_max = selection.clamp_max
    clamp_max_ = inplace(selection.clamp_max)
    clamp_min = selection.clamp_min
    clamp_min_ = inplace(selection.clamp_min)
    clip = selection.clip
    clip_ = inplace(selection.clip)
    copysign = selection.copysign
    copysign_ = inplace(selection.copysign)
    fmax = selection.fmax
    fmin = selection.fmin
    heaviside = selection.heaviside
    heaviside_ = inplace(selection.heaviside)
    masked_fill = selection.masked_fill
    masked_fill_ = inplace(selection.masked_fill, checked=1)
    maximum = selection.maximum
    minimum = selection.minimum
    nan_to_num = selection.nan_to_num
    nan_to_num_ = inplace(selection.nan_to_num)

    def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
        """The tensor where the condition holds, else ``other``."""
        return selection.where(condition, self, other)

    digamma = special.digamma
    digamma_ = inplace(special.digamma)
    erf = special.erf
    erf_ = inplace(special.erf)
    erfc = special.erfc
    erfc_ = inplace(special.erfc)
    erfinv = special.erfinv
    erfinv_ = inplace(special.erfinv)
    i0 = special.i0
    i0_ = inplace(special.i0)
    lgamma = special.lgamma
    lgamma_ = inplace(special.lgamma)
    logit = special.logit
    logit_ = inplace(special.logit)
    mvlgamma = special.mvlgamma
    mvlgamma_ = inplace(special.mvlgamma)
    sinc = special.sinc
    sinc_ = inplace(special.sinc)
    xlogy = special.xlogy
    xlogy_ = inplace(special.xlogy)
    polygamma = special.polygamma_method
    polygamma_ = inplace(special.polygamma_method)

    hardshrink = rectifiers.hardshrink
    log_softmax = softmax.log_softmax
    prelu = rectifiers.prelu
    relu = rectifiers.rectify
    relu_ = rectifiers.relu_
    softmax = softmax.softmax

    bitwise_and = comparison.bitwise_and
    bitwise_and_ = inplace(comparison.bitwise_and)
    bitwise_left_shift = comparison.bitwise_left_shift
    bitwise_left_shift_ = inplace(comparison.bitwise_left_shift)
    bitwise_not = comparison.bitwise_not
    bitwise_not_ = inplace(comparison.bitwise_not)
    bitwise_or = comparison.bitwise_or
    bitwise_or_ = inplace(comparison.bitwise_or)
    bitwise_right_shift = comparison.bitwise_right_shift
    bitwise_right_shift_ = inplace(comparison.bitwise_right_shift)
    bitwise_xor = comparison.bitwise_xor
    bitwise_xor_ = inplace(comparison.bitwise_xor)
    eq = comparison.eq
    eq_ = inplace(comparison.eq)
    ge = comparison.ge
    ge_ = inplace(comparison.ge)
    greater = comparison.greater
    greater_ = inplace(comparison.greater)
    greater_equal = comparison.greater_equal
    greater_equal_ = inplace(comparison.greater_equal)
    gt = comparison.gt
    gt_ = inplace(comparison.gt)
    le = comparison.le
    le_ = inplace(comparison.le)
    less = comparison.less
    less_ = inplace(comparison.less)
    less_equal = comparison.less_equal
    less_equal_ = inplace(comparison.less_equal)
    logical_and = comparison.logical_and
    logical_and_ = inplace(comparison.logical_and)
    logical_not = comparison.logical_not
    logical_not_ = inplace(comparison.logical_not)
    logical_or = comparison.logical_or
    logical_or_ = inplace(comparison.logical_or)
    logical_xor = comparison.logical_xor
    logical_xor_ = inplace(comparison.logical_xor)
    lt = comparison.lt
    lt_ = inplace(comparison.lt)
    ne = comparison.ne
    ne_ = inplace(comparison.ne)
    not_equal = comparison.not_equal
    not_equal_ = inplace(comparison.not_equal)

    allclose = comparison.allclose
    equal = comparison.equal
    isclose = comparison.isclose
    isfinite = comparison.isfinite
    isinf = comparison.isinf
    isnan = comparison.isnan
    isneginf = comparison.isneginf
    isposinf = comparison.isposinf
    isreal = comparison.isreal
    signbit = comparison.signbit

    # ---- Reductions, scans, sorting (framework.ops.reductions) ---------------------------------------------

    sum = reductions.sum
    sum_to_size = reductions.sum_to_size
    mean = reductions.mean
    nansum = reductions.nansum
    nanmean = reductions.nanmean
    prod = reductions.prod
    all = reductions.all
    any = reductions.any
    count_nonzero = reductions.count_nonzero
    logsumexp = reductions.logsumexp
    var = moments.var
    std = moments.std
    amax = extrema.amax
    amin = extrema.amin
    aminmax = extrema.aminmax
    max = extrema.max
    min = extrema.min
    argmax = extrema.argmax
    argmin = extrema.argmin
    cumsum = scans.cumsum
    cumsum_ = inplace(scans.cumsum)  # type: ignore[arg-type]
    cumprod = scans.cumprod
    cumprod_ = inplace(scans.cumprod)  # type: ignore[arg-type]
    cummax = scans.cummax
    cummin = scans.cummin
    logcumsumexp = scans.logcumsumexp
    diff = scans.diff
    sort = sorting.sort_method
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    median = sorting.median
    nanmedian = sorting.nanmedian
    mode = sorting.mode
    quantile = quantiles.quantile
    nanquantile = quantiles.nanquantile
    unique = searching.unique
    unique_consecutive = searching.unique_consecutive
    bincount = searching.bincount
    histc = searching.histc
    histogram = searching.histogram

    # ---- Linear algebra (framework.ops.linalg) -------------------------------------------------------------

    matmul = linalg.matmul
    __matmul__ = linalg.times
    __rmatmul__ = linalg.reversed_times
    mm = linalg.mm
    bmm = linalg.bmm
    mv = linalg.mv
    dot = linalg.dot
    outer = ger = products.outer
    inner = products.inner
    vdot = products.vdot
    addmm = products.addmm
    addmm_ = inplace(products.addmm, checked=0)
    addmv = products.addmv
    addmv_ = inplace(products.addmv, checked=0)
    addr = products.addr
    addr_ = inplace(products.addr)
    addbmm = products.addbmm
    addbmm_ = inplace(products.addbmm, checked=0)
    baddbmm = products.baddbmm
    baddbmm_ = inplace(products.baddbmm, checked=0)
    kron = products.kron
    cross = products.cross
    trace = products.trace
    inverse = solving.inverse
    det = solving.det
    logdet = solving.logdet
    slogdet = solving.slogdet
    matrix_exp = matrix_functions.matrix_exp
    matrix_power = solving.matrix_power
    pinverse = solving.pinverse
    cholesky_solve = solving.cholesky_solve
    cholesky_inverse = solving.cholesky_inverse
    cholesky = decompositions.cholesky
    qr = decompositions.qr
    svd = decompositions.svd
    norm = norms.norm
    dist = norms.dist
    renorm = norms.renorm
    renorm_ = inplace(conversion.on_a_copy(norms.renorm))
    cov = products.cov
    corrcoef = products.corrcoef

    # ---- Shape (framework.ops: shape, broadcasting, joining, arranging, strided, layout) -------------------

    T = property(shapes.reverse_dims)
    mT = mH = property(shapes.matrix_transpose)
    H = property(shapes.hermitian)

    adjoint = shapes.adjoint
    flatten = shapes.flatten
    movedim = moveaxis = shapes.movedim
    permute = shapes.permute_method
    ravel = shapes.ravel
    reshape = shapes.reshape_method
    reshape_as = shapes.reshape_as
    squeeze = shapes.squeeze
    squeeze_ = shapes.inplace_view(shapes.squeeze)
    t = shapes.t
    t_ = shapes.inplace_view(shapes.t)
    transpose = swapaxes = swapdims = shapes.transpose
    transpose_ = swapaxes_ = swapdims_ = shapes.inplace_view(shapes.transpose)
    unflatten = shapes.unflatten
    unsqueeze = shapes.unsqueeze
    unsqueeze_ = shapes.inplace_view(shapes.unsqueeze)
    view = shapes.view
    view_as = shapes.view_as

    broadcast_to = broadcasting.broadcast_to
    expand = broadcasting.expand
    expand_as = broadcasting.expand_as

    chunk = splitting.chunk
    dsplit = splitting.dsplit
    hsplit = splitting.hsplit
    narrow = joining.narrow
    select = joining.select
    select_scatter = writing.select_scatter
    slice_scatter = writing.slice_scatter
    split = splitting.split_method
    split_with_sizes = splitting.split_with_sizes
    tensor_split = splitting.tensor_split
    unbind = splitting.unbind
    vsplit = splitting.vsplit
    _stack = staticmethod(joining.stack)

    diag = arranging.diag
    diag_embed = arranging.diag_embed
    diagflat = arranging.diagflat
    diagonal = arranging.diagonal
    diagonal_scatter = writing.diagonal_scatter
    flip = arranging.flip_method
    fliplr = arranging.fliplr
    flipud = arranging.flipud
    repeat = arranging.repeat
    roll = arranging.roll
    rot90 = arranging.rot90
    tile = arranging.tile_method
    tril = arranging.tril
    tril_ = inplace(arranging.tril)
    triu = arranging.triu
    triu_ = inplace(arranging.triu)

    as_strided = strided.as_strided
    unfold = strided.unfold

    contiguous = layouts.contiguous
    data_ptr = layouts.data_ptr
    is_contiguous = layouts.is_contiguous
    is_inference = layouts.is_inference
    is_same_size = layouts.is_same_size
    is_set_to = layouts.is_set_to
    numel = nelement = layouts.numel
    storage_offset = layouts.storage_offset
    stride = layouts.stride

    # ---- Indexing (framework.ops: indexing, gathering, picking) --------------------------------------------

    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem
    index_put = indexing.index_put
    index_put_ = indexing.index_put_

    gather = gathering.gather
    scatter = gathering.scatter
    scatter_ = gathering.scatter_
    scatter_add = gathering.scatter_add
    scatter_add_ = gathering.scatter_add_
    scatter_reduce = reducing.scatter_reduce
    scatter_reduce_ = inplace(reducing.scatter_reduce)
    take_along_dim = gathering.take_along_dim

    argwhere = picking.argwhere
    fill_diagonal_ = picking.fill_diagonal_
    index_add = picking.index_add
    index_add_ = picking.index_add_
    index_copy = picking.index_copy
    index_copy_ = picking.index_copy_
    index_fill = picking.index_fill
    index_fill_ = picking.index_fill_
    index_reduce = writing.index_reduce
    index_reduce_ = inplace(conversion.on_a_copy(writing.index_reduce))
    index_select = picking.index_select
    masked_scatter = picking.masked_scatter
    masked_scatter_ = inplace(picking.masked_scatter, checked=0)
    masked_select = picking.masked_select
    nonzero = picking.nonzero
    put = writing.put
    put_ = inplace(conversion.on_a_copy(writing.put))
    repeat_interleave = picking.repeat_interleave
    take = picking.take

    # ---- Creation and conversion (framework.ops: creation, conversion) -------------------------------------

    new_empty = creation.new_empty
    new_full = creation.new_full
    new_ones = creation.new_ones
    new_tensor = creation.new_tensor
    new_zeros = creation.new_zeros

    clone = conversion.clone
    copy_ = conversion.copy_
    conj = conversion.conj
    cpu = conversion.cpu
    detach = conversion.detach
    fill_ = conversion.fill_
    is_complex = conversion.is_complex
    is_floating_point = conversion.is_floating_point
    is_nonzero = conversion.is_nonzero
    item = conversion.item
    numpy = conversion.numpy
    to = conversion.to
    tolist = conversion.tolist
    type = conversion.type_
    type_as = conversion.type_as
    zero_ = conversion.zero_

    bool = conversion.caster(dtypes.bool_)
    byte = conversion.caster(dtypes.uint8)
    char = conversion.caster(dtypes.int8)
    double = conversion.caster(dtypes.float64)
    float = conversion.caster(dtypes.float32)
    half = conversion.caster(dtypes.float16)
    int = conversion.caster(dtypes.int32)
    long = conversion.caster(dtypes.int64)
    short = conversion.caster(dtypes.int16)

    # ---- Random (framework.ops.random) ---------------------------------------------------------------------

    bernoulli = random.bernoulli
    bernoulli_ = sampling.bernoulli_
    cauchy_ = sampling.cauchy_
    exponential_ = sampling.exponential_
    geometric_ = sampling.geometric_
    log_normal_ = sampling.log_normal_
    multinomial = random.multinomial
    normal_ = sampling.normal_
    random_ = sampling.random_
    uniform_ = sampling.uniform_

    # ---- Python's own protocols ----------------------------------------------------------------------------

    __array__ = conversion.as_array
    __array_function__ = numpy_protocol.array_function
    __array_ufunc__ = numpy_protocol.array_ufunc
    __bool__ = conversion.to_bool
    __contains__ = conversion.contains
    __float__ = conversion.to_float
    __index__ = conversion.to_index
    __int__ = conversion.to_int
    __iter__ = splitting.iterate
    __len__ = conversion.length

    if not TYPE_CHECKING:  # a type checker is to know what there is

        def __getattr__(self, name: str) -> Any:
            raise MissingName(name)

    def __reversed__(self) -> Tensor:
        return arranging.flip(self, 0) if self._array.ndim else self

    def __repr__(self) -> str:
        return printing.tensor_str(self)

    def __format__(self, spec: str) -> str:
        if not self._array.ndim and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __copy__(self) -> Self:
        result: Self = rebuild(type(self), self._array, self._requires_grad, self._own_attributes())
        return result

    def __deepcopy__(self, memo: dict[Int, Any]) -> Self:
        if id(self) in memo:
            known: Self = memo[id(self)]
            return known
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment; copy the values with .detach().clone()."
            )
        result: Self = rebuild(type(self), self._array.copy(order="K"), self._requires_grad, {})
        memo[id(self)] = result
        if self._grad is not None:
            result._grad = copy.deepcopy(self._grad, memo)
        result.__dict__.update(copy.deepcopy(self._own_attributes(), memo))
        return result

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return rebuild, (type(self), self._array, self._requires_grad, self._own_attributes())

    def _own_attributes(self) -> dict[str, Any]:
        """What the user has put on this tensor."""
        return {name: value for name, value in self.__dict__.items() if not hasattr(Variable, name)}

    __hash__ = object.__hash__


class MissingName(AttributeError):
    """A method that tensors don't have; what is nearest to it is looked up when the message is read."""

    def __str__(self) -> str:
        return missing("Tensor", self.args[0], dir(Tensor))


def rebuild(cls: type[Any], array: Array, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    """A leaf tensor of that class on the array: what copying and pickling come down to."""
    leaf = wrap(array)
    result = leaf if cls is Tensor else object.__new__(cls)
    if result is not leaf:
        result._array, result._view, result._edge, result._version_box = array, None, None, leaf._version_box
    result._requires_grad = requires_grad
    result.__dict__.update(attributes)
    return result


for _name, _method in guard(vars(Tensor), method=True).items():
    setattr(Tensor, _name, _method)

set_tensor_class(Tensor)
