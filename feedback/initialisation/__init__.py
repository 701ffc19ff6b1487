"""Weights that training starts from: networks that begin as the KLT."""
