"""The webhook addresses of sources, and the health checks of the portal."""

from portal.intake import webhooks

BLUEPRINTS = (
    webhooks.hooks,
    webhooks.health,
)
