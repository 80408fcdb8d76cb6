"""Mapping tables that name customers, closed to who may not read these.

Here: which tables these are, and the door in front of their pages, files and choices. Not here: who
may read them, and the file of all tables (holding/access/actors.py), the values of a record
(holding/access/actors.py).
"""

from typing import Final

from flask import Response, g, request

from holding.access import people
from holding.access.actors import PERSONAL_FIELDS
from holding.db.refusal import Refusal
from holding.mappings.preview import active_program
from holding.programs.world import schemas
from portal.web import fragments, security, store
from rules.comparison.preflight import references
from rules.program import Program
from rules.rulebook.coverage import agreements
from rules.values.wording import term

READS: Final = "mapping.read"
"""The act of who reads every entry."""


def hidden() -> frozenset[str]:
    """The tables whose entries the person of this request may not read."""
    if security.may(READS) is None:
        return frozenset()
    judge = active_program(store.reading(), g.company.id)
    return naming(judge) if judge is not None else frozenset()


def naming(judge: Program) -> frozenset[str]:
    """The tables that fill a personal field of a document, and those that a check compares with
    them.
    """
    filled = (one for one in references(judge.ruleset, schemas()) if one.field in PERSONAL_FIELDS)
    found = {table for one in filled for table in one.tables}
    checks = (one for kind in judge.records for one in agreements(judge.ruleset, kind))
    beside = (one.sides[0] | one.sides[1] for one in checks)
    return frozenset(found.union(*(tables for tables in beside if tables & found)))


def closed() -> Response | None:
    """What is answered instead of a page, a form or a file of such a table."""
    table = (request.view_args or {}).get("table")
    return refused(table) if table and table in hidden() else None


def refused(table: str) -> Response:
    """Why they cannot read it, and who can."""
    words = (
        f"You cannot read the entries of {term(table)},"
        " because your role does not include personal data."
    )
    who = people.who_may(store.reading(), g.company.id, READS)
    hint = f"{', '.join(who)} can." if who else "An administrator gives somebody a role that does."
    return fragments.refuse(Refusal("mapping.personal", words, hint, 403, READS))
