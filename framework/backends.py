"""``framework.backends``: none of PyTorch's back ends is there; scripts may ask, and may set their switches."""

from __future__ import annotations


class _Absent:
    """A back end that is not there."""

    def is_available(self) -> bool:
        """Always False."""
        return False

    def is_built(self) -> bool:
        """Always False."""
        return False


class _Cudnn(_Absent):
    """cuDNN's switches: without a GPU they mean nothing, here as in PyTorch."""

    enabled = True
    benchmark = False
    deterministic = False
    allow_tf32 = True


class _Cuda(_Absent):
    class matmul:
        """Switches of CUDA's matrix products, which mean nothing without a GPU."""

        allow_tf32 = False


cuda = _Cuda()
cudnn = _Cudnn()
mps = _Absent()
mkldnn = _Absent()
