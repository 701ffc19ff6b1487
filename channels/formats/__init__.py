"""Readers of HDF5 and MATLAB files, bounded and in slices; they know nothing of channels."""
