"""Studies over many scenarios: generalisation across channels, and published tables reproduced."""
