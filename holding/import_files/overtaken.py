"""What the records of a file say by now, where that is not what the file was made of.

Here: which documents of a file were overtaken, and the words for it. Not here: who is told of it
(settling.py, the page of the file), what follows once it is known whether the file was imported:
the rules say that of a document that is posted, as of any other.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.bulk import Columns, known, of
from holding.db.models import Evaluation, Posting, Push, Record, Version
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class News:
    """The version that a record has by now, since when, and what it says."""

    posting_id: int
    record_id: int
    no: int
    at: datetime
    body: Mapping[str, object]

    @property
    def status(self) -> str:
        """The source's own word; blank where it says none."""
        word = self.body.get("status")
        return word if isinstance(word, str) else ""


_NEWS = Columns(
    News(
        posting_id=of(Posting.id),
        record_id=of(Record.id),
        no=of(Version.no),
        at=of(Version.at),
        body=known(Version.body),
    ),
    {"posting_id": "posting.id", "record_id": "record.id"},
)


def of_postings(session: Session, posting_ids: Collection[int]) -> Mapping[int, News]:
    """What is new of those documents whose end nobody knows yet, by their ids."""
    query = (
        _NEWS.select()
        .join(Push, Push.id == Posting.push_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Record, Record.id == Posting.record_id)
        .join(Version, Version.id == Record.version_id)
        .where(bulk.among(Posting.id, list(posting_ids)))
        .where(Posting.state == PostingState.AWAITING, Record.version_id != Evaluation.version_id)
    )
    return {one.posting_id: one for one in _NEWS.each(session.execute(query))}


def words(number: str, file: str, news: News) -> str:
    """What is told of one, to who could still leave the file alone."""
    no, status = news.no, news.status
    if status:
        return (
            f"{number} was changed in the source after {file} was made (version {no}, status"
            f" {status}): withdraw the file if it was not imported, or tell how its import ended."
        )
    return (
        f"{number} was changed in the source after {file} was made (version {no}): withdraw the"
        " file if it was not imported, or tell how its import ended."
    )
