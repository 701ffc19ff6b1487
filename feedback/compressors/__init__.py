"""Every compressor, one per file: networks, KLT, top-k, identity.

Importing this package registers them.
"""

from feedback.plugins import import_modules

import_modules(__name__, __path__)
