"""Find records that changed while their document waited for the target's answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from grammar.text.characters import in_currency
from holding.db import bulk
from holding.db.bulk import Columns, known, of
from holding.db.models import Company, Connection, Evaluation, Posting, Push, Record, Version
from holding.db.models.columns import among_words, from_minor
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.intake.deliveries import stated_amount
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

NO_RESULT_STATES = (*IN_FLIGHT_STATES, PostingState.FAILED)
"""States of a document that the target may have or get, although it is not posted here."""


@dataclass(frozen=True, slots=True)
class NewerVersion:
    """A record's version that is newer than the sent document, with the content of both."""

    posting_id: int
    record_id: int
    number: str
    source: str
    no: int
    at: datetime
    body: Mapping[str, object]
    content: Mapping[str, object]
    books: str

    @property
    def status(self) -> str:
        """Return the source's status text; blank if there is none."""
        word = self.body.get("status")
        return word if isinstance(word, str) else ""

    @property
    def cancelled(self) -> bool:
        """Return whether the source's status text names a cancellation."""
        return self.status.casefold().startswith(("cancel", "void"))

    @property
    def sent_text(self) -> str:
        """Return the amount of the document that was sent."""
        document: Document = revive(Document, self.content)
        return in_currency(document.amount, document.currency)

    @property
    def now_text(self) -> str:
        """Return the record's amount now; blank if it states none."""
        # The record's own columns change only when it is evaluated, after the answer.
        amount, currency = stated_amount(self.body, self.books)
        return "" if amount is None else in_currency(from_minor(amount, currency), currency)

    @property
    def words(self) -> str:
        """Return both versions as sentences."""
        number, source, no, sent = self.number, self.source, self.no, self.sent_text
        status, now = self.status or "none", self.now_text or "no amount"
        if self.cancelled:
            return (
                f"{number} was cancelled in {source} after it was sent (version {no}, status"
                f" {status}). {sent} was sent, and the record now comes to {now}."
            )
        return (
            f"{number} was changed in {source} after it was sent (version {no}, status {status})."
            f" {sent} was sent, and the record now comes to {now}."
        )


_source = aliased(Connection, name="source")

_last = aliased(Push, name="last")

_last_push = (
    select(func.max(_last.id))
    .where(_last.posting_id == Posting.id)
    .correlate(Posting)
    .scalar_subquery()
)

_NEWER = Columns(
    NewerVersion(
        posting_id=of(Posting.id),
        record_id=of(Record.id),
        number=of(Posting.number),
        source=of(_source.name),
        no=of(Version.no),
        at=of(Version.at),
        body=known(Version.body),
        content=of(Push.content),
        books=of(Company.currency),
    ),
    {
        "posting_id": "posting.id",
        "record_id": "record.id",
        "source": "source.name",
        "books": "company.currency",
    },
)


def find_newer_versions(
    session: Session,
    posting_ids: Collection[int],
    states: Collection[PostingState] = NO_RESULT_STATES,
) -> dict[int, NewerVersion]:
    """Return newer record versions of sent documents in these states, by posting id."""
    query = (
        _NEWER.select()
        .select_from(Posting)
        .join(Push, Push.id == _last_push)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Record, Record.id == Posting.record_id)
        .join(Company, Company.id == Record.company_id)
        .join(_source, _source.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .where(bulk.among(Posting.id, list(posting_ids)))
        .where(among_words(Posting.state, states))
        .where(Record.version_id != Evaluation.version_id)
    )
    return {
        newer_version.posting_id: newer_version
        for newer_version in _NEWER.each(session.execute(query))
    }


def newer_version_words(session: Session, posting_id: int) -> str:
    """Return what changed in the record since the document was sent; blank if nothing did."""
    newer = find_newer_versions(session, [posting_id]).get(posting_id)
    return newer.words if newer else ""
