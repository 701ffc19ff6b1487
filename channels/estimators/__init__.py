"""Pilot estimation at the UE; importing this package registers every estimator."""

import channels.estimators.least_squares
import channels.estimators.perfect  # noqa: F401 - registers its estimator
