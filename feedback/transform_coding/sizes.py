"""Sizes of the level code. The C kernel gets them as compiler flags."""

# Classes of a coefficient: its standard deviation over the quantiser step, four to an octave, from 2^-8.
CLASSES = 64
CLASSES_PER_OCTAVE = 4
FINEST_OCTAVE = 8
# What is known when a part is coded: nothing, as it is the real part; the size of the real part is 0, 1, or more.
SEEN = 4
# A size of 1 or more is 2^e to 2^(e + 1) - 1: is e larger than 0, 1, ..., and what is the bit behind the first?
OCTAVES = 14
DECISIONS = 1 + 2 * (OCTAVES - 1)
# Sizes whose price is in a table, for the choice of levels; larger ones are taken to cost 2 bits an octave more.
PRICED = 64
# The largest level that an encoder chooses; a decoder bears all of at most 2^OCTAVES - 1.
MAX_LEVEL = 8000
# Levels up to this size have centroids of their own; larger ones stand for the middle of their cell.
CENTROIDS = 3

FLAGS = tuple(f"-D{name}={value}" for name, value in sorted(globals().items()) if name.isupper())

# What tables say of a decision is at least this far from certain, in 1/65536.
MIN_DOUBT = 8
MAX_PROBABILITY = 1 - MIN_DOUBT / 65536
# Bits that end a stream of the arithmetic coder.
CLOSING_BITS = 2
