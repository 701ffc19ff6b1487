"""Importing this package registers every channel source."""

import channels.sources.cost2100
import channels.sources.dataset
import channels.sources.deepmimo.source
import channels.sources.hdf5
import channels.sources.mat
import channels.sources.mixture
import channels.sources.quadriga.source
import channels.sources.response
import channels.sources.sionna.source  # noqa: F401 - registers its sources
