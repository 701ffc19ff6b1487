"""Every predictor of the channel at the BS, one per file; importing this package registers them all."""

from feedback.plugins import import_modules

import_modules(__name__, __path__)
