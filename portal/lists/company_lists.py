"""Build the downloads of company lists (people, audit log, uploads, …) and of mapping lists."""

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

PAGE_SIZE: Final = 500

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

ENTRY_PAGE_SIZE: Final = 1000

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
    """Return members, invited people and former members; emails and times only with permission."""
    rows = _people_rows(private=_sees_private())
    return ListFile("the people of the company", "people", [Table("People", PEOPLE, rows)])


def _people_rows(*, private: bool) -> Iterator[list[Written]]:
    session, company = store.reading(), g.company.id
    for member in duties.members(session, company):
        roles = ", ".join(ROLE_LABELS[role] for role in member.roles)
        last_seen = moment_text(member.seen_at) if member.seen_at and private else None
        email = member.email if private else None
        two_factor = ("on" if member.factor_since else "off") if private else None
        yield [member.name, email, roles, ", ".join(member.teams), "member", last_seen, two_factor]
    for invited in duties.invitations(session, company):
        roles = ", ".join(ROLE_LABELS[role] for role in invited.roles)
        email = invited.email if private else None
        yield [invited.name, email, roles, None, "invited", None, None]
    for former_member in duties.former(session, company):
        yield [
            former_member.name,
            None,
            None,
            None,
            f"left {moment_text(former_member.left_at)}",
            None,
            None,
        ]


def _sees_private() -> bool:
    return any(request_guard.may(act) is None for act in ("people.admin", "audit.read"))


def dry_run() -> ListFile | Refusal:
    """Return each record of the chosen days with a dry run's result; nothing is sent or stored."""
    default_days = last_month(g.now, g.company.zone)
    first, last = (forms.parse_day(request.args.get(name)) for name in ("first", "last"))
    first, last = first or default_days[0], last or default_days[1]
    store.drop_snapshot()  # the service opens its own sessions
    dry_runs = rehearsed(store.database(), store.clock(), g.actor, first, last)
    if isinstance(dry_runs, Refusal):
        return dry_runs
    rows = (_dry_run_row(record, dict(KINDS)) for record in dry_runs[0].records)
    table = Table("Records", DRY_RUN, rows)
    filter_words = {"from": first.isoformat(), "to": last.isoformat()}
    return ListFile("the records of a dry run", f"dry-run-{first}-{last}", [table], filter_words)


def _dry_run_row(row: RecordSeen, kind_labels: Mapping[str, str]) -> list[Written]:
    amount = None if row.amount is None else from_minor(row.amount, row.currency)
    day, causes = row.day.isoformat() if row.day else None, "; ".join(row.causes)
    return [row.number, row.type.replace("_", " "), row.source, day, filters.party(row.party),
            row.currency, amount, kind_labels[row.kind], causes]  # fmt: skip


def settings() -> ListFile:
    """Return each setting of the company, its value, and where it is from."""
    rows = (
        [setting.title, setting.text, setting.note] for setting in settings_page.list_settings()
    )
    return ListFile("the company settings", "settings", [Table("Settings", SETTINGS, rows)])


def deputies() -> ListFile:
    """Return present, future and past approval delegates."""
    delegations = deputy_rows.list_deputies(store.reading(), g.company.id)
    rows = ([row.deputy, row.person, moment_text(row.from_at), moment_text(row.until_at),
             row.reason, moment_text(row.ended_at) if row.ended_at else None]
            for row in delegations)  # fmt: skip
    return ListFile("deputies", "deputies", [Table("Delegates", DEPUTIES, rows)])


def audit() -> ListFile | Refusal:
    """Return the events that the page shows: the company's, or only the user's."""
    if problems := audit_log.day_problems():
        return Refusal("audit.days", next(iter(problems.values())), "", 422)
    pages = each_page(_events, lambda row: row.id, PAGE_SIZE)
    rows = (cells for page in pages for cells in _event_rows(tuple(page)))
    table = Table("Events", LOG, rows)
    return ListFile("the audit log", "audit-log", [table], audit_log.filter_words())


def _events(after: int | None) -> tuple[LogRow, ...]:
    log_filter, company = audit_log.read_log_filter(), g.company.id
    return event_log.list_events(store.reading(), company, log_filter, after=after, most=PAGE_SIZE)


