"""The scenario: model, file, sweeps, messages, and what identifies a result."""
