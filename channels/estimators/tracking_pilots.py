"""Pilots by which a UE follows the timing of the channel."""

# A CSI-RS for tracking has one port, three subcarriers in each resource block, and two symbols in each of two slots
# (3GPP TS 38.214, 5.1.6.1.1; TS 38.211, table 7.4.1.5.3-1, row 1).
TRACKING_SPACING, TRACKING_SYMBOLS = 4, 4