def _event_rows(page: tuple[LogRow, ...]) -> Iterator[list[Written]]:
    hide = audit_log.event_hider(page)
    for row in page:
        yield [str(row.id), filters.iso(row.at), row.who, row.about, hide(row, row.say),
               hide(row, row.reason), row.number, row.source, row.seq, row.hash]  # fmt: skip


def messages() -> ListFile:
    """Return the messages to people and webhooks, the newest first."""
    notices = recipients.list_deliveries(store.reading(), g.company.id, most=MOST + 1)
    rows = ([row.id, filters.iso(row.made_at), row.kind_word, row.to, row.subject, row.state_word,
             row.tries, filters.iso(row.ended_at) if row.ended_at else None, row.answer]
            for row in notices)  # fmt: skip
    return ListFile("notices", "notices", [Table("Notices", MESSAGES, rows)])


def signals() -> ListFile:
    """Return open signals, the oldest first, then ended signals."""
    session, company = store.reading(), g.company.id
    signal_rows = (*open_signals.list_signals(session, company),
             *open_signals.ended_signals(session, company, most=MOST + 1))  # fmt: skip
    rows = (cells for signal in signal_rows for cells in _signal_rows(signal))
    return ListFile("signals", "signals", [Table("Signals", SIGNALS, rows)])


def _signal_rows(signal: open_signals.SignalRow) -> Iterator[list[Written]]:
    """Yield a signal's rows, one per currency; the first row has the count."""
    ended = moment_text(signal.cleared_at) if signal.cleared_at else None
    sentence = open_signals.sentence(signal, g.company.currency).replace("\xa0", " ")
    count: Written = signal.records
    for code, amount in by_currency(signal.money, g.company.currency):
        yield [signal.id, str(signal.kind).replace("_", " "), signal.connection, sentence,
               moment_text(signal.opened_at), ended, count, code, amount]  # fmt: skip
        count = None


def uploads() -> ListFile:
    """Return past uploads and the user's own waiting uploads, the newest first."""
    pages = each_page(_uploads, lambda row: row.id, PAGE_SIZE)
    rows = (_upload_row(row) for page in pages for row in page)
    return ListFile("uploads", "uploads", [Table("Uploads", UPLOADS, rows)])


def _uploads(before: int | None) -> tuple[UploadRow, ...]:
    session, person_id = store.reading(), g.actor.person_id
    return check_result.listing(session, g.company.id, person_id, before, PAGE_SIZE)


def _upload_row(row: UploadRow) -> list[Written]:
    state = "ended early" if row.stopped else str(row.state)
    return [row.id, row.name, row.source, row.kind, moment_text(row.at),
            row.person or "Clearpost", state, row.taken if row.confirmed else None]  # fmt: skip


def missing() -> ListFile:
    """Return every value without a mapping, the largest amount first."""
    missing_entries = fixes.missing(store.reading(), g.company.id, most=None)
    rows = (
        [entry.table, *cells]
        for entry in missing_entries
        for cells in _missing_rows(entry, [entry.key])
    )
    return ListFile("missing mappings", "missing-mappings", [Table("Missing", MISSING, rows)])


def _missing_rows(missing_entry: Missing, first_cells: list[Written]) -> Iterator[list[Written]]:
    """Yield the rows of a missing value, one per currency; the first row has the count."""
    count: Written = missing_entry.records
    for code, amount in by_currency(missing_entry.money, g.company.currency):
        money: list[Written] = [count, code, amount]
        yield [
            *first_cells,
            title_text(missing_entry.label),
            moment_text(missing_entry.since),
            *money,
        ]
        count = None


def entries(table: str) -> ListFile:
    """Return all entries of a table that are in force; the search text matches key or value."""
    if table not in {row.name for row in mapping_lists.tables(store.reading(), g.company.id)}:
        abort(404)
    text = request.args.get("q", "").strip()[:100]
    pages = each_page(lambda after: _entries(table, text, after), _entry_place, ENTRY_PAGE_SIZE)
    rows = (_entry_row(entry) for page in pages for entry in page)
    filter_words = {"search": text} if text else {}
    title, word = f"the mapping table {table}", f"mapping-{table}"
    return ListFile(
        title, word, [Table("Entries", ENTRIES, rows)], filter_words, frozenset({"search"})
    )


