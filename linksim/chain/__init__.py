"""The chain at one point: report times, random streams, stages in order."""
