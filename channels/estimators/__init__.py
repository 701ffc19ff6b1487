"""Channel estimation at the UE: pilots, least squares, interpolation between pilots, symbol timing.

Importing this package registers them.
"""

import channels.estimators.least_squares
import channels.estimators.perfect  # noqa: F401 - registers its estimator
