"""Every feedback link from UE to BS, one per file or room: perfect, AWGN, bit errors, coded uplink.

Importing this package registers them.
"""

from feedback.plugins import import_modules

import_modules(__name__, __path__)
