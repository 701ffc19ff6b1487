"""Pilot estimation at the UE: one file an estimator, and the interpolation between pilots."""
