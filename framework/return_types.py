"""The named results of operations that return several tensors: ``torch.max(x, dim=0).values``."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

__all__ = [
    "aminmax",
    "cummax",
    "cummin",
    "histogram",
    "kthvalue",
    "linalg_cholesky_ex",
    "linalg_eigh",
    "linalg_inv_ex",
    "linalg_lstsq",
    "linalg_lu",
    "linalg_lu_factor",
    "linalg_qr",
    "linalg_slogdet",
    "linalg_solve_ex",
    "linalg_svd",
    "max",
    "median",
    "min",
    "mode",
    "nanmedian",
    "qr",
    "slogdet",
    "sort",
    "svd",
    "topk",
]


def _named(name: str, *fields: str) -> Any:
    """A tuple with names for its fields that prints as PyTorch's, a field a line. It is made of one sequence."""

    def show(self: Any) -> str:
        lines = ",\n".join([f"{field}={value!r}" for field, value in zip(fields, self, strict=True)])
        return f"torch.return_types.{name}(\n{lines})"

    contents = {"__slots__": (), "__repr__": show, "__module__": __name__, "__match_args__": fields}
    contents["__doc__"] = f"The result of ``{name.replace('linalg_', 'linalg.')}``: {', '.join(fields)}."
    contents |= {field: property(itemgetter(place)) for place, field in enumerate(fields)}
    return type(name, (tuple,), contents)


aminmax = _named("aminmax", "min", "max")
cummax = _named("cummax", "values", "indices")
cummin = _named("cummin", "values", "indices")
kthvalue = _named("kthvalue", "values", "indices")
histogram = _named("histogram", "hist", "bin_edges")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L", "info")
linalg_eigh = _named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_lstsq = _named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_inv_ex = _named("linalg_inv_ex", "inverse", "info")
linalg_lu = _named("linalg_lu", "P", "L", "U")
linalg_lu_factor = _named("linalg_lu_factor", "LU", "pivots")
linalg_qr = _named("linalg_qr", "Q", "R")
linalg_slogdet = _named("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex = _named("linalg_solve_ex", "result", "info")
linalg_svd = _named("linalg_svd", "U", "S", "Vh")
max = _named("max", "values", "indices")
median = _named("median", "values", "indices")
min = _named("min", "values", "indices")
mode = _named("mode", "values", "indices")
nanmedian = _named("nanmedian", "values", "indices")
qr = _named("qr", "Q", "R")
slogdet = _named("slogdet", "sign", "logabsdet")
sort = _named("sort", "values", "indices")
svd = _named("svd", "U", "S", "V")
topk = _named("topk", "values", "indices")
