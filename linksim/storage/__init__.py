"""What is kept of a run on disk: folder, partial results, values of each sample, channels, CSV tables."""
