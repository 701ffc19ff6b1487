"""Every codeword quantiser, one per file: uniform, mu-law, Lloyd-Max, vector, entropy coded.

Importing this package registers them.
"""

from feedback.plugins import import_modules

import_modules(__name__, __path__)
