"""Clearpost portal.operations: how the work flows, for operators and for monitors.

Here: the list of the blueprints. Not here: what is counted (holding/workload).
"""

from portal.operations import metrics
from portal.operations import metrics as queue_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (queue_pages.queue_pages, metrics.metrics_pages)
