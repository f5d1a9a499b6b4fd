"""PyTorch's back ends, none of which is there: scripts may ask for them, and may set their switches."""

from framework.backends import cuda, cudnn, mkldnn, mps

__all__ = ["cuda", "cudnn", "mkldnn", "mps"]
