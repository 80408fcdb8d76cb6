"""Group held records by cause, in pages by key."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ScalarSelect, Select, Subquery, func, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import Cause, Hold, Team
from holding.db.refusal import Sums
from holding.holds import tally_figures
from holding.holds.tally_figures import Figure
from holding.worklist import filters
from holding.worklist.filters import Filter, Held, Member, hold_terms
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.wording import title_text

GROUPS_A_PAGE = 50
GROUPS_BESIDE_OPEN = 30  # one that is open is as long as twenty others


@dataclass(frozen=True, slots=True)
class Group:
    """A cause with the records it blocks, each once."""

    id: int
    error_class: ErrorClass
    key: CauseKey
    label: str
    rule: str
    team: str | None
    records: int
    book: int  # by which groups are listed: of the company's currency alone
    since: datetime
    money: Sums
    alike: int = 1  # how many causes have that label
    members: tuple[Member, ...] | None = None
    more: int | None = None  # the hold to go on after, when there are more

    @property
    def table(self) -> str | None:
        """The mapping table that lacks its key, if that is the cause."""
        return self.key.table

    @property
    def value(self) -> str:
        """The missing key."""
        return self.key.entry

    @property
    def period_locked(self) -> bool:
        """Whether the documents' period is locked, so that another date would help."""
        return self.error_class == "period_locked"

    @property
    def compares(self) -> bool:
        """Whether the next step compares two documents: after a change, or possibly the same."""
        return self.error_class in ("stale_version", "duplicate")

    @property
    def incomplete(self) -> bool:
        """Whether a required field is missing."""
        return self.error_class == "missing_field"

    @property
    def invalid(self) -> bool:
        """Whether a value must be corrected."""
        return self.error_class == "bad_value"

    @property
    def undecided(self) -> bool:
        """Whether a rule leaves the decision to people."""
        return self.error_class == "business_rule"

    @property
    def approval(self) -> bool:
        """Whether the group waits for approval rather than for a change."""
        return self.key.kind is CauseKind.APPROVE

    @property
    def releasable(self) -> bool:
        """Whether users may release any of the shown holds.

        Changes after posting have their own differences, and are decided one by one.
        """
        return self.retriable and any(one.clears.by_people for one in self.members or ())

    @property
    def retriable(self) -> bool:
        """Whether a retry can help; a change after posting would be found again."""
        return self.error_class != "stale_version"


def list_groups(
    session: Session,
    company_id: int,
    wanted: Filter,
    held: Held,
    after: tuple[int, int] | None = None,
) -> tuple[Group, ...]:
    """Return causes with the records they block, largest amount first; one more than a page."""
    if wanted.searched:
        held = filters.count_one_by_one(session, company_id, wanted, held)
    top, _ = _page(wanted, held, after)
    (first_page,) = _load_groups(session, company_id, (wanted,), [top])
    return first_page


def list_worst_groups(
    session: Session, company_id: int, wanted: Sequence[Filter], held: Held, most: int
) -> list[tuple[tuple[Group, ...], int]]:
    """Return the first groups of each filter, and how many more there are."""
    pages = [_page(one, held) for one in wanted]
    tops = [top for top, _ in pages]
    first_groups = _load_groups(session, company_id, tuple(wanted), tops, most)
    counts = [max(0, count - most) for _, count in pages]
    return list(zip(first_groups, counts, strict=True))


def _load_groups(
    session: Session,
    company_id: int,
    wanted: tuple[Filter, ...],
    tops: Sequence[Mapping[int, Figure]],
    most: int = GROUPS_A_PAGE + 1,
) -> list[tuple[Group, ...]]:
    """Return the groups of each page, with titles that differ within a page."""
    if not any(tops):
        return [() for _ in tops]
    columns, query = _asked(company_id, wanted, tuple(map(tuple, tops)), most)
    # A search is planned for its text.
    options = {} if any(one.searched for one in wanted) else KEPT
    result = session.execute(query, execution_options=options)
    read, rows = columns.reader(result), result.all()
    known = {group.id: (group, row) for row in rows for group in (read(row),)}
    pages = []
    for at, top in enumerate(tops):
        page_groups = (
            replace(
                known[i][0],
                since=getattr(known[i][1], _since_of(at)),
                records=one.records,
                book=one.money.get("", 0),
                money=one.money,
            )
            for i, one in top.items()
        )
        pages.append(_apart(list(page_groups), most))
    return pages


def _since_of(at: int) -> str:
    """Return the column with the opening time of a page's group."""
    return f"since_{at}" if at else "since"


@lru_cache(maxsize=128)
def _asked(
    company_id: int, wanted: tuple[Filter, ...], tops: tuple[tuple[int, ...], ...], most: int
) -> tuple[Columns[Group], Select[Any]]:
    """Return the query and its row reader, cached for equal arguments."""
    ids = sorted({i for top in tops for i in top})
    own = select(Cause.label).where(bulk.among(Cause.id, ids))
    live = (Cause.company_id == company_id, Cause.records > 0, Cause.label.in_(own))
    named = select(Cause.label, func.count().label("alike")).where(*live).group_by(Cause.label)
    alike = named.subquery("named")
    first, *others = (
        select(func.min(Hold.opened_at))
        .where(*hold_terms(company_id, one), Hold.cause_id == Cause.id)
        .where(bulk.among(Cause.id, top[:most]))
        .correlate(Cause)
        .scalar_subquery()
        for one, top in zip(wanted, tops, strict=True)
    )
    columns = _group_columns(first, alike)
    beside = (one.label(_since_of(at)) for at, one in enumerate(others, 1))
    query = columns.select(*beside).outerjoin(alike, alike.c.label == Cause.label)
    query = query.outerjoin(Team, Team.id == Cause.team_id)
    return columns, query.where(Cause.company_id == company_id, bulk.among(Cause.id, ids))


def _page(
    wanted: Filter, held: Held, after: tuple[int, int] | None = None
) -> tuple[dict[int, Figure], int]:
    """Return the figures of a page's causes, one more than a page, and the number of causes."""

    def worst_causes() -> tuple[dict[int, Figure], int]:
        rows = held.tally.causes
        if wanted.causes:
            rows = [[one for one in alike if one.cause_id in wanted.causes] for alike in rows]
        asked = filters.filter_predicate(held, wanted)
        return tally_figures.worst_causes(rows, asked, GROUPS_A_PAGE + 1, after)

    return held.tally.once(("worst", wanted, after, held.own_teams), worst_causes)


def _apart(found: Sequence[Group], most: int) -> tuple[Group, ...]:
    """Return the first groups with distinct titles."""
    count = Counter(title_text(group.label) for group in found)
    return tuple(
        replace(group, label=_title(group, single=count[title_text(group.label)] == 1))
        for group in found[:most]
    )


def _title(group: Group, *, single: bool) -> str:
    title = title_text(group.label)
    own = group.key.named.replace("_", " ")
    return title if not own or (single and group.alike == 1) else f"{title.rstrip('.')} ({own})"


def _group_columns(since: ScalarSelect[datetime], alike: Subquery) -> Columns[Group]:
    """Return the columns of a group without its counts."""
    pattern = Group(
        id=of(Cause.id),
        error_class=of(Cause.error_class),
        key=of(Cause.key),
        label=of(Cause.label),
        rule=of(Cause.rule),
        team=of(Team.shown),
        records=0,
        book=0,
        since=of(since.label("since")),
        money={},
        alike=of(func.coalesce(alike.c.alike, 1).label("alike")),
    )
    return Columns(pattern, {"team": "team.shown"})
