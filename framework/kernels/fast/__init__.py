"""Compiled twins of kernels, see :mod:`framework.kernels.twins`: the same results to rounding, in one pass."""
