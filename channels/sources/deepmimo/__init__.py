"""Channels of a DeepMIMO v4 scenario folder."""
