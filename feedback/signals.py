"""What compressors and quantisers send, and what the BS makes of it."""

from typing import Literal

# What codeword values are on the link: real numbers, level numbers of a fixed width, or bits of a stream.
Signal = Literal["analogue", "levels", "bitstream"]

# The truncated angular-delay matrix, or precoding vectors, which say nothing of the channel's strength or phase.
Reconstructed = Literal["channel", "precoder"]
