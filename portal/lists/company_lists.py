"""People, deputies, the audit log, messages, signals, uploads and dry runs of a company as files.

Here: their columns and rows. Not here: what they say (holding/staff, holding/audit,
holding/notices, holding/onboarding, holding/signals, holding/uploads).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from flask import g, request

from connectors.kit.workbook import Written
from holding.access import deputies as deputy_rows
from holding.access.actors import ROLE_LABELS
from holding.company import duties as directory
from holding.company.dry_run import RecordSeen, last_month, rehearsed
from holding.connections import open_signals
from holding.db.models.columns import from_minor, moment_text
from holding.db.refusal import Refusal
from holding.operations import recipients as notice_list
from holding.platform import event_log
from holding.platform.event_log import LogRow
from holding.uploads import check_result as upload_rows
from holding.uploads.check_result import UploadRow
from portal.evidence import audit_log
from portal.lists.list_file import MOST, ListFile, Table, by_currency, each_page
from portal.onboarding import settings_page
from portal.onboarding.checklist import KINDS
from portal.web import filters, forms, security, store

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


def people() -> ListFile:
    """Everybody of the company, who is invited, who left; mail and times for who may see them."""
    rows = _people(private=_private())
    return ListFile("the people of the company", "people", [Table("People", PEOPLE, rows)])


def _private() -> bool:
    return any(security.may(act) is None for act in ("people.admin", "audit.read"))


def _people(*, private: bool) -> Iterator[list[Written]]:
    session, company = store.reading(), g.company.id
    for one in directory.members(session, company):
        roles = ", ".join(ROLE_LABELS[role] for role in one.roles)
        seen = moment_text(one.seen_at) if one.seen_at and private else None
        mail = one.email if private else None
        factor = ("on" if one.factor_since else "off") if private else None
        yield [one.name, mail, roles, ", ".join(one.teams), "member", seen, factor]
    for invited in directory.invitations(session, company):
        roles = ", ".join(ROLE_LABELS[role] for role in invited.roles)
        mail = invited.email if private else None
        yield [invited.name, mail, roles, None, "invited", None, None]
    for gone in directory.former(session, company):
        yield [gone.name, None, None, None, f"left {moment_text(gone.left_at)}", None, None]


def dry_run() -> ListFile | Refusal:
    """Each record of these days as a dry run finds it now; nothing is sent or stored."""
    usual = last_month(g.now, g.company.zone)
    first, last = (forms.day(request.args.get(name)) for name in ("first", "last"))
    first, last = first or usual[0], last or usual[1]
    store.renew()  # a service reads with sessions of its own
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
    rows = ([one.title, one.text, one.note] for one in settings_page.listed())
    return ListFile("the company settings", "settings", [Table("Settings", SETTINGS, rows)])


def deputies() -> ListFile:
    """Who stands in for whom, now, later and before."""
    found = deputy_rows.listing(store.reading(), g.company.id)
    rows = ([one.deputy, one.person, moment_text(one.from_at), moment_text(one.until_at),
             one.reason, moment_text(one.ended_at) if one.ended_at else None]
            for one in found)  # fmt: skip
    return ListFile("deputies", "deputies", [Table("Delegates", DEPUTIES, rows)])


def audit() -> ListFile | Refusal:
    """The events that the page shows: of all, or one's own."""
    if problems := audit_log.problems():
        return Refusal("audit.days", next(iter(problems.values())), "", 422)
    pages = each_page(_events, lambda row: row.id, AT_ONCE)
    rows = (cells for page in pages for cells in _logged(tuple(page)))
    table = Table("Events", LOG, rows)
    return ListFile("the audit log", "audit-log", [table], audit_log.filter_words())


def _events(after: int | None) -> tuple[LogRow, ...]:
    wanted, company = audit_log.wanted(), g.company.id
    return event_log.listing(store.reading(), company, wanted, after=after, most=AT_ONCE)


def _logged(page: tuple[LogRow, ...]) -> Iterator[list[Written]]:
    told = audit_log.telling(page)
    for row in page:
        yield [str(row.id), filters.iso(row.at), row.who, row.about, told(row, row.say),
               told(row, row.reason), row.number, row.source, row.seq, row.hash]  # fmt: skip


def messages() -> ListFile:
    """The messages to people and webhooks, the newest first."""
    found = notice_list.list_deliveries(store.reading(), g.company.id, most=MOST + 1)
    rows = ([one.id, filters.iso(one.made_at), one.kind_word, one.to, one.subject, one.state_word,
             one.tries, filters.iso(one.ended_at) if one.ended_at else None, one.answer]
            for one in found)  # fmt: skip
    return ListFile("notices", "notices", [Table("Notices", MESSAGES, rows)])


def signals() -> ListFile:
    """Open signals, the oldest first, and those that ended."""
    session, company = store.reading(), g.company.id
    found = (*open_signals.listing(session, company),
             *open_signals.ended(session, company, most=MOST + 1))  # fmt: skip
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
    return upload_rows.listing(session, g.company.id, mine, before, AT_ONCE)


def _upload(row: UploadRow) -> list[Written]:
    state = "ended early" if row.stopped else str(row.state)
    return [row.id, row.name, row.source, row.kind, moment_text(row.at),
            row.person or "Clearpost", state, row.taken if row.confirmed else None]  # fmt: skip
