"""The look-ups of one pass, put to a target together where it can be asked so.

Here: the questions, what was told, and those that a target has taken in and answers later. Not
here: what follows from it (doubt_resolution.py, first_lookup.py), and reading what is posted
(reconciliation/read_back.py).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Found, Question
from connectors.contract.targets import Deferring, LooksTogether
from connectors.transport.http import Http
from holding.connections.channel import Channel, Desk
from holding.journal.evidence import ours
from holding.journal.push_rows import Member
from holding.posting.last_check import Checked
from holding.tables import Request
from holding.tables.row_states import RequestState
from rules.values.canonical import sha256_hex

KEPT_FOR = timedelta(days=7)


def question(one: Member | Checked, key: str) -> Question:
    """What a look-up under this key asks of a push, or of a posting that is to be sent."""
    return Question(
        document=ours(one.document, one.theirs),
        key=key,
        action=one.action,
        standing=ours(one.standing, one.theirs),
    )


def first_questions(channel: Channel, good: Sequence[Checked]) -> dict[int, Question]:
    """What is asked before these postings are sent, by their ids."""
    asks = [one for one in good if one.action != "create" or channel.looks_first]
    return {one.claim.posting_id: question(one, one.key) for one in asks}


def looks_paid(channel: Channel, documents: int, *, in_file: bool) -> int:
    """How many calls were spent on looking them up before they are sent; a file has paid once."""
    steps = min(1, documents) if in_file else documents
    return steps * channel.target.pace.to_look if channel.looks_first else 0


class Tickets:
    """Looks before a first send that a target has taken in and not answered yet, by the key of the
    question: whatever worker comes next asks by the ticket, and puts no further look into the
    queue. A ticket is a row of `request`, as those of readings are.
    """

    def __init__(self, desk: Desk, channel: Channel) -> None:
        self._desk, self._channel = desk, channel

    def of(self, key: str) -> str:
        """The ticket by which this is asked again; blank where it was not asked yet."""
        with self._desk.database.read() as session:
            waiting = self._waiting(session, key)
            return str(waiting.rows["ticket"]) if waiting and waiting.rows else ""

    def keep(self, key: str, found: Found) -> None:
        """What follows from this answer: its ticket is kept, or one that was answered is over. One
        that could not be asked for now is asked for again.
        """
        ticket = found.target_ref if found.kind == "unknown" else ""
        if ticket is None:
            return
        with self._desk.database.write() as session:
            now, waiting = self._desk.clock.now(), self._waiting(session, key)
            if waiting and waiting.rows and waiting.rows["ticket"] == ticket:
                return
            if waiting:
                waiting.state, waiting.answered_at = RequestState.ANSWERED, now
            if ticket:
                session.add(
                    Request(
                        connection_id=self._channel.connection_id,
                        kind="read",
                        key=_before(key),
                        key_id=self._channel.key_id,
                        sha256=sha256_hex(b""),
                        headers={},
                        rows={"ticket": ticket},
                        state=RequestState.SENDING,
                        made_at=now,
                        deadline_at=now + KEPT_FOR,
                    )
                )

    def _waiting(self, session: Session, key: str) -> Request | None:
        there = (Request.connection_id == self._channel.connection_id, Request.key == _before(key))
        alive = (
            Request.state == RequestState.SENDING,
            Request.deadline_at > self._desk.clock.now(),
        )
        return session.scalars(select(Request).where(*there, *alive).limit(1)).one_or_none()


def _before(key: str) -> str:
    return f"before {key}"


class Lookups:
    """What a target says of postings. Those of `questions`, by their ids, are asked for together
    when the first of them is. With `tickets`, what a target answers later is asked for by them.

    An answer that tells nothing is the answer to one alone: each other one is then asked for alone,
    as long as the target lets us, so that its silence counts as often as it was met.
    """

    def __init__(
        self,
        channel: Channel,
        http: Http,
        questions: Mapping[int, Question],
        tickets: Tickets | None = None,
    ) -> None:
        self._channel = channel
        self._tickets = tickets if isinstance(channel.target, Deferring) else None
        self._http = http
        self._questions = questions
        self._told: dict[int, Found] | None = None

    def ask(self, posting_id: int, asked: Question) -> Found:
        """What the target says of this one."""
        if self._told is None:
            self._told = self._together()
        found = self._told.pop(posting_id, None)
        if found is None:
            return self.alone(asked)
        if found.kind == "unknown":
            self._told = {key: one for key, one in self._told.items() if one.kind != "unknown"}
        return found

    def _together(self) -> dict[int, Found]:
        target = self._channel.target
        if len(self._questions) < 2 or not isinstance(target, LooksTogether):
            return {}
        told = target.look_up_together(
            list(self._questions.values()),
            self._channel.settings,
            self._channel.secret,
            self._http,
        )
        return dict(zip(self._questions, told, strict=True))

    def alone(self, asked: Question) -> Found:
        """What it says of this question, which is asked for itself."""
        target, there = self._channel.target, (self._channel.settings, self._channel.secret)
        ticket = self._tickets.of(asked.key) if self._tickets else ""
        if ticket and isinstance(target, Deferring):
            found = target.ask_again(asked.document, ticket, *there, self._http)
        else:
            found = target.look_up(
                asked.document,
                *there,
                asked.key,
                self._http,
                action=asked.action,
                standing=asked.standing,
            )
        if self._tickets:
            self._tickets.keep(asked.key, found)
        return found


def before_sending(desk: Desk, channel: Channel, http: Http, good: Sequence[Checked]) -> Lookups:
    """The look-ups of these postings before their first send, which outlast a worker."""
    return Lookups(channel, http, first_questions(channel, good), Tickets(desk, channel))
