"""Look up postings in a target, many in one call where the target supports it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from connectors.contract import Found, Question, Stands
from connectors.contract.targets import (
    Deferring,
    LooksTogether,
    Readable,
    ReadsLater,
    Searchable,
    TellsLists,
    TellsParties,
    UnusableEntry,
)
from connectors.kit.calls import base_currency_of
from connectors.transport.http import Counting, Http, Remembering
from grammar.text.characters import in_currency
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk, renewed_after_all
from holding.db.models import (
    Attempt,
    Hold,
    ListedCode,
    Posting,
    Push,
    Reading,
    Record,
    Release,
    Request,
    Version,
)
from holding.db.models.columns import AttemptState, HoldState, PushState, RequestState
from holding.db.models.decisions import HOLD_OPEN
from holding.platform.changes import read_back_now
from holding.platform.states import FAILS_ON_IT, UNSEEN
from holding.posting import holds, send, store_results
from holding.posting.claims import Claim, requeue_unscheduled, return_later, return_posting
from holding.posting.evidence import without_target_fields
from holding.posting.holds import MANUAL, NUMBER_TAKEN, Trouble
from holding.posting.lone_failures import (
    before_key,
    failed_alone_before,
    fails_on_it,
    is_server_error,
    note_failed_lookup,
)
from holding.posting.prepare import Checked, Examined, add_pushes, check_postings
from holding.posting.push import Case, Member, add_lookup, conflicted_push, store_similar_document
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive, sha256_hex

# AutoCount On The Go keeps a result this long; after that its ticket has no answer.
KEPT_FOR = timedelta(days=7)


def lookup_question(pending: Member | Checked, key: str) -> Question:
    """Return the lookup of a push, or of a posting before it is sent, under this key."""
    return Question(
        document=without_target_fields(pending.document, pending.theirs),
        key=key,
        action=pending.action,
        standing=without_target_fields(pending.standing, pending.theirs),
    )


def presend_questions(channel: Channel, good: Sequence[Checked]) -> dict[int, Question]:
    """Return the lookups needed before these postings are sent, by posting id."""
    postings = [checked for checked in good if checked.action != "create" or channel.looks_first]
    return {checked.claim.posting_id: lookup_question(checked, checked.key) for checked in postings}


def count_paid_lookups(channel: Channel, documents: int, *, in_file: bool) -> int:
    """Return how many calls were paid for lookups before sending. A file pays once."""
    steps = min(1, documents) if in_file else documents
    return steps * channel.target.pace.to_look if channel.looks_first else 0


class Tickets:
    """Lookups before a first send that a target accepted but has not answered yet, by lookup key.

    The next worker continues with the stored ticket, so that no second lookup enters the target's
    queue. A ticket is a row of `request`, like the tickets of readings.
    """

    def __init__(self, desk: Desk, channel: Channel) -> None:
        self._desk, self._channel = desk, channel

    def of(self, key: str) -> str:
        """Return the ticket of a pending lookup, or an empty string."""
        with self._desk.database.read() as session:
            waiting = self._waiting(session, key)
            return str(waiting.rows["ticket"]) if waiting and waiting.rows else ""

    def keep(self, key: str, lookup_result: Found) -> None:
        """Store the ticket of an unanswered lookup, or end a ticket that was answered.

        A lookup that could not be made now keeps its ticket.
        """
        ticket = lookup_result.target_ref if lookup_result.kind == "unknown" else ""
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
                        key=before_key(key),
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
        of_lookup = (
            Request.connection_id == self._channel.connection_id,
            Request.key == before_key(key),
        )
        alive = (
            Request.state == RequestState.SENDING,
            Request.deadline_at > self._desk.clock.now(),
        )
        return session.scalars(select(Request).where(*of_lookup, *alive).limit(1)).one_or_none()


class Lookups:
    """The target's answers about postings.

    The lookups in `questions` are made in one call when the first is needed. With `tickets`,
    lookups that the target answers later are continued. After an unknown answer, the other postings
    are looked up one by one while the target allows it, so that each failure counts.
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

    def ask(self, posting_id: int, question: Question) -> Found:
        """Return the target's answer about one posting."""
        if self._told is None:
            self._told = self._together()
        answer = self._told.pop(posting_id, None)
        if answer is None:
            return self.alone(question)
        if answer.kind == "unknown":
            self._told = {
                key: result for key, result in self._told.items() if result.kind != "unknown"
            }
        if answer.lookup_refused:  # another document of the same call may be the cause
            return self.alone(question)
        return answer

    def _together(self) -> dict[int, Found]:
        target = self._channel.target
        if len(self._questions) < 2 or not isinstance(target, LooksTogether):
            return {}
        answers = target.look_up_together(
            list(self._questions.values()),
            self._channel.settings,
            self._channel.secret,
            self._http,
        )
        return dict(zip(self._questions, answers, strict=True))

    def alone(self, question: Question) -> Found:
        """Look up one posting in a call of its own."""
        target, access = self._channel.target, (self._channel.settings, self._channel.secret)
        ticket = self._tickets.of(question.key) if self._tickets else ""
        if ticket and isinstance(target, Deferring):
            answer = target.ask_again(question.document, ticket, *access, self._http)
        else:
            answer = target.look_up(
                question.document,
                *access,
                question.key,
                self._http,
                action=question.action,
                standing=question.standing,
            )
        if self._tickets:
            self._tickets.keep(question.key, answer)
        return answer


