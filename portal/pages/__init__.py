"""The pages: the list of their blueprints.

Here: the list of them; party_merge adds views to mappings. Not here: what they show.
"""

from portal.pages import (
    access,
    connections,
    dashboard,
    exceptions,
    intake,
    mappings,
    party_merge,
    records,
    rulesets,
    runs,
    worklist,
)

__all__ = ["BLUEPRINTS", "party_merge"]

BLUEPRINTS = (
    access.signin_pages,
    dashboard.pages,
    worklist.pages,
    exceptions.pages,
    exceptions.period_pages,
    records.pages,
    mappings.pages,
    runs.pages,
    connections.pages,
    dashboard.late_pages,
    access.deputy_pages,
    rulesets.pages,
    dashboard.find_pages,
    runs.stop_pages,
    intake.hooks,
    intake.health,
)
