"""Time and memory of a run against its size: antennas, subcarriers, delays, samples, points, workers."""
