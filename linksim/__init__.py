"""Link-level simulation testbed for CSI feedback in FDD massive MIMO."""

from importlib.metadata import version

__version__ = version("linksim")
