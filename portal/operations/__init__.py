"""Clearpost portal.operations: how the work flows, for operators and for monitors.

Here: the list of the blueprints. Not here: what is counted (holding/workload).
"""

from portal.operations import metrics, queue_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (queue_pages.pages, metrics.pages)
