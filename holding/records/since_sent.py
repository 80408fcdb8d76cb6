"""What happened to a document of a record since it was first taken by its target, from rows.

Here: the pushes that were taken, in order, and what the drift watch saw. Not here: how it is told
(`change_answer.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from holding.db.bulk import Columns, known, of
from holding.db.models import Evaluation, Event, Posting, Push, Reading, Version
from holding.db.models.columns import PushState
from holding.db.models.postings import ENDED
from holding.db.together import Question, Together
from holding.platform.unit_changes import CHANGED
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class Taken:
    """A push that its target took: what it did, from which version, and when it was answered."""

    id: int
    number: str
    action: str
    closed_at: datetime
    version_no: int
    reverses_id: int | None


@dataclass(frozen=True, slots=True)
class SeenThere:
    """A look at a document in its target that was news: as it was sent, or in what words not; and
    who changed it, where the target tells that.
    """

    posting_id: int
    at: datetime
    same: bool
    words: str
    by: str


@dataclass(frozen=True, slots=True)
class Recounted:
    """That the target counts an item of a document otherwise than when it was posted."""

    event_id: int
    at: datetime
    item: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Since:
    """All of it about one route of a record, with the documents that took its documents back.

    `numbers`: posting id -> number. `ended`: nothing of it waits to be sent. `drifts`: one that
    stands differs from what was sent, as it was last seen.
    """

    taken: tuple[Taken, ...] = ()
    seen: tuple[SeenThere, ...] = ()
    recounted: tuple[Recounted, ...] = ()
    numbers: tuple[tuple[int, str], ...] = ()
    ended: bool = True
    drifts: bool = False

    @property
    def first(self) -> Taken | None:
        """The push that brought the first of it there."""
        return self.taken[0] if self.taken else None


_TAKEN = Columns(
    Taken(
        id=of(Push.id),
        number=of(Push.number),
        action=of(Push.action),
        closed_at=known(Push.closed_at),
        version_no=of(Version.no),
        reverses_id=of(Posting.reverses_id),
    ),
    {"version_no": "version.no"},
)


def since_sent(page: Together, posting: Posting | None, postings: Sequence[Posting]) -> Since:
    """Everything since the first document of the posting's route, of all postings of its record;
    nothing without a posting.
    """
    if posting is None:
        return Since()
    mine = {one.id for one in postings if one.route == posting.route}
    about = [one for one in postings if one.id in mine or one.reverses_id in mine]
    asked_seen = page.ask(_seen({one.id for one in about if one.reading_id is not None}))
    taken = page.ask(_taken({one.id for one in about if one.sent_at is not None}))
    recounted = page.ask(_recounted(posting.record_id, mine))
    seen = asked_seen.value
    last = {look.posting_id: look for look in seen}
    standing = {one.id for one in about if one.state == PostingState.POSTED}
    return Since(
        taken=taken.value,
        seen=seen,
        recounted=recounted.value,
        numbers=tuple((one.id, one.number) for one in about),
        ended=all(one.state in ENDED for one in about),
        drifts=any(not look.same for key, look in last.items() if key in standing),
    )


def _taken(posting_ids: Collection[int]) -> Question[tuple[Taken, ...]]:
    if not posting_ids:
        return ()
    query = (
        _TAKEN.select()
        .join(Posting, Posting.id == Push.posting_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Version, Version.id == Evaluation.version_id)
        .where(Push.posting_id.in_(posting_ids), Push.state == PushState.ACCEPTED)
        .where(Push.closed_at.is_not(None))
        .order_by(Push.closed_at, Push.id)
    )
    return _TAKEN.each((yield query))


def _recounted(record_id: int, posting_ids: Collection[int]) -> Question[tuple[Recounted, ...]]:
    query = select(Event).where(Event.record_id == record_id, Event.act == CHANGED)
    rows = yield query.order_by(Event.id)
    return tuple(
        Recounted(row.id, row.at, *(str(row.body[name]) for name in ("item", "before", "now")))
        for row in rows.scalars()
        if row.posting_id in posting_ids
    )


def _seen(posting_ids: Collection[int]) -> Question[tuple[SeenThere, ...]]:
    """What differed, and where it was then found as it was sent; a first look that it is, is no
    news.
    """
    if not posting_ids:
        return ()
    query = select(Reading).where(Reading.posting_id.in_(posting_ids), Reading.kind == "standing")
    told: dict[int, list[SeenThere]] = {}
    rows = yield query.order_by(Reading.id)
    for row in rows.scalars():
        before = told.setdefault(row.posting_id, [])
        if row.same and (not before or before[-1].same):
            continue
        words, by = str(row.body["words"]), str(row.body.get("by", ""))
        before.append(SeenThere(row.posting_id, row.at, row.same, words, by))
    return tuple(sorted((one for each in told.values() for one in each), key=lambda one: one.at))
