"""The scenario: its keys, file, sweeps and error messages, and what identifies a result."""
