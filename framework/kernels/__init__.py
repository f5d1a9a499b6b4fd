"""Hot loops: arrays in, arrays out, and nothing of autograd."""

from framework.kernels.process import keep_freed_memory, let_blas_threads_sleep

keep_freed_memory()
let_blas_threads_sleep()
