"""Fast convolutions on a CPU: kernels in C for small networks, compiled at first use."""
