"""Look up postings in a target, many in one call where the target supports it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Found, Question, Stands
from connectors.contract.targets import Deferring, LooksTogether, Readable, Searchable, TellsParties
from connectors.transport.http import Counting, Http, Remembering
from grammar.text.characters import in_currency
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk, renewed_after_all
from holding.db.models import Posting, Push, Reading, Record, Release, Request, Version
from holding.db.models.columns import RequestState
from holding.platform.changes import read_now
from holding.platform.states import INACTIVE
from holding.posting import holds, send, store_results
from holding.posting.claims import Claim, give_back, put_back, stay_in_line
from holding.posting.evidence import ours
from holding.posting.holds import MANUAL, Trouble
from holding.posting.prepare import Checked, Examined, add_pushes, check
from holding.posting.push import Case, Member, add_look, conflicted, keep_alike
from rules.outcomes import Document
from rules.values.canonical import revive, sha256_hex

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


def clear(desk: Desk, channel: Channel, one: Checked, reads: Remembering) -> bool | Found:
    """Whether a document may be made: its party is in use, and nothing like it exists there, or a
    person knows of it. Where the target refuses our key, what it said. `reads` are of the whole
    pass: one list serves all documents for one party.
    """
    target = channel.target
    goes = one.action != "create" or _party_in_use(desk, channel, one, reads)
    if goes is not True or one.action != "create" or not isinstance(target, Searchable):
        return goes
    if _let_pass(desk, one):
        return True
    before = reads.calls
    found = target.alike(one.document, channel.settings, channel.secret, reads)
    _charge(desk, channel, max(0, reads.calls - before - 1))  # one is part of a document's cost
    if isinstance(found, Found):
        if found.key_refused:
            return found
        if found.kind == "different":
            _hold(desk, channel, one, (), found.words)
        else:
            unclear(desk, channel, one.claim, found)
        return False
    return _none_by_hand(desk, channel, one, found)


def _party_in_use(desk: Desk, channel: Channel, one: Checked, reads: Remembering) -> bool | Found:
    """Whether the customer or supplier was not made inactive there; where the target refuses our
    key, what it said.
    """
    if not isinstance(channel.target, TellsParties):
        return True
    before = reads.calls
    told = channel.target.inactive(one.document, channel.settings, channel.secret, reads)
    _charge(desk, channel, reads.calls - before)
    if isinstance(told, str):
        words = f"{told.capitalize()} is inactive in {channel.name}, so it was not sent."
        trouble = Trouble(
            code=INACTIVE, error_class="mapping_missing", words=words, target_code=told
        )
        if told:
            _stop(desk, channel, one, trouble)
        return not told
    if not told.key_refused:
        unclear(desk, channel, one.claim, told)
    return told if told.key_refused else False


def _charge(desk: Desk, channel: Channel, calls: int) -> None:
    """Calls that were not paid for; below 0 those that were, and were not made."""
    if calls:
        with desk.database.write() as session:
            limits.spend(session, channel, calls)


def _stop(
    desk: Desk, channel: Channel, one: Checked, trouble: Trouble, found: Sequence[Stands] = ()
) -> None:
    """Hold what is still as it was looked at."""
    with desk.database.write() as session:
        now = desk.clock.now()
        still = check(session, channel, [one.claim], lock=True, now=now)[one.claim.posting_id]
        if not isinstance(still, Checked):
            put_back(session, one.claim, now)
            return
        if trouble.code == MANUAL:
            keep_alike(session, one.claim.posting_id, found, now)
        store_results.stopped(session, channel, one.claim, trouble, now)


def _let_pass(desk: Desk, one: Checked) -> bool:
    """Whether a person has seen what the target has, and wants this content made all the same."""
    posting = one.posting
    query = (
        select(Release.id)
        .join(Record, Record.id == Release.record_id)
        .join(Version, Version.id == Record.version_id)
        .where(Release.record_id == posting.record_id, Release.route == posting.route)
        .where(Release.seq == posting.seq, Release.code == MANUAL, Release.kind == "release")
        .where(Release.voided_at.is_(None), Release.content_sha256 == Version.sha256)
    )
    with desk.database.read() as session:
        return session.scalar(query.limit(1)) is not None


def _hold(desk: Desk, channel: Channel, one: Checked, found: Sequence[Stands], words: str) -> None:
    """Nothing is sent; the hold says what the target has, and the reading shows it."""
    trouble = Trouble(code=MANUAL, error_class="duplicate", words=words, decided=True)
    _stop(desk, channel, one, trouble, found)


def _none_by_hand(desk: Desk, channel: Channel, one: Checked, found: Sequence[Stands]) -> bool:
    """Whether all of these are ours; where others are among them, the document is held."""
    others = _not_ours(desk, channel, one, found)
    if not others:
        return True
    _hold(desk, channel, one, others, _perhaps_by_hand(channel, others))
    return False


def _not_ours(desk: Desk, channel: Channel, one: Checked, found: Sequence[Stands]) -> list[Stands]:
    """Those that no other posting stands for; one under its own number is none of ours yet."""
    query = select(Posting.number).where(
        Posting.connection_id == channel.connection_id,
        Posting.doc_type == one.document.document,
        Posting.number.in_([other.number for other in found]),
        Posting.sent_at.is_not(None),
        Posting.id != one.claim.posting_id,
    )
    with desk.database.read() as session:
        ours = {number.casefold() for number in session.scalars(query)}
    return [other for other in found if other.number.casefold() not in ours]


def _perhaps_by_hand(channel: Channel, found: Sequence[Stands]) -> str:
    told = "; ".join(_told(other) for other in found)
    return f"{channel.name} already has {told}, not posted by Clearpost (perhaps manually)."


def _told(other: Stands) -> str:
    over = "" if other.amount is None else f" over {in_currency(other.amount, other.currency)}"
    return f"{other.number} for {other.party}{over}, dated {other.date}"


def unclear(desk: Desk, channel: Channel, claim: Claim, found: Found) -> None:
    """Nobody can say what the target has: the posting is tried again a little later."""
    give_back(desk, [claim], after=desk.lease)
    with desk.database.write() as session:
        now = desk.clock.now()
        limits.heard(session, channel, [found], now)
        if not found.target_ref:  # else it answers, and is not done yet
            breaker.failed(session, channel.connection_id, now, desk.pace)


def stands(desk: Desk, channel: Channel, one: Checked, found: Found) -> bool:
    """Whether another document stands under the number of one that was never sent; it is held."""
    never = one.action == "create" and one.no == 1 and found.kind == "different"
    if not never or found.stands is None or _let_pass(desk, one):
        return False
    _hold(desk, channel, one, [found.stands], _perhaps_by_hand(channel, [found.stands]))
    return True


def first_looks(
    desk: Desk, channel: Channel, examined: Examined, *, in_file: bool
) -> tuple[dict[int, Found], Examined]:
    """What was seen of each posting, and those that go on from here: none, once the target has
    enough of us or does not answer any more.
    """
    looked: dict[int, Found] = {}
    going: dict[int, Claim] = {}
    reads = Remembering(desk.http)
    counted = Counting(desk.http)
    looks = before_sending(desk, channel, counted, examined.good)
    for at, one in enumerate(examined.good):
        claim, story = one.claim, examined.stories[one.claim.posting_id]
        waiting = [other.claim for other in examined.good[at + 1 :]]
        found = _look(desk, channel, one, looks)
        refused = found is not None and found.key_refused
        goes = found if refused else _goes(desk, channel, one, found, story, reads)
        if isinstance(goes, Found):
            others, going = [*going.values(), *waiting], {}
            if renewed_after_all(desk, channel):
                stay_in_line(desk, [claim, *others])
            else:
                send.met(desk, channel, claim, goes, story, others)
            break
        if goes:
            going[claim.posting_id] = claim
            looked |= {claim.posting_id: found} if found is not None else {}
        elif not limits.lets_us(desk, channel):
            stay_in_line(desk, [*going.values(), *waiting])
            going = {}
            break
    paid = looks_paid(channel, len(examined.good), in_file=in_file)
    _charge(desk, channel, counted.calls - paid if not in_file else max(0, counted.calls - paid))
    return looked, examined.only(going)


def _look(desk: Desk, channel: Channel, one: Checked, looks: Lookups) -> Found | None:
    """What the target has; nothing where it is not looked up first.

    Of one that met another content, first by what it was sent as: with another customer it would
    not be found.
    """
    before = _met_another(desk, one)
    if one.action == "create" and not channel.looks_first and before is None:
        return None
    if before is not None and before.hash != one.hash:
        sent = revive(Document, before.content)
        found = looks.alone(Question(document=sent, key=before.key))
        if found.kind == "equal":
            words = f"{sent.number} exists there as it was sent before, not as it is now."
            return replace(found, kind="different", words=words)
        if not found.unseen:
            return found
    return looks.ask(one.claim.posting_id, question(one, one.key))


def _met_another(desk: Desk, one: Checked) -> Push | None:
    """The push of a document that is not posted and met another content under its number."""
    if one.action != "create" or one.posting.sent_at is None:
        return None
    with desk.database.read() as session:
        return conflicted(session, one.claim.posting_id)


def _goes(
    desk: Desk,
    channel: Channel,
    one: Checked,
    found: Found | None,
    story: bytes,
    reads: Remembering,
) -> bool | Found:
    """Whether it may be sent by what was seen; else it is not ours to send any more. A search may
    find that our key is refused.
    """
    if found is None or found.unseen or _known(desk, one, found):
        alike = found.alike if found is not None and not _let_pass(desk, one) else ()
        if alike and not _none_by_hand(desk, channel, one, alike):
            return False
        return clear(desk, channel, one, reads)
    if stands(desk, channel, one, found):
        return False
    if found.kind != "different" or not _told_the_rules(desk, channel, one):
        _turn(desk, channel, one.claim, found, story)
    return False


def _known(desk: Desk, one: Checked, found: Found) -> bool:
    """Whether somebody changed it there, and the rules or a person let the update pass all the
    same: they have seen just this.
    """
    if one.action == "create" or found.kind != "different":
        return False
    with desk.database.read() as session:
        posting = session.get_one(Posting, one.claim.posting_id)
        reading = session.get(Reading, posting.reading_id) if posting.reading_id else None
        return reading is not None and breaker.covers(reading.body, found)


def _told_the_rules(desk: Desk, channel: Channel, one: Checked) -> bool:
    """Have it read first, so that the rules say what a change by hand means."""
    if one.action == "create" or not isinstance(channel.target, Readable):
        return False
    with desk.database.write() as session:
        now = desk.clock.now()
        read_at = session.get_one(Posting, one.claim.posting_id).read_at
        if read_at is not None and now - read_at < desk.lease:
            return False  # it was read just now, and that did not show it
        read_now(session, [one.claim.posting_id], now)
        put_back(session, one.claim, now + desk.lease)
    return True


def _turn(desk: Desk, channel: Channel, claim: Claim, found: Found, story: bytes) -> None:
    """It is there, or nobody can say: either way nothing is sent now."""
    if found.kind == "unknown":
        unclear(desk, channel, claim, found)
        return
    with desk.database.write() as session:
        now = desk.clock.now()
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        if not isinstance(one, Checked):
            put_back(session, claim, now)
            return
        stories = {claim.posting_id: story}
        (member,) = add_pushes(session, desk, channel, [one], stories)
        add_look(session, channel, member, found, kind="lookup", key=one.key, now=now)
        case = Case(session, desk, channel, member, now)
        if found.kind == "equal":
            store_results.posted(
                case,
                target_ref=found.target_ref,
                words=found.words,
                existing=True,
                total=found.total,
            )
        else:
            store_results.conflict(case, found)
        holds.settle(session, [member.record_id], case.causes)
