"""Speed and memory against PyTorch on the same CPU: ``python -m benchmarks``."""