def presend_lookups(desk: Desk, channel: Channel, http: Http, good: Sequence[Checked]) -> Lookups:
    """Return the lookups of these postings before their first send; their tickets
    outlast a worker.
    """
    return Lookups(channel, http, presend_questions(channel, good), Tickets(desk, channel))


def is_clear_to_create(
    desk: Desk, channel: Channel, checked: Checked, reads: Remembering
) -> bool | Found:
    """Check whether a document may be created.

    Its entries must be active and of its currency, and no similar document may exist unless a
    person accepted it. Returns the answer itself if the target refuses the key. `reads` are cached
    for the whole pass, so one list serves all documents of a party.
    """
    target = channel.target
    goes: bool | Found = True
    if checked.action == "create" and (checked.posting.reverses_id or _credits(channel, checked)):
        goes = _credited_documents_stand(desk, channel, checked, reads)
    if goes is True and checked.action == "create":
        goes = _entries_can_be_used(desk, channel, checked, reads)
    if goes is not True or checked.action != "create" or not isinstance(target, Searchable):
        return goes
    if _let_pass(desk, checked):
        return True
    before = reads.calls
    similar_documents = target.alike(checked.document, channel.settings, channel.secret, reads)
    _charge(desk, channel, max(0, reads.calls - before - 1))  # one is part of a document's cost
    if isinstance(similar_documents, Found):
        if similar_documents.key_refused:
            return similar_documents
        if similar_documents.kind == "different":
            _hold(desk, channel, checked, (), similar_documents.words)
        else:
            retry_unclear(desk, channel, checked, similar_documents)
        return False
    return _none_by_hand(desk, channel, checked, similar_documents)


def _credits(channel: Channel, checked: Checked) -> bool:
    """Check whether the document is of a type that credits an earlier document."""
    name = checked.document.document
    return any(schema.credits and schema.name == name for schema in channel.target.documents)


