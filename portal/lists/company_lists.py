"""Downloads of company lists (people, audit log, uploads, …) and of mapping lists."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from flask import abort, g, request

from connectors.kit.workbook import Written
from holding.access import deputies as deputy_rows
from holding.access.actors import ROLE_LABELS
from holding.company import duties
from holding.company.dry_run import RecordSeen, last_month, rehearsed
from holding.connections import open_signals
from holding.db.models.columns import from_minor, moment_text
from holding.db.refusal import Refusal
from holding.mappings import (
    exact_matches,
    file_codes,
    fixes,
    list_files,
    list_sources,
    mapping_lists,
    party_merge,
)
from holding.mappings.fixes import Missing
from holding.mappings.mapping_lists import EntryRow
from holding.operations import recipients
from holding.platform import event_log
from holding.platform.event_log import LogRow
from holding.uploads import check_result
from holding.uploads.check_result import UploadRow
from portal.company import settings_page
from portal.company.checklist import KINDS
from portal.mappings import exact_pages, mapping_pages
from portal.operations import audit_log
from portal.web import filters, forms, request_guard, store
from portal.web.list_file import MOST, ListFile, Table, by_currency, each_page
from rules.values.wording import title_text

AT_ONCE: Final = 500

PEOPLE: Final = ("Name", "Mail", "Roles", "Teams", "Status", "Last seen", "Two-factor")

DEPUTIES: Final = ("Delegate", "For", "From", "Until", "Reason", "Ended")

LOG: Final = ("Event", "At", "Person", "About", "What happened", "Reason", "Record", "Source",
              "Place in chain", "Hash")  # fmt: skip

MESSAGES: Final = ("Notice", "Made", "Kind", "To", "Subject", "State", "Tries", "Ended", "Answer")

SIGNALS: Final = ("Signal", "Kind", "Connection", "What it says", "Since", "Ended", "Records",
                  "Currency", "Amount")  # fmt: skip

DRY_RUN: Final = ("Record", "Kind", "Source", "Document date", "Customer or supplier", "Currency",
                  "Amount", "Result", "Causes")  # fmt: skip

SETTINGS: Final = ("Setting", "Value", "Where it is from")

UPLOADS: Final = ("Upload", "File", "Source", "Kind", "Uploaded", "By", "State", "Records")

ENTRIES_AT_ONCE: Final = 1000

MISSING: Final = ("Table", "Sent by the source", "What waits for it", "Waiting since", "Records",
                  "Currency", "Amount")  # fmt: skip

ENTRIES: Final = ("Sent by the source", "Value", "Counts from", "Revision", "By", "At", "Reason")

UNITS: Final = ("Unit", "Item", "What waits for it", "Records", "Currency", "Amount")

LISTS: Final = (
    "Accounting system",
    "Kind",
    "Codes",
    "Read",
    "File",
    "File of",
    "Given by",
    "Posted before",
)

UNPAID: Final = ("Number", "Name", "Code", "Left to pay", "Currency")

PARTIES: Final = ("Record", "Rule", "Keep", "Gone", "Keys")


def people() -> ListFile:
    """Everybody of the company, who is invited, who left; mail and times for who may see them."""
    rows = _people(private=_private())
    return ListFile("the people of the company", "people", [Table("People", PEOPLE, rows)])


def _people(*, private: bool) -> Iterator[list[Written]]:
    session, company = store.reading(), g.company.id
    for one in duties.members(session, company):
        roles = ", ".join(ROLE_LABELS[role] for role in one.roles)
        seen = moment_text(one.seen_at) if one.seen_at and private else None
        mail = one.email if private else None
        factor = ("on" if one.factor_since else "off") if private else None
        yield [one.name, mail, roles, ", ".join(one.teams), "member", seen, factor]
    for invited in duties.invitations(session, company):
        roles = ", ".join(ROLE_LABELS[role] for role in invited.roles)
        mail = invited.email if private else None
        yield [invited.name, mail, roles, None, "invited", None, None]
    for gone in duties.former(session, company):
        yield [gone.name, None, None, None, f"left {moment_text(gone.left_at)}", None, None]


def _private() -> bool:
    return any(request_guard.may(act) is None for act in ("people.admin", "audit.read"))


def dry_run() -> ListFile | Refusal:
    """Each record of these days as a dry run finds it now; nothing is sent or stored."""
    usual = last_month(g.now, g.company.zone)
    first, last = (forms.parse_day(request.args.get(name)) for name in ("first", "last"))
    first, last = first or usual[0], last or usual[1]
    store.drop_snapshot()  # a service reads with sessions of its own
    found = rehearsed(store.database(), store.clock(), g.actor, first, last)
    if isinstance(found, Refusal):
        return found
    rows = (_rehearsed(one, dict(KINDS)) for one in found[0].records)
    table = Table("Records", DRY_RUN, rows)
    kept = {"from": first.isoformat(), "to": last.isoformat()}
    return ListFile("the records of a dry run", f"dry-run-{first}-{last}", [table], kept)


def _rehearsed(one: RecordSeen, words: Mapping[str, str]) -> list[Written]:
    amount = None if one.amount is None else from_minor(one.amount, one.currency)
    day, causes = one.day.isoformat() if one.day else None, "; ".join(one.causes)
    return [one.number, one.type.replace("_", " "), one.source, day, one.party, one.currency,
            amount, words[one.kind], causes]  # fmt: skip


def settings() -> ListFile:
    """Each setting of the company, how it stands, and where it is from."""
    rows = ([one.title, one.text, one.note] for one in settings_page.list_settings())
    return ListFile("the company settings", "settings", [Table("Settings", SETTINGS, rows)])


def deputies() -> ListFile:
    """Who stands in for whom, now, later and before."""
    found = deputy_rows.list_deputies(store.reading(), g.company.id)
    rows = ([one.deputy, one.person, moment_text(one.from_at), moment_text(one.until_at),
             one.reason, moment_text(one.ended_at) if one.ended_at else None]
            for one in found)  # fmt: skip
    return ListFile("deputies", "deputies", [Table("Delegates", DEPUTIES, rows)])


def audit() -> ListFile | Refusal:
    """The events that the page shows: of all, or one's own."""
    if problems := audit_log.day_problems():
        return Refusal("audit.days", next(iter(problems.values())), "", 422)
    pages = each_page(_events, lambda row: row.id, AT_ONCE)
    rows = (cells for page in pages for cells in _logged(tuple(page)))
    table = Table("Events", LOG, rows)
    return ListFile("the audit log", "audit-log", [table], audit_log.filter_words())


