"""Going back to rules that were in force before, in one act.

Here: who may, and the new version with the files, hash and edition of the old one. Not here: what
coming into force does (holding/rulesets/entering.py). The tests are not run again: these very files
passed them when they were published.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.people import who_may
from holding.db.models import ChangeFile, RulesetVersion
from holding.db.refusal import Refusal, plural
from holding.platform.changes import locked_company
from holding.platform.events import record_event
from holding.rulesets import declared_rounding, entering
from holding.rulesets.admission import checked
from holding.rulesets.entering import Entering
from holding.rulesets.publication import files_of
from holding.rulesets.published import Published, sealed_rules


def go_back(
    session: Session,
    to_no: int,
    actor: Actor,
    now: datetime,
    *,
    from_no: int | None,
    reason: str,
) -> Published | Refusal:
    """Put the rules of an earlier version into force again.

    `from_no` is the version that the person saw in force: of another one nothing is changed.
    """
    refusal = may(actor, "rules.publish")
    company_id = actor.company_id
    if refusal or company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = locked_company(session, company_id)
    found = _version(session, company_id, to_no)
    in_force = session.get(RulesetVersion, company.ruleset_version_id or 0)
    if found is None or in_force is None:
        return Refusal("version.unknown", f"There is no rule version {to_no}.", status=404)
    if in_force.no != from_no or found.hash == in_force.hash:
        words = f"Rule version {in_force.no} is in force now; nothing was changed."
        return Refusal("version.moved", words, "Look at the list of versions again.")
    if refusal := _own(session, company_id, found, actor):
        return refusal
    files = files_of(session, found.id)
    looked = checked(files)
    if looked.unread:
        words = f"This version of Clearpost cannot read rule version {to_no} any more."
        return Refusal("version.unreadable", words, "Send a change with its files instead.")
    if wrong := declared_rounding.refused_rules(session, company_id, looked.ruleset.targets):
        return wrong
    published = entering.enter(
        session,
        Entering(
            company_id=company_id,
            what=f"back to rule version {to_no}",
            reason=reason,
            files=files,
            ruleset=looked.ruleset,
            rows=looked.rows,
            hash=found.hash,
            edition=found.edition,
            change_id=found.change_id,
            author_id=found.author_id,
        ),
        actor,
        now,
    )
    _tell(session, company_id, published, actor, now, told=(from_no, to_no, reason))
    return published


def _version(session: Session, company_id: int, no: int) -> RulesetVersion | None:
    mine = RulesetVersion.company_id == company_id
    return session.scalar(select(RulesetVersion).where(mine, RulesetVersion.no == no))


def _own(
    session: Session, company_id: int, version: RulesetVersion, actor: Actor
) -> Refusal | None:
    """Nobody puts their own rules into force, those of before neither."""
    wrote: Sequence[int | None] = session.scalars(
        select(ChangeFile.person_id).where(ChangeFile.change_id == version.change_id)
    ).all()
    authors = {person for person in (version.author_id, *wrote) if person is not None}
    if actor.person_id not in authors:
        return None
    others = who_may(session, company_id, "rules.publish", but=authors)
    return Refusal(
        "rules.own",
        f"You cannot go back to rule version {version.no}, because you wrote it.",
        f"{' or '.join(others)} can." if others else "Invite a second person as Publisher.",
        403,
    )


def _tell(
    session: Session,
    company_id: int,
    published: Published,
    actor: Actor,
    now: datetime,
    *,
    told: tuple[int | None, int, str],
) -> None:
    from_no, to_no, reason = told
    say = (
        f"{actor.name} went back from rule version {from_no} to rule version {to_no}, as"
        f" version {published.no} (hash {published.hash[:12]}):"
        f" {plural(published.woken, 'record')} checked again."
    )
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="rules.rolled_back",
        body={
            "say": f"{say} Reason: {reason or 'none given'}",
            "from": from_no,
            "to": to_no,
            "version": published.no,
            "hash": published.hash,
            "revision": published.revision,
            "edition": published.edition,
            "reason": reason,
            **sealed_rules(session, company_id, published),
        },
    )
