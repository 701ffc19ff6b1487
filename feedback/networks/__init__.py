"""Bases of networks: training, checkpoints and complexity come with them."""
