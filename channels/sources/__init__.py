"""Where channels come from, one source a file or room: drawn from models, ray-traced, measured, or read from files."""
