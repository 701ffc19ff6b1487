"""Where channels come from, one source a file or room: drawn from models, ray-traced, measured, or read from files.

Importing this package registers them.
"""

import channels.sources.cost2100
import channels.sources.dataset
import channels.sources.deepmimo.source
import channels.sources.hdf5
import channels.sources.mat
import channels.sources.mixture
import channels.sources.quadriga.source
import channels.sources.response
import channels.sources.sionna.source  # noqa: F401 - registers its sources
