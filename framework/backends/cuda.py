"""CUDA is not there. Its switches may be set: without a GPU they mean nothing, here as in PyTorch."""


class matmul:
    """Switches of CUDA's matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True


def is_built() -> bool:
    """Always False."""
    return False
