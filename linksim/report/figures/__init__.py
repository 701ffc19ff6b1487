"""Figures, one file a kind."""
