"""Paired differences between runs, and between the compressors of one."""
