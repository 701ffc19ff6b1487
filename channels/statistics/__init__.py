"""Statistics of channels: spreads, profiles, temporal correlation, distances between sets."""
