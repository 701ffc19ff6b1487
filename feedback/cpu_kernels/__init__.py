"""Convolutions in C for small networks on a CPU, compiled at first use."""
