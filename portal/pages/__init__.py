"""The pages, one blueprint each.

Here: the list of them. Not here: what they show.
"""

from portal.pages import (
    connections,
    dashboard,
    desk,
    find,
    holding,
    hooks,
    late,
    moved,
    records,
    rulebook,
    runs,
    signin,
    stops,
)

BLUEPRINTS = (
    signin.pages,
    dashboard.pages,
    holding.pages,
    desk.pages,
    records.pages,
    moved.pages,  # those of mappings, with its own
    runs.pages,
    connections.pages,
    late.pages,
    rulebook.pages,
    find.pages,
    stops.pages,
    hooks.hooks,
    hooks.health,
)
