"""The hold catalogue: every reason for which the rules in force can hold a record.

Here: the page, a view of the rule book. Not here: the reasons (rules/rulebook/hold_catalogue.py).
"""

from flask import Response, g

from holding.access.actors import ACTS
from holding.access.role_words import any_of
from holding.approvals.releasers import ACT
from holding.rulesets import rulebook as queries
from portal.pages.rulesets import pages
from portal.web import fragments, store
from rules.rulebook import hold_entries

hold_entries.require_all()


@pages.get("/holds")
def catalogue() -> Response:
    """Each reason: who places it, who can release it, what clears it, what it blocks."""
    session = store.reading()
    version = queries.version_in_force(session, g.company.id)
    reasons = queries.reasons(session, version.version_id) if version else ()
    return fragments.respond(
        "rulesets/catalogue.html",
        version=version,
        reasons=reasons,
        codes=len({one.code for one in reasons}),
        roles=any_of(ACTS[ACT]),
    )
