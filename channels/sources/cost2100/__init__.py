"""The COST 2100 model: clusters, visibility regions and user motion, drawn many links at a time."""

from channels.sources.cost2100.parameters import Cost2100Parameters
from channels.sources.cost2100.source import Cost2100Source

__all__ = ["Cost2100Parameters", "Cost2100Source"]
