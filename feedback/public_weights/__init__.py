"""Weights that others published, read into networks of this package: PyTorch and Keras files."""
