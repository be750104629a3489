"""Speed and memory of cuobjax beside NumPy by hand, HIPS autograd and PyTorch: `python -m benchmarks`."""
