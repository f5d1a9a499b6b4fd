"""Hot loops: arrays in, arrays out, and nothing of autograd."""

from framework.kernels.process import keep_freed_memory

keep_freed_memory()
