"""The status pill of every target and document type, that of a company, the next daily runs, and
where a target shows a call itself.

Here: which pills there are, moments of runs, addresses of imports. Not here: the words of pills
(holding/runs/status.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors import registry
from connectors.contract.pulls import ShowsImports
from connectors.contract.targets import Settings
from holding.connections import connections as queries
from holding.db.database import DatabaseSession
from holding.db.together import Together
from holding.runs import status as company_pills
from holding.runs.schedules import Daily
from holding.runs.status import pills
from portal.web.filters import zone

TONES = {
    "good": "ok",
    "bad": "bad",
    "busy": "info",
    "paused": "idle",
    "never": "idle",
    "near": "warn",
}

NIGHTS: Final = 3  # so many coming runs are told
Target = tuple[int, int, str, str]
"""A target: its company, its id, its name, its connector."""


@dataclass(frozen=True, slots=True)
class PillRow:
    """One pill with the place it belongs to."""

    connection: str
    connection_id: int
    doc_type: str
    text: str
    tone: str
    detail: str
    stops: bool

    @property
    def busy(self) -> bool:
        """Whether it is worth asking again soon."""
        return self.tone == "info"


def of_rows(
    page: Together,
    session: DatabaseSession,
    company_id: int,
    rows: Sequence[queries.ConnectionRow],
) -> Callable[[], tuple[PillRow, ...]]:
    """The pills of the targets among these, asked with the other questions of a page."""
    rows = [row for row in rows if row.is_target]
    named = {row.id: row.name for row in rows}
    wanted = [(row.id, doc_type) for row in rows for doc_type in document_types(row.connector)]
    found = pills(page, session, company_id, wanted)
    return lambda: tuple(
        PillRow(named[key], key, doc_type, made.text, TONES[made.tone], made.detail, made.stops)
        for (key, doc_type), made in found().items()
    )


def of_companies(
    session: DatabaseSession, targets: Sequence[Target], zones: Mapping[int, str]
) -> dict[int, PillRow]:
    """Company -> the worst pill of its targets; each of those by company, id, name, connector."""
    wanted: dict[int, list[tuple[int, str]]] = {}
    named = {}
    for company_id, key, name, connector in targets:
        named[key] = name
        wanted.setdefault(company_id, []).extend(
            (key, doc_type) for doc_type in document_types(connector)
        )
    return {
        company_id: PillRow(
            named[key], key, doc_type, made.text, TONES[made.tone], made.detail, made.stops
        )
        for company_id, ((key, doc_type), made) in company_pills.of_companies(
            session, wanted, zones
        ).items()
    }


def document_types(connector: str) -> tuple[str, ...]:
    """What a target takes."""
    target = registry.targets().get(connector)
    return tuple(document.name for document in target.documents) if target else ()


def shows_imports(connector: str | None, settings: Settings | None) -> bool:
    """Whether the target has pages of its own for its calls, and somebody said where."""
    target = registry.targets().get(connector or "")
    return isinstance(target, ShowsImports) and bool((settings or {}).get("app_url"))


def import_pages(
    connector: str | None, settings: Settings | None, answers: Mapping[int, bytes]
) -> dict[int, str]:
    """Call -> the page that the target itself has for it, of calls that were answered so."""
    target = registry.targets().get(connector or "")
    if not isinstance(target, ShowsImports) or not shows_imports(connector, settings):
        return {}
    found = {call: target.import_page(settings or {}, told) for call, told in answers.items()}
    return {call: address for call, address in found.items() if address}


def coming(night: Daily) -> list[tuple[datetime, date]]:
    """The next runs of a night, in the company's zone, each with the day whose documents it posts;
    the hour stays where the clocks of its own zone are changed.
    """
    if night.next_at is None:
        return []
    first = night.next_at.astimezone(ZoneInfo(night.zone))
    runs = [first + timedelta(days=later) for later in range(NIGHTS)]
    return [(at.astimezone(UTC).astimezone(zone()), at.date() - timedelta(days=1)) for at in runs]
