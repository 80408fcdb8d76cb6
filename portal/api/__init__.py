"""The JSON interface for programs under /api/v1, authenticated with a bearer token."""

from portal.api import calls

BLUEPRINTS = (calls.api,)
