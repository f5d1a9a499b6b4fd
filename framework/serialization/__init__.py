"""Saving and loading nested containers of arrays, without pickle.

    save(state, "model.pt")          # one file, written atomically
    state = load("model.pt")         # also reads torch.save's files, .safetensors, .npz and .npy

Nothing that a file contains is ever run or imported by name, every size it claims is checked before memory is
taken, and what doesn't fit is a `CheckpointError` that says why in one line. This package knows arrays and
plain values; `encode` and `decode` (see `hooks`) let a caller save objects of its own, such as tensors.

- `archive`: the framework's own format: a ZIP archive of `.npy` arrays and a `tree.json`
- `torch_archive`: PyTorch's zip checkpoints, by way of the restricted `pickle_machine`
- `safetensors`: by the package of that name (extra `interop`)
- `npy`: NumPy's `.npy` and `.npz`
- `container`: strict reading and streamed writing of ZIP archives
- `atomic`: files that are replaced as a whole or not at all
"""

from framework.serialization.atomic import atomic_write
from framework.serialization.errors import CheckpointError
from framework.serialization.files import load, save
from framework.serialization.hooks import Decode, Encode

__all__ = ["CheckpointError", "Decode", "Encode", "atomic_write", "load", "save"]
