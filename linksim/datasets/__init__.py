"""Data sets as commands see them: building, reading, viewing, comparing."""
