"""Readers of others' files (HDF5, MATLAB, NumPy, YAML), bounded and in slices; they know nothing of channels."""
