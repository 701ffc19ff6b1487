"""Studies over many scenarios: generalisation, reproductions of published tables."""
