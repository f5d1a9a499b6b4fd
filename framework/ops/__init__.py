"""Every differentiable operation, a family a file, forward and gradient side by side.

Each family names its public functions in ``__all__``. What PyTorch has at its top level, ``framework/__init__.py``
exports, a line a family; the layers' functions stand in ``nn/functional.py``.
"""
