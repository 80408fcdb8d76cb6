"""Clearpost portal.operations: how the work flows, for operators and for monitors.

Here: the list of the blueprints. Not here: what is counted (holding/workload).
"""

from portal.operations import metrics

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (metrics.queue_pages, metrics.metrics_pages)
