"""The pages: the list of their blueprints.

Here: the list of them. Not here: what they show.
"""

from portal.pages import (
    connections,
    dashboard,
    exceptions,
    intake,
    records,
    rulesets,
    runs,
    worklist,
)

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    dashboard.pages,
    worklist.pages,
    exceptions.pages,
    exceptions.period_pages,
    records.pages,
    runs.pages,
    connections.pages,
    dashboard.late_pages,
    rulesets.pages,
    dashboard.find_pages,
    runs.stop_pages,
    intake.hooks,
    intake.health,
)
