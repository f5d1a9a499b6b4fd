"""The version, alone, so that building the package needs to import nothing."""

__version__ = "0.1.0"
