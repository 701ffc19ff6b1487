"""Trained weights that are kept: what there is, whether it is sound, how well it does."""
