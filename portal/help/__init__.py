"""The help pages: what each hold, state, check, role and finding means, and what to do."""

from portal.help import topics

BLUEPRINTS = (topics.help_pages,)
