"""Channels of 3GPP TR 38.901, through Sionna's models."""
