"""Data sets of channels: manifest with provenance, HDF5 file, resumable writer, export to CsiNet's format."""
