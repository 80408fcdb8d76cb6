"""I2 to I5 and I14: every document stands in the target once, because we meant it.

Here: our journal alone, and against the target's ledger where there is one. Not here: whether
we were allowed to (consent_kept.py).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from holding.db.models import Delivery, Posting, Push, Record
from holding.db.models.columns import PushState, from_minor, to_minor
from holding.integrity.journal_and_ledgers import Breach, Look, Sent
from holding.posting.evidence import derived_key
from holding.posting.holds import stands
from rules.outcomes.outcome import Document
from rules.values.canonical import revive
from rules.values.posting_states import PostingState

_UNIQUE = re.compile(r'UNIQUE INDEX "?(\w+)|CONSTRAINT "?(\w+)"? UNIQUE')
THERE = ("posted", "reversed")
MOST_NAMED = 3
LOOKED = frozenset({"equal", "different", "unknown"})
PROOFS = frozenset({"accepted", "existing", "equal"})
ONE_EFFECT = {
    Push: {"uq_push_family", "uq_push_effect"},
    Posting: {"uq_posting_sent", "uq_posting_record_id_route_seq"},
    Record: {"uq_record_source_id_type_external_id"},
    Delivery: {"uq_delivery_source_id_key"},
}
"""What the database itself refuses: the last line of defence."""


def posted_is_there(look: Look) -> Iterator[Breach]:
    """I2: every posted document has its accepted push, with proof, and one line in the ledger."""
    for posting in look.journal.postings.values():
        if posting.state not in THERE:
            continue
        push = look.journal.pushes.get(posting.posted_push_id or posting.push_id or 0)
        seen = look.journal.attempts.get(push.id, frozenset()) if push else frozenset()
        if push is None or push.state != PushState.ACCEPTED or not seen & PROOFS:
            say = f"{posting.number} is posted, but no answer of the target says so."
            yield Breach("I2", say, (posting.record_id,))
    if look.lines is not None:
        yield from _in_ledger(look)


def _in_ledger(look: Look) -> Iterator[Breach]:
    """Each accepted create has one line of the same content, unless somebody typed it by hand."""
    lines = look.lines or ()
    created = Counter(line.number for line in lines if line.action == "create")
    bodies = {line.sha256 for line in lines}
    for push in look.journal.pushes.values():
        if push.state != PushState.ACCEPTED or push.action != "create":
            continue
        count = created[push.number]
        if count != 1:
            times = "not at all" if not count else f"{count} times"
            say = f"{push.number} is posted here and stands in the target {times}."
            yield Breach("I2", say, (push.record_id,))
        elif _by_hand(look, push):
            continue
        elif not {digest for _, digest in look.journal.calls.get(push.id, ())} & bodies:
            say = f"{push.number} stands in the target with a content that we never sent."
            yield Breach("I2", say, (push.record_id,))


def _by_hand(look: Look, push: Sent) -> bool:
    return any(line.by_hand and line.number == push.number for line in look.lines or ())


def effects_were_meant(look: Look) -> Iterator[Breach]:
    """I3: what stands in the target was written down here before; every key is the derived one."""
    for push in look.journal.pushes.values():
        if push.key != _derived(look, push):
            say = f"{push.number}: the key of its push no. {push.no} does not follow from it."
            yield Breach("I3", say, (push.record_id,))
        if push.id not in look.journal.calls and not _only_seen(look, push):
            say = f"{push.number}: its push no. {push.no} has no call."
            yield Breach("I3", say, (push.record_id,))
    ours = [line for line in look.lines or () if not line.by_hand]
    for line, push_behind in zip(ours, look.journal.behind(ours), strict=True):
        if push_behind is None:
            yield Breach("I3", f"{line.number} stands in the target and we never meant to send it.")


def _only_seen(look: Look, push: Sent) -> bool:
    """Whether nothing was sent, since a look-up or a person told what the target has, or the
    look-up was refused.
    """
    seen = look.journal.attempts.get(push.id, frozenset())
    return bool(seen) and seen <= LOOKED


def _derived(look: Look, push: Sent) -> str:
    return derived_key(
        company_id=look.company_id,
        connection_id=push.connection_id,
        doc_type=push.doc_type,
        number=push.number,
        action=push.action,
        content_hash=push.hash,
        no=push.no,
    )


def no_effect_twice(look: Look) -> Iterator[Breach]:
    """I4: one created document for each posting; and the indexes stand that refuse a second."""
    accepted = Counter(
        push.posting_id
        for push in look.journal.pushes.values()
        if push.action == "create" and push.state == PushState.ACCEPTED
    )
    for posting_id, count in accepted.items():
        if count > 1:
            posting = look.journal.postings[posting_id]
            say = f"{posting.number} was created {count} times."
            yield Breach("I4", say, (posting.record_id,))
    yield from _twice_in_ledger(look)
    there = _refused_twice(look.session)
    for table, wanted in ONE_EFFECT.items():
        for gone in sorted(wanted - there):
            name = table.__tablename__
            yield Breach("I4", f"The database lacks {gone}, so it would take a second {name}.")


def _refused_twice(session: Session) -> set[str]:
    """The names of all unique indexes and constraints; SQLite names no index after a constraint."""
    if session.get_bind().dialect.name == "postgresql":
        query = "SELECT indexname FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'"
        return set(session.scalars(text(query)))
    told = session.scalars(text("SELECT sql FROM sqlite_master WHERE sql LIKE '%UNIQUE%'"))
    return {"".join(either) for one in told for either in _UNIQUE.findall(one)}


def _twice_in_ledger(look: Look) -> Iterator[Breach]:
    ours = [line for line in look.lines or () if line.action == "create" and not line.by_hand]
    meant: dict[int, list[str]] = defaultdict(list)
    for line, push in zip(ours, look.journal.behind(ours), strict=True):
        if push is not None:
            meant[push.posting_id].append(line.number)
    for posting_id, numbers in meant.items():
        if len(numbers) > 1:
            say = f"{' and '.join(numbers)} stand in the target for one posting."
            yield Breach("I4", say, (look.journal.postings[posting_id].record_id,))


def versions_increase(look: Look) -> Iterator[Breach]:
    """I5: what reached the target reached it in the order in which it was meant."""
    lines = look.lines or ()
    last: dict[int, int] = {}
    for line, push in zip(lines, look.journal.behind(lines), strict=True):
        if push is None:
            continue
        if push.no < last.get(push.posting_id, 0):
            say = f"{line.number}: push no. {push.no} reached the target after a later one."
            yield Breach("I5", say, (push.record_id,))
        last[push.posting_id] = push.no


def sums_agree(look: Look) -> Iterator[Breach]:
    """I14: what is posted here and what the target has is the same with its tax, document by
    document and so in every sum, to the sen.
    """
    if look.lines is None:
        return
    told = {line.number: line for line in look.lines if line.total is not None}
    off: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    records: dict[str, list[int]] = defaultdict(list)
    for record_id, number, amount, currency in _posted(look):
        line = told.get(number)
        there = to_minor(Decimal(line.total or 0), line.currency or currency) if line else 0
        if there != amount:
            off[currency].append((number, amount, there))
            records[currency].append(record_id)
    for currency, found in sorted(off.items()):
        ours, theirs = sum(one[1] for one in found), sum(one[2] for one in found)
        say = (
            f"{currency}: where they differ, our amounts make {_shown(ours, currency)}, those in "
            f"the target {_shown(theirs, currency)}: "
        )
        first = (
            f"{number} {_shown(here, currency)}, there {_shown(there, currency)}"
            for number, here, there in found[:MOST_NAMED]
        )
        yield Breach("I14", f"{say}{'; '.join(first)}.", tuple(records[currency]))


def _posted(look: Look) -> Iterator[tuple[int, str, int, str]]:
    """(record, number, minor units, currency) of every posted document, as it was last accepted;
    what the target keeps of it counts, where rounding explains that it is not what was sent.
    """
    query = (
        select(Posting.record_id, Push.number, Push.content, Push.kept)
        .join(Posting, Posting.posted_push_id == Push.id)
        .where(Posting.company_id == look.company_id, Posting.state == PostingState.POSTED)
    )
    for record_id, number, content, kept in look.session.execute(query):
        document = revive(Document, content)
        yield record_id, number, stands(document, kept), document.currency


def _shown(minor: int, currency: str) -> str:
    return str(from_minor(minor, currency))