def _events(after: int | None) -> tuple[LogRow, ...]:
    wanted, company = audit_log.read_log_filter(), g.company.id
    return event_log.list_events(store.reading(), company, wanted, after=after, most=AT_ONCE)


def _logged(page: tuple[LogRow, ...]) -> Iterator[list[Written]]:
    told = audit_log.event_hider(page)
    for row in page:
        yield [str(row.id), filters.iso(row.at), row.who, row.about, told(row, row.say),
               told(row, row.reason), row.number, row.source, row.seq, row.hash]  # fmt: skip


def messages() -> ListFile:
    """The messages to people and webhooks, the newest first."""
    found = recipients.list_deliveries(store.reading(), g.company.id, most=MOST + 1)
    rows = ([one.id, filters.iso(one.made_at), one.kind_word, one.to, one.subject, one.state_word,
             one.tries, filters.iso(one.ended_at) if one.ended_at else None, one.answer]
            for one in found)  # fmt: skip
    return ListFile("notices", "notices", [Table("Notices", MESSAGES, rows)])


def signals() -> ListFile:
    """Open signals, the oldest first, and those that ended."""
    session, company = store.reading(), g.company.id
    found = (*open_signals.list_signals(session, company),
             *open_signals.ended_signals(session, company, most=MOST + 1))  # fmt: skip
    rows = (cells for one in found for cells in _signal(one))
    return ListFile("signals", "signals", [Table("Signals", SIGNALS, rows)])


def _signal(one: open_signals.SignalRow) -> Iterator[list[Written]]:
    """A signal: a row for each currency, the count in the first."""
    ended = moment_text(one.cleared_at) if one.cleared_at else None
    says = open_signals.sentence(one, g.company.currency).replace("\xa0", " ")
    count: Written = one.records
    for code, amount in by_currency(one.money, g.company.currency):
        yield [one.id, str(one.kind).replace("_", " "), one.connection, says,
               moment_text(one.opened_at), ended, count, code, amount]  # fmt: skip
        count = None


def uploads() -> ListFile:
    """The uploads so far and one's own that wait, the newest first."""
    pages = each_page(_uploads, lambda row: row.id, AT_ONCE)
    rows = (_upload(row) for page in pages for row in page)
    return ListFile("uploads", "uploads", [Table("Uploads", UPLOADS, rows)])


def _uploads(before: int | None) -> tuple[UploadRow, ...]:
    session, mine = store.reading(), g.actor.person_id
    return check_result.listing(session, g.company.id, mine, before, AT_ONCE)


def _upload(row: UploadRow) -> list[Written]:
    state = "ended early" if row.stopped else str(row.state)
    return [row.id, row.name, row.source, row.kind, moment_text(row.at),
            row.person or "Clearpost", state, row.taken if row.confirmed else None]  # fmt: skip


def missing() -> ListFile:
    """Every value without a mapping, the most money first."""
    found = fixes.missing(store.reading(), g.company.id, most=None)
    rows = ([one.table, *cells] for one in found for cells in _waiting(one, [one.key]))
    return ListFile("missing mappings", "missing-mappings", [Table("Missing", MISSING, rows)])


