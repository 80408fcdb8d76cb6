"""Clearpost portal.connections: connecting a system in the browser, its settings, keys and tests.

Here: the list of the blueprints. Not here: what a connection does (portal/pages/connections.py).
"""

from portal.connections import (
    authorization_pages,
    connection_settings,
    key_pages,
    new_connection,
    webhook_pages,
)

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    new_connection.pages,
    connection_settings.pages,
    key_pages.pages,
    authorization_pages.pages,
    webhook_pages.pages,
)
