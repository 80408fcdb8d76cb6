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
        return self.retriable and any(member.clears.by_people for member in self.members or ())

    @property
    def retriable(self) -> bool:
        """Whether a retry can help; a change after posting would be found again."""
        return self.error_class != "stale_version"


def list_groups(
    session: Session,
    company_id: int,
    hold_filter: Filter,
    open_holds: Held,
    after: tuple[int, int] | None = None,
) -> tuple[Group, ...]:
    """Return causes with the records they block, largest amount first; one more than a page."""
    if hold_filter.searched:
        open_holds = filters.count_one_by_one(session, company_id, hold_filter, open_holds)
    top, _ = _page(hold_filter, open_holds, after)
    (first_page,) = _load_groups(session, company_id, (hold_filter,), [top])
    return first_page


def list_worst_groups(
    session: Session, company_id: int, hold_filters: Sequence[Filter], open_holds: Held, most: int
) -> list[tuple[tuple[Group, ...], int]]:
    """Return the first groups of each filter, and how many more there are."""
    pages = [_page(hold_filter, open_holds) for hold_filter in hold_filters]
    tops = [top for top, _ in pages]
    first_groups = _load_groups(session, company_id, tuple(hold_filters), tops, most)
    counts = [max(0, count - most) for _, count in pages]
    return list(zip(first_groups, counts, strict=True))


def _load_groups(
    session: Session,
    company_id: int,
    hold_filters: tuple[Filter, ...],
    tops: Sequence[Mapping[int, Figure]],
    most: int = GROUPS_A_PAGE + 1,
) -> list[tuple[Group, ...]]:
    """Return the groups of each page, with titles that differ within a page."""
    if not any(tops):
        return [() for _ in tops]
    columns, query = _asked(company_id, hold_filters, tuple(map(tuple, tops)), most)
    # A search is planned for its text.
    options = {} if any(hold_filter.searched for hold_filter in hold_filters) else KEPT
    result = session.execute(query, execution_options=options)
    read, rows = columns.reader(result), result.all()
    groups_by_id = {group.id: (group, row) for row in rows for group in (read(row),)}
    pages = []
    for at, top in enumerate(tops):
        page_groups = (
            replace(
                groups_by_id[i][0],
                since=getattr(groups_by_id[i][1], _since_of(at)),
                records=figure.records,
                book=figure.money.get("", 0),
                money=figure.money,
            )
            for i, figure in top.items()
        )
        pages.append(_apart(list(page_groups), most))
    return pages


def _since_of(at: int) -> str:
    """Return the column with the opening time of a page's group."""
    return f"since_{at}" if at else "since"


@lru_cache(maxsize=128)
def _asked(
    company_id: int, hold_filters: tuple[Filter, ...], tops: tuple[tuple[int, ...], ...], most: int
) -> tuple[Columns[Group], Select[Any]]:
    """Return the query and its row reader, cached for equal arguments."""
    ids = sorted({i for top in tops for i in top})
    own_labels = select(Cause.label).where(bulk.among(Cause.id, ids))
    live = (Cause.company_id == company_id, Cause.records > 0, Cause.label.in_(own_labels))
    named = select(Cause.label, func.count().label("alike")).where(*live).group_by(Cause.label)
    same_label = named.subquery("named")
    first, *others = (
        select(func.min(Hold.opened_at))
        .where(*hold_terms(company_id, hold_filter), Hold.cause_id == Cause.id)
        .where(bulk.among(Cause.id, top[:most]))
        .correlate(Cause)
        .scalar_subquery()
        for hold_filter, top in zip(hold_filters, tops, strict=True)
    )
    columns = _group_columns(first, same_label)
    since_columns = (since_query.label(_since_of(at)) for at, since_query in enumerate(others, 1))
    query = columns.select(*since_columns).outerjoin(same_label, same_label.c.label == Cause.label)
    query = query.outerjoin(Team, Team.id == Cause.team_id)
    return columns, query.where(Cause.company_id == company_id, bulk.among(Cause.id, ids))


def _page(
    hold_filter: Filter, open_holds: Held, after: tuple[int, int] | None = None
) -> tuple[dict[int, Figure], int]:
    """Return the figures of a page's causes, one more than a page, and the number of causes."""

    def worst_causes() -> tuple[dict[int, Figure], int]:
        rows = open_holds.tally.causes
        if hold_filter.causes:
            rows = [
                [
                    cause_row
                    for cause_row in similar_causes
                    if cause_row.cause_id in hold_filter.causes
                ]
                for similar_causes in rows
            ]
        matches_filter = filters.filter_predicate(open_holds, hold_filter)
        return tally_figures.worst_causes(rows, matches_filter, GROUPS_A_PAGE + 1, after)

    return open_holds.tally.once(("worst", hold_filter, after, open_holds.own_teams), worst_causes)


def _apart(groups: Sequence[Group], most: int) -> tuple[Group, ...]:
    """Return the first groups with distinct titles."""
    count = Counter(title_text(group.label) for group in groups)
    return tuple(
        replace(group, label=_title(group, single=count[title_text(group.label)] == 1))
        for group in groups[:most]
    )


def _title(group: Group, *, single: bool) -> str:
    title = title_text(group.label)
    field_name = group.key.named.replace("_", " ")
    return (
        title
        if not field_name or (single and group.alike == 1)
        else f"{title.rstrip('.')} ({field_name})"
    )


def _group_columns(since: ScalarSelect[datetime], same_label: Subquery) -> Columns[Group]:
    """Return the query columns that fill a Group; its records and money stay 0 until counted."""
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
        alike=of(func.coalesce(same_label.c.alike, 1).label("alike")),
    )
    return Columns(pattern, {"team": "team.shown"})
