"""Every denoiser of received codewords at the BS, one per file.

Importing this package registers them.
"""

from feedback.plugins import import_modules

import_modules(__name__, __path__)
