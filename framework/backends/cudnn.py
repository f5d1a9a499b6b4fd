"""cuDNN is not there. Its switches may be set: without a GPU they mean nothing, here as in PyTorch."""

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Always False."""
    return False


def version() -> None:
    """None, as there is no cuDNN."""
