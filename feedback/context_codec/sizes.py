"""Sizes of the context model: of its tables, and what it bounds. The C kernel gets them as compiler flags."""

# Activities around an entry that every network sees, what a network may see beside them, what it may see of a report
# that it builds on beside those, and levels that the prediction is a weighted sum of.
INPUTS = 16
MORE_INPUTS = 8
BASE_INPUTS = 8
NEIGHBOURS = 8
# Bounds of the network: its hidden units, and their values in sixteenths.
MAX_HIDDEN = 16
MOST_HIDDEN = 4096
# Values of its two numbers, which select the tables.
PRIMARY = 20
SECONDARY = 6
# Sizes of the predicted level, and what is known of the real part when the imaginary one is coded.
PREDICTED = 8
SEEN = 6
# Decisions on the size of a level; what is larger has an Elias gamma code behind it, of so many bits at most.
SIZES = 14
MAX_GAMMA_BITS = 13
# The largest level that an encoder chooses; a decoder bears all of at most SIZES + 2^14 - 1.
MAX_LEVEL = 8000
# The largest activity of an entry, and numbers that have a logarithm of their own.
MOST_ACTIVE = 40
LOGARITHMS = 1024
# What stands for yes among the inputs.
YES = 63
# Levels up to this size have centroids of their own; larger ones share the last.
CENTROIDS = 3

FLAGS = tuple(f"-D{name}={value}" for name, value in sorted(globals().items()) if name.isupper())
