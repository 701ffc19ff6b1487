"""Figures of merit: NMSE, cosine similarities, rate, bits, cost; one definition each, and what the chain hands them.

Importing this package registers them.
"""

import linksim.metrics.cell_edge
import linksim.metrics.channel_quality
import linksim.metrics.cost
import linksim.metrics.coverage
import linksim.metrics.delivery
import linksim.metrics.multi_user
import linksim.metrics.nmse
import linksim.metrics.rate
import linksim.metrics.similarity
import linksim.metrics.throughput  # noqa: F401 - registers its metrics
from linksim.metrics.metric import METRICS, Metric

__all__ = ["METRICS", "Metric"]
