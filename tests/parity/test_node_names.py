"""The names of nodes, as they show in printed tensors: those of PyTorch for the common operations."""

from __future__ import annotations

import pytest

import framework

torch = pytest.importorskip("torch")

# Results of the common operations, a family each, of two matrices that require grad.


def arithmetic(T, F, x, y):
    return [
        x + y,
        1 + x,
        x - y,
        1 - x,
        x * y,
        2 * x,
        x / y,
        1 / x,
        x**2,
        -x,
        x @ y,
        x.abs(),
        x**y,
        x.square(),
        x.div(y, rounding_mode="floor"),
        x.mm(y),
        x.mv(y[0]),
        x[0].dot(y[0]),
        T.bmm(x[None], y[None]),
        T.addmm(x[0], x, y),
        T.addmm(x, x, y, beta=0.5, alpha=2),
        T.addmv(x[0], x, y[0]),
        T.addr(x, x[0], y[0]),
        T.baddbmm(x, x[None], y[None]),
        T.addbmm(x, x[None], y[None]),
        x.deg2rad(),
        x.rad2deg(),
    ]


def special(T, F, x, y):
    return [
        T.special.erfcx(x),
        T.special.log_ndtr(x),
        T.special.ndtri(x),
        T.special.entr(x),
        T.special.i1(x),
        T.special.i0e(x),
        T.special.i1e(x),
        T.special.xlog1py(x, y),
    ]


def elementwise(T, F, x, y):
    return [
        x.exp(),
        x.log(),
        x.log1p(),
        x.expm1(),
        x.sin(),
        x.cos(),
        x.tanh(),
        x.sigmoid(),
        x.relu(),
        x.sqrt(),
        x.rsqrt(),
        x.reciprocal(),
        x.erf(),
        x.clamp(0, 1),
        x.clamp(min=0),
        x.round(),
        x.sign(),
        T.where(x > 0, x, y),
        T.maximum(x, y),
        T.minimum(x, y),
        T.lerp(x, y, 0.5),
        T.addcmul(x, x, y),
        T.atan2(x, y),
        x.masked_fill(x > 0, 0),
        x.nan_to_num(),
        x.double(),
        x.clone(),
    ]


def reductions(T, F, x, y):
    return [
        x.sum(),
        x.sum(0),
        x.mean(),
        x.mean(0),
        x.max(),
        x.max(0)[0],
        x.amax(0),
        x.min(),
        x.prod(),
        x.var(),
        x.std(),
        x.norm(),
        x.logsumexp(0),
        x.cumsum(0),
        x.cumprod(0),
        x.median(),
    ]


def shape(T, F, x, y):
    return [
        x.view(9),
        x.reshape(9),
        x.t(),
        x.T,
        x.transpose(0, 1),
        x.permute(1, 0),
        x[None].expand(2, 3, 3),
        x.unsqueeze(0),
        x[None].squeeze(),
        x[None].squeeze(0),
        x[0],
        x[1:],
        x[[0, 1]],
        x[x > 0],
        x.select(0, 1),
        x.narrow(0, 0, 1),
        T.cat([x, y]),
        T.stack([x, y]),
        x.split(1)[0],
        x.unbind()[0],
        x.flip(0),
        x.repeat(2, 1),
        F.pad(x, (1, 1)),
        x.tril(),
        x.unfold(0, 2, 1),
        x.sort()[0],
        x.topk(1)[0],
        x.gather(0, T.zeros(1, 3, dtype=T.int64)),
        x.index_select(0, T.tensor([0])),
    ]


def networks(T, F, x, y):
    return [
        F.linear(x, y, x[0]),
        x.softmax(0),
        F.log_softmax(x, 0),
        F.nll_loss(x, T.tensor([0, 1, 2])),
        F.gelu(x),
        F.cross_entropy(x, T.tensor([0, 1, 2])),
        F.mse_loss(x, y),
        F.l1_loss(x, y),
        F.huber_loss(x, y),
        F.binary_cross_entropy_with_logits(x, y.detach()),
        F.silu(x),
        F.elu(x),
        F.leaky_relu(x),
        F.softplus(x),
        F.layer_norm(x, (3,)),
        F.conv2d(x[None, None], y[None, None]),
        F.embedding(T.tensor([0, 1]), x),
        F.avg_pool2d(x[None, None], 2),
        F.max_pool2d(x[None, None], 2),
        F.hardtanh(x),
        F.group_norm(x[None], 1),
    ]


def composed(T, F, x, y):
    labels = T.tensor([0, 1, 2])
    images = x[None, None]
    return [
        F.glu(T.cat([x, y]), 0),
        F.celu(x),
        F.rrelu(x),
        F.soft_margin_loss(x, y.detach().sign()),
        F.multi_margin_loss(x, labels),
        F.multilabel_margin_loss(x, labels[None].repeat(3, 1)),
        F.interpolate(images, scale_factor=2),
        F.interpolate(images, scale_factor=2, mode="bilinear"),
        F.interpolate(images, scale_factor=2, mode="bicubic"),
        F.interpolate(x[None], scale_factor=2, mode="nearest-exact"),
        F.pairwise_distance(x, y),
        F.pdist(x),
        T.cdist(x, y),
        T.dist(x, y),
        T.take(x, labels),
        T.trace(x),
        T.vdot(x[0], y[0]),
        T.cross(x, y, 1),
        T.rsub(x, y),
        T.ldexp(x, y),
        T.renorm(x, 2, 0, 0.5),
        T.mvlgamma(x + 2, 2),
        T.block_diag(x, y),
        T.linalg.cholesky(x @ x.T + T.eye(3)),
        T.cholesky_solve(x, T.linalg.cholesky(y @ y.T + T.eye(3))),
        x.scatter_reduce(0, labels[None], y, "mean"),
        x.select_scatter(y[0], 0, 1),
        x.slice_scatter(y[:1], 0, 0, 1),
        x.diagonal_scatter(y[0]),
        x.clamp_min(0),
        x.clamp_max(0.5),
        x.clamp_min(y),
        x.clamp_max(y),
        x.prod(0),
        x.sgn(),
        x.round(decimals=2),
        T.lerp(x, y, y),
    ]


@pytest.mark.parametrize("family", [arithmetic, special, elementwise, reductions, shape, networks, composed])
def test_nodes_have_pytorch_s_names(family):
    def names(library):
        x, y = (
            library.tensor([[0.3, 0.5, 0.2], [0.1, 0.9, 0.4], [0.7, 0.6, 0.8]], requires_grad=True) for _ in range(2)
        )
        return [type(result.grad_fn).__name__ for result in family(library, library.nn.functional, x, y)]

    assert names(framework) == names(torch)
