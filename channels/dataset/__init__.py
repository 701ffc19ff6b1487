"""Data sets with provenance: manifest, file, writer, export to CsiNet's format."""
