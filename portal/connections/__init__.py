"""The pages of sources and targets: adding one, its settings and keys, tests, pauses and syncs."""

from portal.connections import connections, new_connection

BLUEPRINTS = (
    connections.pages,
    new_connection.new_connection_pages,
    new_connection.settings_pages,
    new_connection.key_pages,
    new_connection.authorization_pages,
    new_connection.webhook_pages,
)
