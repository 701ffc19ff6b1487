"""Learned reconstruction at the BS alone, on top of reports that a UE makes without knowing of it."""
