"""Trained weights: what there is, whether it is sound, how well it does."""