def _waiting(one: Missing, first: list[Written]) -> Iterator[list[Written]]:
    """What waits for a value: a row for each currency, the count in the first."""
    count: Written = one.records
    for code, amount in by_currency(one.money, g.company.currency):
        money: list[Written] = [count, code, amount]
        yield [*first, title_text(one.label), moment_text(one.since), *money]
        count = None


def entries(table: str) -> ListFile:
    """All entries of a table that are in force, found by either side."""
    if table not in {row.name for row in mapping_lists.tables(store.reading(), g.company.id)}:
        abort(404)
    text = request.args.get("q", "").strip()[:100]
    pages = each_page(lambda after: _entries(table, text, after), _place, ENTRIES_AT_ONCE)
    rows = (_entry(one) for page in pages for one in page)
    kept = {"search": text} if text else {}
    title, word = f"the mapping table {table}", f"mapping-{table}"
    return ListFile(title, word, [Table("Entries", ENTRIES, rows)], kept, frozenset({"search"}))


def _entries(table: str, text: str, after: tuple[str, date | None] | None) -> tuple[EntryRow, ...]:
    key, since = after or (None, None)
    session, company = store.reading(), g.company.id
    return mapping_lists.entries(
        session, company, table, text=text, after=key, since=since, most=ENTRIES_AT_ONCE
    )


def _place(one: EntryRow) -> tuple[str, date | None]:
    return one.key, one.since


def _entry(one: EntryRow) -> list[Written]:
    return [one.key, one.value, one.since, one.revision, one.by, moment_text(one.at), one.reason]


def exact() -> ListFile:
    """The missing values with exactly one value that fits, and those that are left out."""
    rows = exact_pages.match_rows(exact_matches.exact_matches(store.reading(), g.company.id))
    table = Table("Missing values", exact_pages.HEADS, rows)
    return ListFile("exact matches of missing mappings", "exact-matches", [table])


def units() -> ListFile:
    """The units that hold records."""
    waiting = mapping_lists.units_on_hold(store.reading(), g.company.id)
    rows = (cells for one in waiting for cells in _unit(one))
    return ListFile("units that hold records", "units", [Table("Units on hold", UNITS, rows)])


def _unit(one: Missing) -> Iterator[list[Written]]:
    unit, _, item = one.key.partition("|")
    for first, second, label, _, *money in _waiting(one, [unit, item]):
        yield [first, second, label, *money]


def code_lists() -> ListFile:
    """Where each list of codes comes from, and how old it is."""
    found = list_sources.list_sources(store.reading(), g.company.id, g.now)
    table = Table("Lists", LISTS, (_source(one) for one in found))
    return ListFile("lists of codes", "code-lists", [table])


def _source(one: list_sources.ListSource) -> list[Written]:
    read = moment_text(one.read_at) if one.read_at else None
    file = (one.file.file_name, one.file.as_of, one.file.by) if one.file else (None, None, None)
    return [one.target, one.kind, one.codes, read, *file, one.posted]


def code_changes(no: int) -> ListFile:
    """What one list has otherwise than the one before it."""
    found = list_files.file_changes(store.reading(), g.company.id, no, MOST)
    if found is None:
        abort(404)
    show, of_unpaid = filters.sees_personal(), found[0].kind.unpaid
    heads, *rows = list_files.change_rows(found[1], personal=show, unpaid=of_unpaid)
    table = Table("Changes", [str(head) for head in heads], rows)
    return ListFile(f"changes of the list of codes {no}", f"list-{no}", [table])


def unpaid() -> ListFile:
    """What is unpaid in a target, with the letters that were asked for."""
    lists = file_codes.unpaid_lists(store.reading(), g.company.id)
    one, text = mapping_pages.chosen_list(lists), mapping_pages.typed_letters()
    found = mapping_pages.unpaid_rows(one, MOST + 1) if one else ()
    show = filters.sees_personal()
    rows = (_unpaid(one, show=show) for one in found)
    said = {"List": mapping_pages.list_title(one)} if one else {}
    said |= {"Search": text} if text else {}
    table = Table("Unpaid", UNPAID, rows)
    return ListFile("unpaid documents", "unpaid", [table], said, frozenset({"Search"}))


def _unpaid(one: file_codes.Unpaid, *, show: bool) -> list[Written]:
    return [one.number, one.name if show else "", one.party, one.left, one.currency]


def parties() -> ListFile:
    """Two keys that seem to be one party, each pair once."""
    found = party_merge.merge_proposals(store.reading(), g.company.id, filters.today())
    rows = (_pair(one) for one in found)
    return ListFile("parties that seem to be one", "parties", [Table("Parties", PARTIES, rows)])


def _pair(one: party_merge.Merge) -> list[Written]:
    return [one.number, one.rule, *map(filters.party, (one.keep, one.gone)), len(one.keys)]