def _entries(table: str, text: str, after: tuple[str, date | None] | None) -> tuple[EntryRow, ...]:
    key, since = after or (None, None)
    session, company = store.reading(), g.company.id
    return mapping_lists.entries(
        session, company, table, text=text, after=key, since=since, most=ENTRY_PAGE_SIZE
    )


def _entry_place(entry: EntryRow) -> tuple[str, date | None]:
    return entry.key, entry.since


def _entry_row(entry: EntryRow) -> list[Written]:
    return [
        entry.key,
        entry.value,
        entry.since,
        entry.revision,
        entry.by,
        moment_text(entry.at),
        entry.reason,
    ]


def exact() -> ListFile:
    """Return the missing values that exactly one value fits, and those left out."""
    rows = exact_pages.match_rows(exact_matches.exact_matches(store.reading(), g.company.id))
    table = Table("Missing values", exact_pages.HEADS, rows)
    return ListFile("exact matches of missing mappings", "exact-matches", [table])


def units() -> ListFile:
    """Return the units that hold records."""
    held_units = mapping_lists.units_on_hold(store.reading(), g.company.id)
    rows = (cells for unit in held_units for cells in _unit_rows(unit))
    return ListFile("units that hold records", "units", [Table("Units on hold", UNITS, rows)])


def _unit_rows(missing_entry: Missing) -> Iterator[list[Written]]:
    unit, _, item = missing_entry.key.partition("|")
    for first, second, label, _, *money in _missing_rows(missing_entry, [unit, item]):
        yield [first, second, label, *money]


def code_lists() -> ListFile:
    """Return where each list of codes comes from, and how old it is."""
    lists = list_sources.list_sources(store.reading(), g.company.id, g.now)
    table = Table("Lists", LISTS, (_code_list_row(code_list) for code_list in lists))
    return ListFile("lists of codes", "code-lists", [table])


def _code_list_row(code_list: list_sources.ListSource) -> list[Written]:
    read_at = moment_text(code_list.read_at) if code_list.read_at else None
    file = (
        (code_list.file.file_name, code_list.file.as_of, code_list.file.by)
        if code_list.file
        else (None, None, None)
    )
    return [code_list.target, code_list.kind, code_list.codes, read_at, *file, code_list.posted]


def code_changes(no: int) -> ListFile:
    """Return the differences between a list of codes and the list before it."""
    changes = list_files.file_changes(store.reading(), g.company.id, no, MOST)
    if changes is None:
        abort(404)
    sees_names, is_unpaid_list = filters.sees_names(), changes[0].kind.unpaid
    heads, *rows = list_files.change_rows(changes[1], personal=sees_names, unpaid=is_unpaid_list)
    table = Table("Changes", [str(head) for head in heads], rows)
    return ListFile(f"changes of the list of codes {no}", f"list-{no}", [table])


def unpaid() -> ListFile:
    """Return the unpaid documents of a target that match the typed letters."""
    lists = file_codes.unpaid_lists(store.reading(), g.company.id)
    chosen, text = mapping_pages.chosen_list(lists), mapping_pages.typed_letters()
    unpaid_rows = mapping_pages.unpaid_rows(chosen, MOST + 1) if chosen else ()
    sees_names = filters.sees_names()
    rows = (_unpaid_row(row, show=sees_names) for row in unpaid_rows)
    filter_words = {"List": mapping_pages.list_title(chosen)} if chosen else {}
    filter_words |= {"Search": text} if text else {}
    table = Table("Unpaid", UNPAID, rows)
    return ListFile("unpaid documents", "unpaid", [table], filter_words, frozenset({"Search"}))


def _unpaid_row(row: file_codes.Unpaid, *, show: bool) -> list[Written]:
    return [row.number, row.name if show else "", row.party, row.left, row.currency]


def parties() -> ListFile:
    """Return each pair of keys that may be one party, each pair once."""
    proposals = party_merge.merge_proposals(store.reading(), g.company.id, filters.today())
    rows = (_party_row(proposal) for proposal in proposals)
    return ListFile("parties that seem to be one", "parties", [Table("Parties", PARTIES, rows)])


def _party_row(proposal: party_merge.Merge) -> list[Written]:
    return [
        proposal.number,
        proposal.rule,
        *map(filters.party, (proposal.keep, proposal.gone)),
        len(proposal.keys),
    ]
