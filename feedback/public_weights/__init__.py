"""Weights that others published, read into networks of ours: PyTorch and Keras files."""
