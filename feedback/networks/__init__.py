"""Base classes of networks with fully connected or convolutional latent, and of those that can start as the KLT."""
