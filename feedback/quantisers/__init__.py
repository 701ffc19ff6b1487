"""Every codeword quantiser, one per file: uniform, mu-law, Lloyd-Max, vector, entropy coded."""
