"""Build the text of a digest: a recipient's open holds by cause, with amounts and age."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from connectors.registry import insert_titles
from holding.access.actors import reach_of
from holding.access.reach import within
from holding.db.bulk import whole_sum
from holding.db.held_amounts import counted_holds
from holding.db.models import Cause, Company, Hold, Person, Team, TeamMember
from holding.db.refusal import Sums, by_key, most_first, plural, sums

MOST_GROUPS: Final = 20
"""Causes that a digest names; of the others it says how many they are."""


@dataclass(frozen=True, slots=True)
class Group:
    """The open holds of one cause that wait for one owner."""

    cause_id: int
    label: str
    error_class: str
    owner: str
    records: int
    money: Sums
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """The waiting records for one recipient, by cause and owner, and in total.

    In the total each record counts once, whatever its number of groups.
    """

    groups: tuple[Group, ...]
    records: int
    money: Sums


def of_person(session: Session, company_id: int, person_id: int) -> Digest:
    """Return what waits for a person: their own holds and the unassigned holds of their teams.

    Only the sources in the person's reach count.
    """
    reach = reach_of(session, company_id, person_id)
    own_teams = select(TeamMember.team_id).where(TeamMember.person_id == person_id)
    unassigned = and_(Hold.person_id.is_(None), Hold.team_id.in_(own_teams))
    ownership = or_(Hold.person_id == person_id, unassigned)
    return _digest(session, Hold.company_id == company_id, ownership, *within(reach, Hold))


def of_team(session: Session, company_id: int, team_id: int | None) -> Digest:
    """Return what waits for a team, or every hold of the company without a team."""
    of_team_terms = [Hold.team_id == team_id] if team_id else []
    return _digest(session, Hold.company_id == company_id, *of_team_terms)


def _digest(session: Session, *conditions: ColumnElement[bool]) -> Digest:
    groups = _groups(session, *conditions)
    records, money = _count_records(session, *conditions) if groups else (0, {})
    return Digest(groups, records, money)


def _count_records(session: Session, *conditions: ColumnElement[bool]) -> tuple[int, Sums]:
    """Return how many records the matching holds concern, each once, and their amounts."""
    single = counted_holds(*conditions).c
    query = (
        select(single.currency, func.count().label("records"))
        .add_columns(whole_sum(single.minor).label("minor"))
        .group_by(single.currency)
    )
    rows = session.execute(query).all()
    money = by_key((None, row.currency, row.minor) for row in rows).get(None, {})
    return sum(int(row.records) for row in rows), money


def _groups(session: Session, *conditions: ColumnElement[bool]) -> tuple[Group, ...]:
    """Return the holds by cause and owner, the longest waiting first; each record counts once."""
    single = counted_holds(*conditions, by=(Hold.cause_id, Hold.person_id, Hold.team_id))
    query = (
        select(
            single.c.cause_id,
            Cause.label,
            Cause.error_class.label("error_class"),
            func.coalesce(Person.name, Team.shown).label("owner"),
            single.c.currency,
            func.count().label("records"),
            whole_sum(single.c.minor).label("minor"),
            func.min(single.c.since).label("oldest"),
        )
        .join_from(single, Cause, Cause.id == single.c.cause_id)
        .outerjoin(Person, Person.id == single.c.person_id)
        .outerjoin(Team, Team.id == single.c.team_id)
        .group_by(
            single.c.cause_id,
            Cause.label,
            Cause.error_class,
            Person.name,
            Team.shown,
            single.c.currency,
        )
    )
    rows_by_group: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for row in session.execute(query):
        rows_by_group[row.cause_id, row.owner or ""].append(row)
    groups = [
        Group(
            cause_id=cause_id,
            label=rows[0].label,
            error_class=str(rows[0].error_class),
            owner=owner,
            records=sum(int(row.records) for row in rows),
            money=by_key((None, row.currency, row.minor) for row in rows).get(None, {}),
            oldest=min(row.oldest for row in rows),
        )
        for (cause_id, owner), rows in rows_by_group.items()
    ]
    return tuple(sorted(groups, key=lambda group: (group.oldest, group.cause_id, group.owner)))


def digest_body(
    company: Company, digest: Digest, period: datetime, now: datetime, *, root: str
) -> dict[str, Any]:
    """Return the digest's JSON, whose texts are for people.

    Of many causes it names those with the most money. `root`: the address of the pages.
    """
    books = company.currency
    zone = ZoneInfo(company.zone)
    groups, money = digest.groups, sums(digest.money, books)
    listed = sorted(groups, key=lambda group: most_first(group.money))[:MOST_GROUPS]
    listed.sort(key=lambda group: (group.oldest, group.cause_id))
    base = f"{root.rstrip('/')}/c/{company.code}"
    return {
        "kind": "digest",
        "company": {"code": company.code, "name": company.name},
        "period": period.astimezone(zone).isoformat(),
        "summary": f"{plural(digest.records, 'record')} on hold, {money}",
        "records": digest.records,
        "oldest": min(group.oldest for group in groups).astimezone(zone).isoformat(),
        "groups": [_line(group, books, zone, now, base) for group in listed],
        "more": len(groups) - len(listed),
        "link": f"{base}/holding",
    }


def _line(group: Group, books: str, zone: ZoneInfo, now: datetime, base: str) -> dict[str, Any]:
    days = max(0, (now - group.oldest).days)
    return {
        "cause": group.label or group.error_class.replace("_", " "),
        "class": group.error_class,
        "owner": group.owner,
        "records": group.records,
        "money": sums(group.money, books),
        "oldest": group.oldest.astimezone(zone).isoformat(),
        "waits": plural(days, "day") if days else "less than a day",
        "link": f"{base}/holding?view=all&open={group.cause_id}#group_{group.cause_id}",
    }


def as_text(body: Mapping[str, Any]) -> str:
    """Return the message as plain lines for a mail.

    Systems have their titles, as on pages. Names by people stay unchanged, and so does a packet,
    because its checksum is sent along.
    """
    if body["kind"] == "urgent":
        return f"{_urgent_line(body)}\n\n{body['link']}\n"
    if body["kind"] != "digest":
        return str(body["text"])
    lines = [f"{body['company']['name']}: {body['summary']}.", ""]
    for group in body["groups"]:
        lines += [
            insert_titles(group["cause"]),
            f"  {plural(group['records'], 'record')}, {group['money']}",
            f"  The oldest waits {group['waits']}. Next step: {group['owner']}.",
            f"  {group['link']}",
            "",
        ]
    if body["more"]:
        lines.append(f"And {plural(body['more'], 'other cause')}.")
    lines.append(f"All of it: {body['link']}")
    return "\n".join(lines) + "\n"


def subject_of(subject: str, body: Mapping[str, Any]) -> str:
    """Return a mail's subject; a signal names systems by their titles."""
    return _urgent_line(body) if body["kind"] == "urgent" else subject


def _urgent_line(body: Mapping[str, Any]) -> str:
    return f"{body['company']['name']}: {insert_titles(body['say'])}"
