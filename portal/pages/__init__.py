"""The pages, one blueprint each.

Here: the list of them; moved and parties add their views to those of mappings. Not here: what they
show.
"""

from portal.pages import (
    connections,
    dashboard,
    desk,
    find,
    holding,
    hooks,
    late,
    mappings,
    moved,
    parties,
    records,
    rulebook,
    runs,
    signin,
    stops,
)

__all__ = ["BLUEPRINTS", "moved", "parties"]

BLUEPRINTS = (
    signin.pages,
    dashboard.pages,
    holding.pages,
    desk.pages,
    records.pages,
    mappings.pages,
    runs.pages,
    connections.pages,
    late.pages,
    rulebook.pages,
    find.pages,
    stops.pages,
    hooks.hooks,
    hooks.health,
)
