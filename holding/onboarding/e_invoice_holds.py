"""What rules hold because of the e-Invoice that a document would become: a TIN, a class.

Here: which checks and maps of the rules in force are about it, and what they hold of one
connection. Not here: what a target refused because of it (diagnosis.py).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from grammar import nodes as n
from holding.db import bulk
from holding.db.models import Cause, Company, Connection, Hold
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import plural
from holding.onboarding.topics import Diagnosis, Topic
from holding.programs.world import program
from holding.trials.findings import owner_of
from rules.checker.places import uses
from rules.values.cause_keys import CauseKey, CauseKind

_TIN: Final = "is_tin"
_CLASS: Final = "e_invoice_class"


def held(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """What most documents of a connection are held for, if it is about their e-Invoice."""
    company = session.get_one(Company, connection.company_id)
    if company.ruleset_version_id is None:
        return
    ruleset = program(session, company.ruleset_version_id).ruleset
    keys = [str(CauseKey(CauseKind.RULE, name)) for name in _checks(ruleset)]
    given = {"company": company.id, "keys": keys, "tables": list(_tables(ruleset))}
    owner = owner_of(session, company)
    for row in session.execute(_HELD, given):
        if owner(row.route) == connection.name:
            waits = plural(row.holds, "document is on hold", "documents are on hold")
            shown = f"{row.label.rstrip('.')}. {waits}."
            todo = "Open its group under On hold and follow it."
            yield Diagnosis(Topic.E_INVOICE, shown, todo)


def _checks(ruleset: n.Ruleset) -> Iterator[str]:
    """The checks that ask for the form of a TIN."""
    for check in ruleset.checks:
        asked = (one for one in (check.when, *check.requires) if one is not None)
        if any(_TIN in uses(one) for one in asked):
            yield check.name


def _tables(ruleset: n.Ruleset) -> Iterator[str]:
    """The maps in which a classification is looked up."""
    maps = {table.name for table in ruleset.maps}
    for post in ruleset.posts:
        for assign in (*post.fields, *post.line_fields):
            named = set(uses(assign.expr))
            if _CLASS in named:
                yield from sorted(named & maps)


_HELD = (
    select(Cause.label, Hold.route, func.count().label("holds"))
    .join(Cause, Cause.id == Hold.cause_id)
    .where(Cause.company_id == bindparam("company"), HOLD_OPEN)
    .where(
        or_(bulk.among_given(Cause.key, "keys"), bulk.among_given(Cause.table_name, "tables")),
    )
    .group_by(Cause.label, Hold.route)
    .order_by(func.count().desc(), Cause.label)
)
