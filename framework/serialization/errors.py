"""What loading raises."""


class CheckpointError(RuntimeError):
    """A file can't be loaded: damaged, foreign, of another version, or asking for what is never done.

    A RuntimeError because that is what PyTorch raises for a damaged checkpoint.
    """
