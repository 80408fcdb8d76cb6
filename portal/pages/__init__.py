"""The pages, one blueprint each.

Here: the list of them. Not here: what they show.
"""

from portal.pages import (
    connections,
    dashboard,
    find,
    holding,
    hooks,
    mappings,
    records,
    runs,
    signin,
)

BLUEPRINTS = (
    signin.pages,
    dashboard.pages,
    holding.pages,
    records.pages,
    mappings.pages,
    runs.pages,
    connections.pages,
    find.pages,
    hooks.hooks,
    hooks.health,
)
