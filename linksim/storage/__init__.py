"""What is kept of a run: folder, partial results, samples, channels, tables."""
