"""Which master data the waiting records of a company name, and which of it is missing, counted for
each accounting system.

Here: judging what is not posted by the rules in force, with the mappings and lists of now; nothing
is kept, and nobody is called. Not here: the counting (rules/comparison/preflight.py), what is wrong
with connections (findings.py).
"""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from connectors.contract.schema import MASTER_DATA
from holding.db.models import Company, Posting, Push, Record
from holding.db.models.columns import PushState, is_word
from holding.db.refusal import Refusal
from holding.evaluation.batch import Claimed
from holding.evaluation.load_facts import gather
from holding.programs import world
from holding.programs.world import schemas
from rules.comparison.preflight import Tally, references

AT_ONCE: Final = 200  # records judged at a time


def named_codes(session: Session, company_id: int, now: datetime) -> Tally | Refusal:
    """The records of which no document was accepted yet, the oldest first.

    What is dated before the cutover counts as well: it is looked at before anything is delivered.
    """
    company = session.get_one(Company, company_id)
    if company.ruleset_version_id is None:
        words = f"No rules are in force for {company.name}."
        hint = "Publish rules first: clearpost rules push, then clearpost publish."
        return Refusal("preflight.no_rules", words, hint)
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    tally = Tally(references(ruleset, schemas()), MASTER_DATA)
    ids = session.scalars(_WAITING, {"company": company_id}).all()
    for at in range(0, len(ids), AT_ONCE):
        claims = [Claimed(one, 0, 0) for one in ids[at : at + AT_ONCE]]
        batch = gather(session, company_id, claims, now, world.program)
        for case in batch.cases:
            outcome = batch.judge.evaluate(case.subject, case.facts, batch.world, now)
            tally.add(case.subject.kind, outcome, batch.world)
        session.expunge_all()
    return tally


_POSTED = (
    exists()
    .where(Posting.record_id == Record.id)
    .where(Push.posting_id == Posting.id, is_word(Push.state, PushState.ACCEPTED))
)
_WAITING = (
    select(Record.id)
    .where(Record.company_id == bindparam("company"), Record.version_id.is_not(None), ~_POSTED)
    .order_by(Record.id)
)