def _credited_documents_stand(
    desk: Desk, channel: Channel, checked: Checked, reads: Remembering
) -> bool | Found:
    """Check whether the documents that this one credits exist as they were posted.

    Each is read now, because a person may have voided, deleted or changed it since its daily
    reading. One that differs is read back first, so that the rules decide about the difference; a
    difference that nobody has to decide about is accepted. Returns the answer itself if the target
    refuses the key.
    """
    target = channel.target
    if not isinstance(target, Readable) or isinstance(target, ReadsLater):
        return True  # it shows no documents, or only later and takes no credit notes
    for credited in _credited_documents(desk, channel, checked):
        before, document = reads.calls, revive(Document, credited.content)
        (found,) = target.read([document], channel.settings, channel.secret, reads)
        _charge(desk, channel, reads.calls - before)
        if found.key_refused:
            return found
        if found.key_lasts is not None or _is_as_posted(channel, document, found):
            continue
        if found.kind == "unknown":
            retry_unclear(desk, channel, checked, found)
            return False
        if not _is_read_back(desk, credited, found):
            _read_credited_first(desk, checked, credited.Posting)
            return False
        if found.void or found.kind == "absent" or credited.held:
            trouble = holds.credited_changed(channel.name, checked.document, document, found)
            _stop(desk, channel, checked, trouble)
            return False
    return True


