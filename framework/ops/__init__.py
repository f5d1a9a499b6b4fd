"""Every differentiable operation, a family a file, forward and gradient side by side."""

from framework.ops import creation, elementwise, indexing, linalg, reductions, shape

families = (creation, elementwise, indexing, linalg, reductions, shape)
__all__: list[str] = []
for _family in families:
    for _name in getattr(_family, "__all__", ()):
        globals()[_name] = getattr(_family, _name)
        __all__.append(_name)  # noqa: PYI056
