"""Every predictor of the channel at the BS from past reports, one per file: hold, autoregressive, Kalman.

Importing this package registers them.
"""

from feedback.plugins import import_modules

import_modules(__name__, __path__)
