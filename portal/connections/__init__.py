"""Clearpost portal.connections: connecting a system in the browser, its settings, keys and tests.

Here: the list of the blueprints. Not here: what a connection does (portal/connections/connections.py).
"""

from portal.connections import new_connection
from portal.connections import new_connection as authorization_pages
from portal.connections import new_connection as connection_settings
from portal.connections import new_connection as key_pages
from portal.connections import new_connection as webhook_pages

__all__ = ["BLUEPRINTS"]

BLUEPRINTS = (
    new_connection.new_connection_pages,
    connection_settings.settings_pages,
    key_pages.key_pages,
    authorization_pages.authorization_pages,
    webhook_pages.webhook_pages,
)
