"""Tables for the terminal, the report and papers."""
