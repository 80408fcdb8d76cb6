"""The pages, one blueprint each.

Here: the list of them; some modules add views to those of another. Not here: what they show.
"""

from portal.pages import (
    connections,
    dashboard,
    deputies,
    desk,
    find,
    holding,
    hooks,
    late,
    mappings,
    moved,
    parties,
    periods,
    proposals,
    records,
    rulebook,
    runs,
    signin,
    stops,
)

__all__ = ["BLUEPRINTS", "moved", "parties", "proposals"]

BLUEPRINTS = (
    signin.pages,
    dashboard.pages,
    holding.pages,
    desk.pages,
    periods.pages,
    records.pages,
    mappings.pages,
    runs.pages,
    connections.pages,
    late.pages,
    deputies.pages,
    rulebook.pages,
    find.pages,
    stops.pages,
    hooks.hooks,
    hooks.health,
)
