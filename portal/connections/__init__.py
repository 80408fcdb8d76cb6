"""Clearpost portal.connections: connecting a system in the browser, its settings, keys and tests.

Here: the list of the blueprints. Not here: what a connection does (portal/connections/connections.py).
"""

from portal.connections import new_connection

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    new_connection.new_connection_pages,
    new_connection.settings_pages,
    new_connection.key_pages,
    new_connection.authorization_pages,
    new_connection.webhook_pages,
)