def _credited_documents(desk: Desk, channel: Channel, checked: Checked) -> Sequence[Row[Any]]:
    """Return the posted documents that this one reverses or names by their number.

    Each has the content that was sent last, its latest reading, and whether a hold is open.
    """
    names = {str(value) for value in checked.document.fields.values()}
    named = and_(Posting.family == checked.claim.family, Posting.number.in_(sorted(names)))
    hold = exists().where(Hold.posting_id == Posting.id, HOLD_OPEN)
    query = (
        select(Posting, Push.content, Reading.body, hold.label("held"))
        .join(Push, Push.id == Posting.posted_push_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(or_(Posting.id == checked.posting.reverses_id, named))
        .where(Posting.connection_id == channel.connection_id, Posting.id != checked.posting.id)
        .where(Posting.state == PostingState.POSTED)
        .order_by(Posting.id)
    )
    with desk.database.read() as session:
        return session.execute(query).all()


def _is_as_posted(channel: Channel, document: Document, found: Found) -> bool:
    """Check whether the target shows a document as it was sent, or with a total that rounding
    explains.
    """
    total = holds.target_total_minor(document, found.total)
    place = (0, channel.total_field(document.document))
    if total is not None and holds.book_amount(document, total) != total:
        return False
    if found.kind != "different":
        return found.kind == "equal"
    others = [one for one in found.differs if (one.line, one.field) != place]
    return total is not None and bool(found.differs) and not others and not found.void


def _is_read_back(desk: Desk, credited: Row[Any], found: Found) -> bool:
    """Check whether a reading shows this already, so that the rules have decided about it."""
    read_at = credited.Posting.read_at
    if credited.body is None or read_at is None:
        return False
    is_recent: bool = desk.clock.now() - read_at < 2 * desk.lease
    return is_recent or breaker.covers(credited.body, found)


def _read_credited_first(desk: Desk, checked: Checked, credited: Posting) -> None:
    """Schedule a reading of the credited document, and return the claim for after that.

    A document without a reading keeps the time of its first one: the target may not list it yet.
    """
    with desk.database.write() as session:
        now = desk.clock.now()
        first_due = credited.read_due_at if credited.read_at is None else None
        if first_due is None or first_due <= now:
            read_back_now(session, [credited.id], now)
        return_posting(session, checked.claim, max(now, first_due or now) + desk.lease)


def _entries_can_be_used(
    desk: Desk, channel: Channel, checked: Checked, reads: Remembering
) -> bool | Found:
    """Check whether the target takes the party, the accounts and the items of a document.

    Otherwise the posting is held. Returns the answer itself if the target refuses the key.
    """
    if isinstance(channel.target, TellsParties):
        before = reads.calls
        access = (channel.settings, channel.secret, reads)
        unusable = channel.target.unusable_entry(checked.document, *access)
        _charge(desk, channel, reads.calls - before)
    else:
        unusable = _listed_currency_fault(desk, channel, checked)
    if unusable is None:
        return True
    if isinstance(unusable, UnusableEntry):
        trouble = holds.unusable_entry(channel.name, checked.document.number, unusable)
        _stop(desk, channel, checked, trouble)
        return False
    if not unusable.key_refused:
        retry_unclear(desk, channel, checked, unusable)
    return unusable if unusable.key_refused else False


def _listed_currency_fault(desk: Desk, channel: Channel, checked: Checked) -> UnusableEntry | None:
    """Return the document's party if the stored list of the target gives it another currency."""
    document = checked.document
    needed = document.currency or base_currency_of(channel.settings)
    schema = next((s for s in channel.target.documents if s.name == document.document), None)
    refers = {field.name: field.refers for field in schema.header} if schema else {}
    kind = refers.get(schema.party_field) if schema else None
    listed = isinstance(channel.target, TellsLists) and kind in channel.target.lists
    if not listed or not needed or not kind:
        return None
    query = select(ListedCode.currency).where(
        ListedCode.connection_id == channel.connection_id,
        ListedCode.kind == kind,
        ListedCode.code == document.party,
        ListedCode.to_file_id.is_(None),
    )
    with desk.database.read() as session:
        currency = session.scalar(query.limit(1)) or needed
    if currency == needed:
        return None
    return UnusableEntry(f"{kind} {document.party}", currency, needed)


def _charge(desk: Desk, channel: Channel, calls: int) -> None:
    """Count calls that were not counted yet; a negative number refunds calls that were not made."""
    if calls:
        with desk.database.write() as session:
            limits.spend(session, channel, calls)


def _stop(
    desk: Desk,
    channel: Channel,
    checked: Checked,
    trouble: Trouble,
    similar_documents: Sequence[Stands] = (),
) -> None:
    """Hold the posting if it is still as it was checked, else return the claim."""
    with desk.database.write() as session:
        now = desk.clock.now()
        verdict = check_postings(session, channel, [checked.claim], lock=True, now=now)[
            checked.claim.posting_id
        ]
        if not isinstance(verdict, Checked):
            return_posting(session, checked.claim, now)
            return
        if trouble.code == MANUAL:
            store_similar_document(session, checked.claim.posting_id, similar_documents, now)
        store_results.stop_claim(session, channel, checked.claim, trouble, now)


def _let_pass(desk: Desk, checked: Checked) -> bool:
    """Check whether a person accepted what the target has and wants this content created anyway."""
    posting = checked.posting
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


def _hold(
    desk: Desk, channel: Channel, checked: Checked, similar_documents: Sequence[Stands], words: str
) -> None:
    """Hold the posting with a message that describes the target's document, and store a reading of
    it.
    """
    trouble = Trouble(code=MANUAL, error_class="duplicate", words=words, decided=True)
    _stop(desk, channel, checked, trouble, similar_documents)


def _none_by_hand(
    desk: Desk, channel: Channel, checked: Checked, similar_documents: Sequence[Stands]
) -> bool:
    """Check whether all similar documents are ours; otherwise hold the posting."""
    others = _not_ours(desk, channel, checked, similar_documents)
    if not others:
        return True
    own_documents = _own_under_another_number(desk, checked, others)
    words = (
        _renumbered(channel, checked, own_documents)
        if own_documents
        else _perhaps_by_hand(channel, others)
    )
    _hold(desk, channel, checked, others, words)
    return False


def _own_under_another_number(
    desk: Desk, checked: Checked, similar_documents: Sequence[Stands]
) -> list[Stands]:
    """Return the documents that the target reported to have created for this posting."""
    query = (
        select(Attempt.target_ref)
        .join(Push, Push.id == Attempt.push_id)
        .where(Push.posting_id == checked.claim.posting_id)
        .where(Attempt.state == AttemptState.UNCERTAIN, Attempt.target_ref.is_not(None))
    )
    with desk.database.read() as session:
        created_refs = set(session.scalars(query))
    return [other for other in similar_documents if other.target_ref in created_refs]


def _renumbered(channel: Channel, checked: Checked, own_documents: Sequence[Stands]) -> str:
    """Return the message about our own document to which the target gave another number."""
    words = "; ".join(_told(other) for other in own_documents)
    return (
        f"{channel.name} already has {words}, sent by Clearpost as {checked.document.number}:"
        f" {channel.name} gave it another number. Correct the number there, or make it void."
    )


def _not_ours(
    desk: Desk, channel: Channel, checked: Checked, similar_documents: Sequence[Stands]
) -> list[Stands]:
    """Return the documents whose number belongs to none of our other postings.

    A document under this posting's own number is not ours yet, so it is returned.
    """
    query = select(Posting.number).where(
        Posting.connection_id == channel.connection_id,
        Posting.doc_type == checked.document.document,
        Posting.number.in_([other.number for other in similar_documents]),
        Posting.sent_at.is_not(None),
        Posting.id != checked.claim.posting_id,
    )
    with desk.database.read() as session:
        own_numbers = {number.casefold() for number in session.scalars(query)}
    return [other for other in similar_documents if other.number.casefold() not in own_numbers]


def _perhaps_by_hand(channel: Channel, documents: Sequence[Stands]) -> str:
    words = "; ".join(_told(other) for other in documents)
    if channel.restored_at is not None:
        return (
            f"{channel.name} already has {words}, which this database does not know: posted by"
            " Clearpost after the backup, or manually. Have the source send the record again, or"
            " compare both."
        )
    return f"{channel.name} already has {words}, not posted by Clearpost (perhaps manually)."


def _told(other: Stands) -> str:
    over = "" if other.amount is None else f" over {in_currency(other.amount, other.currency)}"
    return f"{other.number} for {other.party}{over}, dated {other.date}"


def retry_unclear(desk: Desk, channel: Channel, checked: Checked, lookup_result: Found) -> None:
    """Return the claim for a little later, because the lookup gave no answer.

    Without a clear answer or a ticket it counts as a failure of the connection. A refused lookup is
    held, and so is a document on which alone the target fails.
    """
    trouble = _trouble_of_lookup(desk, channel, checked, lookup_result)
    if trouble is not None:
        _stop(desk, channel, checked, trouble)
        return
    return_later(desk, [checked.claim], after=desk.lease)
    with desk.database.write() as session:
        now = desk.clock.now()
        if is_server_error(lookup_result.status):
            note_failed_lookup(
                session, channel, checked.document.number, checked.key, lookup_result, now
            )
        limits.note_answers(session, channel, [lookup_result], now)
        if not (
            lookup_result.target_ref or lookup_result.answered
        ):  # else it answers, and is not done yet
            breaker.failed(session, channel.connection_id, now, desk.pace)


def _trouble_of_lookup(
    desk: Desk, channel: Channel, checked: Checked, lookup_result: Found
) -> Trouble | None:
    """Return the trouble of a document that the target itself keeps from being sent, or None."""
    with desk.database.read() as session:
        owner = store_results.decide_retry(
            session, checked.posting, send.AUTHORIZATION_FAILED, 1
        ).owner
        if lookup_result.lookup_refused or lookup_result.by_person:
            return holds.refused_lookup(channel.name, checked.document.number, lookup_result, owner)
        if not is_server_error(lookup_result.status) or not failed_alone_before(
            session, channel, checked.key
        ):
            return None
    words = fails_on_it(channel.name, checked.document.number, lookup_result.words)
    return Trouble(code=FAILS_ON_IT, error_class="temporary", words=words, owner=owner)


def hold_if_number_taken(
    desk: Desk, channel: Channel, checked: Checked, lookup_result: Found
) -> bool:
    """Check whether another document uses the number of a posting that was never sent,
    and hold it.
    """
    is_foreign = (
        checked.action == "create" and checked.no == 1 and lookup_result.kind == "different"
    )
    if not is_foreign or lookup_result.stands is None or _let_pass(desk, checked):
        return False
    if not _not_ours(desk, channel, checked, [lookup_result.stands]):
        words = (
            f"{channel.name} already has {_told(lookup_result.stands)}, posted by Clearpost."
            f" It takes {checked.document.number} for the same number."
        )
        _stop(
            desk, channel, checked, Trouble(code=NUMBER_TAKEN, error_class="duplicate", words=words)
        )
        return True
    _hold(
        desk,
        channel,
        checked,
        [lookup_result.stands],
        _perhaps_by_hand(channel, [lookup_result.stands]),
    )
    return True


def look_up_before_send(
    desk: Desk, channel: Channel, examined: Examined, *, in_file: bool
) -> tuple[dict[int, Found], Examined]:
    """Return what the lookups found, and the postings that may be sent.

    No posting goes on once the target limits calls or stops answering.
    """
    answers: dict[int, Found] = {}
    ready_claims: dict[int, Claim] = {}
    reads = Remembering(desk.http)
    counting_http = Counting(desk.http)
    lookups = presend_lookups(desk, channel, counting_http, examined.good)
    for at, checked in enumerate(examined.good):
        claim, story = checked.claim, examined.stories[checked.claim.posting_id]
        waiting = [other.claim for other in examined.good[at + 1 :]]
        lookup_result = _look(desk, channel, checked, lookups)
        refused = lookup_result is not None and lookup_result.key_refused
        decision = (
            lookup_result if refused else _goes(desk, channel, checked, lookup_result, story, reads)
        )
        if isinstance(decision, Found):
            others, ready_claims = [*ready_claims.values(), *waiting], {}
            if renewed_after_all(desk, channel):
                requeue_unscheduled(desk, [claim, *others])
            else:
                send.note_key_wait(desk, channel, claim, decision, others)
            break
        if decision:
            ready_claims[claim.posting_id] = claim
            answers |= {claim.posting_id: lookup_result} if lookup_result is not None else {}
        elif not limits.lets_us(desk, channel):
            requeue_unscheduled(desk, [*ready_claims.values(), *waiting])
            ready_claims = {}
            break
    paid_calls = count_paid_lookups(channel, len(examined.good), in_file=in_file)
    _charge(
        desk,
        channel,
        counting_http.calls - paid_calls
        if not in_file
        else max(0, counting_http.calls - paid_calls),
    )
    return answers, examined.only(ready_claims)


def _look(desk: Desk, channel: Channel, checked: Checked, looks: Lookups) -> Found | None:
    """Look up a posting, or return None if it needs no lookup.

    A posting that met other content before is first looked up as it was sent then, because with
    another customer it would not be found. One that vanished is looked up in every target.
    """
    earlier_push = _met_another(desk, checked)
    needless = earlier_push is None and not _vanished(desk, checked)
    if checked.action == "create" and not channel.looks_first and needless:
        return None
    if earlier_push is not None and earlier_push.hash != checked.hash:
        sent_document = revive(Document, earlier_push.content)
        lookup_result = looks.alone(Question(document=sent_document, key=earlier_push.key))
        if lookup_result.kind == "equal":
            words = f"{sent_document.number} exists there as it was sent before, not as it is now."
            return replace(lookup_result, kind="different", words=words)
        if not lookup_result.unseen:
            return lookup_result
    return looks.ask(checked.claim.posting_id, lookup_question(checked, checked.key))


def _met_another(desk: Desk, checked: Checked) -> Push | None:
    """Return the push that found another document under this document's number, or None."""
    if checked.action != "create" or checked.posting.sent_at is None:
        return None
    with desk.database.read() as session:
        return conflicted_push(session, checked.claim.posting_id)


def _vanished(desk: Desk, checked: Checked) -> bool:
    """Check whether the target accepted the document before and then did not have it."""
    if checked.no == 1 or checked.posting.sent_at is None:
        return False
    query = select(Push.id).where(
        Push.posting_id == checked.claim.posting_id,
        Push.action == "create",
        Push.state == PushState.DROPPED,
        Push.error_class == "uncertain",
    )
    with desk.database.read() as session:
        return session.scalar(query.limit(1)) is not None


def _goes(
    desk: Desk,
    channel: Channel,
    checked: Checked,
    lookup_result: Found | None,
    story: bytes,
    reads: Remembering,
) -> bool | Found:
    """Check whether the posting may be sent after its lookup.

    Otherwise it is held, returned or stored. Returns an answer that refuses our key.
    """
    is_absent = (
        lookup_result is None
        or lookup_result.unseen
        or (lookup_result.by_person and _is_told_absent(desk, checked))
    )
    if lookup_result is None or is_absent or _known(desk, checked, lookup_result):
        similar_documents = (
            lookup_result.alike
            if lookup_result is not None and not _let_pass(desk, checked)
            else ()
        )
        if similar_documents and not _none_by_hand(desk, channel, checked, similar_documents):
            return False
        return is_clear_to_create(desk, channel, checked, reads)
    if hold_if_number_taken(desk, channel, checked, lookup_result):
        return False
    if lookup_result.kind != "different" or not _told_the_rules(desk, channel, checked):
        _turn(desk, channel, checked, lookup_result, story)
    return False


def _is_told_absent(desk: Desk, checked: Checked) -> bool:
    """Check whether a person did not find the document since it was last sent."""
    posting_id = checked.claim.posting_id
    last_push = select(func.max(Push.made_at)).where(Push.posting_id == posting_id)
    query = select(Hold.id).where(
        Hold.posting_id == posting_id,
        Hold.code == UNSEEN,
        Hold.state == HoldState.CLEARED,
        Hold.closed_by_id.is_not(None),
        Hold.closed_at >= last_push.scalar_subquery(),
    )
    with desk.database.read() as session:
        return checked.action == "create" and session.scalar(query.limit(1)) is not None


def _known(desk: Desk, checked: Checked, lookup_result: Found) -> bool:
    """Check whether the stored reading already covers this change in the target.

    The rules or a person then allowed the update.
    """
    if checked.action == "create" or lookup_result.kind != "different":
        return False
    with desk.database.read() as session:
        posting = session.get_one(Posting, checked.claim.posting_id)
        reading = session.get(Reading, posting.reading_id) if posting.reading_id else None
        return reading is not None and breaker.covers(reading.body, lookup_result)


def _told_the_rules(desk: Desk, channel: Channel, checked: Checked) -> bool:
    """Schedule a reading first, so that the rules decide what a manual change means.

    Returns False if the target cannot be read or was read just now.
    """
    if checked.action == "create" or not isinstance(channel.target, Readable):
        return False
    with desk.database.write() as session:
        now = desk.clock.now()
        read_at = session.get_one(Posting, checked.claim.posting_id).read_at
        if read_at is not None and now - read_at < desk.lease:
            return False  # it was read just now, and that did not show it
        read_back_now(session, [checked.claim.posting_id], now)
        return_posting(session, checked.claim, now + desk.lease)
    return True


def _turn(
    desk: Desk, channel: Channel, checked: Checked, lookup_result: Found, story: bytes
) -> None:
    """Store the lookup of a posting that is not sent now: it exists already, or the answer is
    unknown.
    """
    for_person = lookup_result.by_person and checked.action == "create"
    if lookup_result.kind == "unknown" and not for_person:
        retry_unclear(desk, channel, checked, lookup_result)
        return
    claim = checked.claim
    with desk.database.write() as session:
        now = desk.clock.now()
        verdict = check_postings(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        if not isinstance(verdict, Checked):
            return_posting(session, claim, now)
            return
        stories = {claim.posting_id: story}
        (member,) = add_pushes(session, desk, channel, [verdict], stories)
        add_lookup(session, channel, member, lookup_result, kind="lookup", key=verdict.key, now=now)
        case = Case(session, desk, channel, member, now)
        if lookup_result.kind == "equal":
            store_results.mark_posted(
                case,
                target_ref=lookup_result.target_ref,
                words=lookup_result.words,
                existing=True,
                total=lookup_result.total,
            )
        elif for_person:
            store_results.mark_unseen(case, lookup_result.words, verdict.posting.tries)
        else:
            store_results.mark_conflict(case, lookup_result)
        holds.settle_holds(session, [member.record_id], case.causes)
