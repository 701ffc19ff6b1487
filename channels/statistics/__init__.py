"""Statistics of channels: delay and angular spread, profiles, temporal correlation, distance between two sets."""
