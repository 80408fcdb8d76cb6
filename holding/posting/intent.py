"""From claimed postings to a call that is written down.

Here: the intent of a first send, one commit before any byte leaves. Not here: calls that follow
another (holding/posting/follow_up_calls.py), the call itself (holding/posting/calls.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connectors.contract import Action, Found, Payload
from connectors.transport import fault_points
from holding.audit.events import Fact, join_events
from holding.audit.seals import PUSH, REQUEST, SEALED, seal
from holding.connections.channel import Channel, Desk
from holding.journal import push_rows, run_counts
from holding.journal.evidence import request_key
from holding.journal.posting_claims import Claim, lock_families
from holding.journal.push_rows import Flight, Member, add_flight, add_look, push_lease
from holding.journal.returned_claims import give_back, put_back
from holding.journal.target_holds import Trouble
from holding.lifecycle.changes import wake_records
from holding.lifecycle.states import Step, join_record_states, join_steps
from holding.posting import results
from holding.posting.call_parts import first_call, too_large
from holding.posting.last_check import Checked, NotNow, Verdict, check
from holding.store.database import remember
from holding.store.joint_writes import JointWrites
from holding.tables import Posting, Push
from holding.tables.row_states import PushState
from rules.values.canonical import sha256_hex
from rules.values.posting_states import PostingState

Looked = Mapping[int, Found]


@dataclass(frozen=True, slots=True)
class Examined:
    """Postings that may go out, each with its story rendered for keeping."""

    good: tuple[Checked, ...]
    stories: Mapping[int, bytes]

    def only(self, wanted: Collection[int]) -> "Examined":
        """Those of some postings."""
        good = tuple(one for one in self.good if one.claim.posting_id in wanted)
        return Examined(good, self.stories)

    @property
    def claims(self) -> list[Claim]:
        """The rights to them."""
        return [one.claim for one in self.good]

    def parted(self, count: int) -> "tuple[Examined, Examined]":
        """The first so many, and the others."""
        return Examined(self.good[:count], self.stories), Examined(self.good[count:], self.stories)

    def __add__(self, others: "Examined") -> "Examined":
        return Examined(self.good + others.good, {**self.stories, **others.stories})


def examine(desk: Desk, channel: Channel, claims: Sequence[Claim], *, in_file: bool) -> Examined:
    """Look at claimed postings; those that may not be sent are held, or given back: due at once,
    or, where they go in a file, after a rest in which the others of the run go.
    """
    with desk.database.read() as session:
        remember(session)  # what the look has read is what the stories are told from
        verdicts = check(session, channel, claims, lock=False, now=desk.clock.now())
        good = tuple(one for one in verdicts.values() if isinstance(one, Checked))
        # told here, so that no write waits for the replay
        told = desk.trace(session, {one.evaluation_id for one in good})
    stories = {one.claim.posting_id: told[one.evaluation_id] for one in good}
    _turn_down(desk, channel, claims, verdicts, in_file=in_file)
    return Examined(good, stories)


def rest_of(desk: Desk) -> timedelta:
    """How long what cannot go now is left alone."""
    return desk.lease / 4


def intend(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    *,
    run_id: int | None,
    name: str = "",
    looked: Looked | None = None,
) -> tuple[Flight | None, Examined]:
    """Write down one call for these postings, as JSON or (with a `name`) as one file of the first
    of them, as many as the target takes in one; and what is left for the next.

    What is sent is what was examined, and it is looked at again in the transaction that commits
    the intent. No call when nothing is left to send. Without a `run_id` it is of the run of what
    goes at once, which is made or found in the same commit.
    """
    desk.renew()
    while examined.good:
        documents = [one.sent for one in examined.good]
        action = examined.good[0].action  # a file has creates alone, a call one document
        count, payload = first_call(
            channel.target, documents, channel.settings, name=name, action=action
        )
        part, rest = examined.parted(max(1, count))
        if count == 0:
            found = too_large(channel.target, documents[0], payload, channel.name)
            _stop(desk, channel, part.claims[0], found)
            examined = rest
            continue
        try:
            flight = _commit(desk, channel, part, payload, run_id, name, looked or {})
        except IntegrityError:  # another push of the family was opened: somebody was faster
            give_back(desk, part.claims, after=rest_of(desk))
            return None, rest
        if flight is not None:
            fault_points.point("push.after_intent")
            return flight, rest
        examined = examine(desk, channel, part.claims, in_file=bool(name)) + rest
    return None, examined


def _commit(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    payload: Payload,
    run_id: int | None,
    name: str,
    looked: Looked,
) -> Flight | None:
    """The one commit; None when a posting is not any more what it was a moment ago."""
    if name:
        fault_points.point("export.after_file")
    with desk.database.write() as session:
        at = desk.clock.now()
        verdicts = check(session, channel, examined.claims, lock=True, now=at)
        good = [one for one in verdicts.values() if isinstance(one, Checked)]
        if tuple(good) != examined.good:
            return None
        fault_points.point("push.before_intent")
        writes, request = JointWrites(session), {REQUEST: sha256_hex(payload.body)}
        first = good[0].drawn
        if run_id is None:
            last, new = first.run_id, first.new_run_id
            doc_type = good[0].claim.doc_type
            run_id = run_counts.join_immediate_run(writes, channel, doc_type, last, new, at)
        members = add_pushes(session, desk, channel, good, examined.stories, call=(writes, request))
        states = {one.record_id: one.drawn.record_state for one in good}
        join_record_states(writes, {key: after for key, after in states.items() if after})
        seen = [one for one in members if one.claim.posting_id in looked]
        if seen:
            writes.write()  # a look is an attempt of its push, and a request before this one
        for one in seen:
            found = looked[one.claim.posting_id]
            add_look(session, channel, one, found, kind="lookup", key=one.key, now=at)
        return add_flight(
            session,
            desk,
            channel,
            members=members,
            payload=payload,
            key=request_key(one.key for one in good),
            name=name,
            run_id=run_id,
            request_id=None if seen else first.request_id,
            tries={member.push_id: int(member.claim.posting_id in looked) for member in members},
            writes=writes,
        )


def add_pushes(
    session: Session,
    desk: Desk,
    channel: Channel,
    good: Sequence[Checked],
    stories: Mapping[int, bytes],
    *,
    call: tuple[JointWrites, Mapping[str, str]] | None = None,
) -> tuple[Member, ...]:
    """The push rows, their lines, the postings on their way: with the other writes of their `call`,
    whose bytes it seals, or at once where none is made. The postings are locked and were looked at,
    so that none can have moved.
    """
    now = desk.clock.now()
    writes, request = call or (JointWrites(session), {})
    rows = [_push_row(one, stories[one.posting.id], now) for one in good]
    members = tuple(_member(one) for one in good)
    writes.insert(Push, rows)
    sent = [pair for pair in zip(members, good, strict=True) if pair[1].action != "void"]
    billed = [(of.push_id, of.document, one.posting.bills) for of, one in sent]
    push_rows.join_lines(writes, billed)
    join_steps(writes, [_on_its_way(one, now, now + push_lease(desk)) for one in good])
    told = zip(good, rows, strict=True)
    join_events(writes, [_sending(channel, one, row, request, now) for one, row in told])
    if call is None:
        writes.write()
    return members


def _push_row(one: Checked, story: bytes, now: datetime) -> dict[str, Any]:
    posting = one.posting
    return {
        "id": one.drawn.push_id,
        "posting_id": posting.id,
        "no": one.no,
        "connection_id": posting.connection_id,
        "family": posting.family,
        "action": posting.action,
        "hash": posting.hash,
        "number": posting.number,
        "key": one.key,
        "content": posting.content,
        "trace": story,
        "evaluation_id": posting.evaluation_id,
        "state": PushState.SENDING,
        "made_at": now,
    }


def _on_its_way(one: Checked, now: datetime, until: datetime) -> Step:
    first = {"sent_at": now} if one.action == "create" else {}
    columns = {"push_id": one.drawn.push_id, "lease_until": until, **first}
    return Step(one.posting.id, one.posting.state, one.lock, PostingState.SENDING, columns)


def _said(action: Action, number: str, target: str, hash_: str) -> str:
    """What the event says of it."""
    if action == "void":
        return f"Voiding {number} in {target} (hash {hash_})."
    what = f"the change of {number}" if action == "update" else number
    return f"Sending {what} to {target} (hash {hash_})."


def _sending(
    channel: Channel,
    one: Checked,
    push: Mapping[str, Any],
    request: Mapping[str, str],
    now: datetime,
) -> Fact:
    """The event of what is about to be sent, with the seal of its push."""
    posting = one.posting
    said = {
        "say": _said(one.action, posting.number, channel.name, posting.hash[:12]),
        "push": push["id"],
        "hash": posting.hash,
        "key": one.key,
        SEALED: seal(PUSH, push),
        **request,
    }
    return Fact(
        company_id=channel.company_id,
        at=now,
        act="posting.sending",
        record_id=one.record_id,
        posting_id=posting.id,
        fence=one.claim.fence,
        body=said,
    )


def _member(one: Checked) -> Member:
    return Member(
        claim=one.claim,
        record_id=one.record_id,
        push_id=one.drawn.push_id,
        action=one.action,
        document=one.document,
        standing=one.standing,
        theirs=one.theirs,
        key=one.key,
    )


def _turn_down(
    desk: Desk,
    channel: Channel,
    claims: Sequence[Claim],
    verdicts: Mapping[int, Verdict],
    *,
    in_file: bool,
) -> None:
    """Hold what must not be sent; give back what cannot be sent now."""
    bad = [claim for claim in claims if not isinstance(verdicts[claim.posting_id], Checked)]
    if not bad:
        return
    rest = rest_of(desk) if in_file else timedelta()
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in bad])
        now = desk.clock.now()
        for claim in bad:
            verdict = verdicts[claim.posting_id]
            if isinstance(verdict, NotNow) and verdict.judge:
                _have_judged(session, claim, now + rest if in_file else None, now)
            elif isinstance(verdict, NotNow):
                put_back(session, claim, now + (rest_of(desk) if verdict.rest else rest))
            elif isinstance(verdict, Trouble):
                results.stopped(session, channel, claim, verdict, now)


def _stop(desk: Desk, channel: Channel, claim: Claim, found: Trouble) -> None:
    """Hold one posting that no call can carry."""
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family])
        results.stopped(session, channel, claim, found, desk.clock.now())


def _have_judged(session: Session, claim: Claim, due: datetime | None, now: datetime) -> None:
    """Give it back until its record was judged: that says whether and when it is due, unless a run
    comes back to it.
    """
    put_back(session, claim, due)
    record = select(Posting.record_id).where(Posting.id == claim.posting_id)
    wake_records(session, session.scalars(record).all(), now)
