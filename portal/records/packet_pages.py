"""The evidence packet of a record, and auditors' notes on records and events."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, g, render_template, request, send_file, url_for

from holding.access.actors import Actor, Keys, hiding, load_keys
from holding.db.models.columns import moment_of
from holding.db.refusal import Refusal
from holding.operations import escalation_packets
from holding.platform import events
from holding.platform.events import Anchors, Head, record_event
from holding.platform.settings import logger
from holding.records import packet_contents, packet_file, packet_rows, record_rows
from holding.records.packet_contents import Wanted
from holding.records.packet_file import Packed
from portal.languages.choice import in_english, titled_page
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from rules.values.canonical import dumps

pages = Blueprint("evidence", __name__, url_prefix="/c/<co>")

RECORD = "/evidence/<source>/<kind>/<record_id:external_id>"

SHEET = Path(__file__).with_name("packet.css").read_text("utf-8")

FILES = "files"

CHANGED = 409

PACKET_HASH = "sha256"

LASTS = timedelta(hours=1)
"""So long what was shown can be downloaded: a packet says when it was made."""

NOT_PERSONAL = "Personal data and tax numbers, and with them what calls carried."

log = logger("clearpost.portal")


@dataclass(frozen=True, slots=True)
class ShownFiles:
    """The files that the page showed, as the form identifies them.

    The packet contains events until `at`, and the event chain up to place `head`, so that its bytes
    can be produced again. `sha256` is the packet's hash, blank before the first display.
    """

    at: datetime
    head: int
    sha256: str


@pages.get(RECORD)
@needs("record.read")
def show(source: str, kind: str, external_id: str) -> Response:
    """Show the contents of a packet of this record, and the notes about it."""
    return _page(_record(source, kind, external_id), {})


def _page(
    row: record_rows.RecordRow,
    problems: Mapping[str, str],
    *,
    status: int = 200,
    files: Mapping[str, object] | None = None,
) -> Response:
    hide = hiding(store.reading(), row.id, filters.hidden_fields())
    return store.respond(
        "evidence/show.html",
        status=status,
        record=row,
        notes=packet_contents.notes_of_record(store.reading(), row.id),
        hide=hide,
        url=_url(row),
        files=files,
        file_name=_name(row),
        problems=problems,
        typed=request.form.get("text", ""),
    )


def _url(row: record_rows.RecordRow) -> str:
    return url_for(
        "evidence.show",
        co=g.company.code,
        source=row.source,
        kind=row.kind,
        external_id=row.external_id,
    )


def _name(row: record_rows.RecordRow) -> str:
    return f"evidence-{row.external_id}-{filters.day(filters.today())}.zip"


def _record(source: str, kind: str, external_id: str) -> record_rows.RecordRow:
    row = record_rows.load_record(store.reading(), g.company.id, source, kind, external_id)
    if row is None:
        abort(404)
    return row


@pages.post(RECORD)
@needs("audit.export")
def make(source: str, kind: str, external_id: str) -> Response:
    """Show the packet's files with their hashes, or download the packet, which is logged as an
    event.

    If the user saw the files before, the packet contains exactly these files. If they differ now,
    the page shows the differences.
    """
    row, told = _record(source, kind, external_id), request.form
    personal = bool(told.get("personal")) and filters.sees_personal()
    others = personal and bool(told.get("others"))
    shown = read_shown_files(told, g.now)
    made = _packed(row, shown or _now(), personal=personal, others=others)
    if made is None:
        return store.refuse(_too_large(row), back=request.path)
    if told.get("do") == FILES:
        return _page(row, {}, files=_files(made, shown or _now(), personal, others))
    if told.get(PACKET_HASH) and (shown is None or made.sha256 != shown.sha256):
        at = _now()
        fresh = _packed(row, at, personal=personal, others=others) or made
        return _page(
            row, {}, files=_files(fresh, at, personal, others, differs=True), status=CHANGED
        )
    return _handed_out(row, made, personal=personal)


def _packed(
    row: record_rows.RecordRow, of: ShownFiles, *, personal: bool, others: bool
) -> Packed | None:
    """Build the packet from the record's data at one moment and one end of the event chain.

    None if it is too large.
    """
    session, company = store.reading(), g.company
    keys = load_keys(request_guard.config().settings)
    secrets: frozenset[str] = frozenset()
    if isinstance(keys, Keys):
        secrets = escalation_packets.secrets_of(session, company.id, keys)
    keep = {row.number, row.external_id}
    redact = escalation_packets.redacting(secrets, tax_numbers=personal, keep=keep)
    wanted = Wanted(by=g.actor.name, now=of.at, personal=personal, redact=redact)
    about = {word: getattr(company, word) for word in ("code", "name", "zone", "currency")}
    told = packet_contents.collect_contents(session, about, row, wanted)
    mask = hiding(session, row.id, wanted.hidden)
    head = events.head_at(session, company.id, of.head)

    def hide(text: str) -> str:
        return mask(_without(secrets, text))

    rows = packet_rows.collect_rows(
        session, company.id, row.id, head=head, hide=hide, personal=personal
    )
    proof = packet_contents.event_proof(
        session,
        company.id,
        row.id,
        noted=noted_heads(),
        others=others,
        hide=hide,
        now=of.at,
        head=head,
        sealed_at=rows.places,
    )
    hidden = () if personal else (NOT_PERSONAL,)
    told["left_out"] = [*proof.left_out, *rows.left_out, *hidden]
    with in_english():
        page = render_template(
            "evidence/packet.html",
            told=told,
            proof=proof.events,
            moment=_moment,
            zone=_zone(),
            written=_written,
        )
    return packet_file.pack(
        {
            packet_file.DATA: dumps(told).encode(),
            packet_file.EVENTS: dumps(proof.events).encode(),
            packet_file.ROWS: dumps(rows.content).encode(),
            packet_file.PAGE: _styled(titled_page(page)).encode(),
            **packet_contents.attached_files(told),
        }
    )


def write_packet(
    app: Flask, code: str, actor: Actor, record_id: int, *, personal: bool, others: bool
) -> Packed | Refusal:
    """Return a record's packet for a user at the command line, and log it as the page does."""
    with app.test_request_context():
        g.now, g.request_id, g.person = store.clock().now(), "", None
        company = store.company_of(code)
        if company is None:
            raise LookupError(code)
        store.set_actor(company, actor)
        if refusal := request_guard.may("audit.export"):
            return refusal
        row = _record(*record_rows.address_of(store.reading(), record_id))
        personal = personal and filters.sees_personal()
        made = _packed(row, _now(), personal=personal, others=others and personal)
        if made is None:
            return _too_large(row)
        _log_packet(row, made, personal=personal)
        return made


def _too_large(row: record_rows.RecordRow) -> Refusal:
    words = f"The packet of {row.number} would be larger than 64 MB."
    hint = "Make it without the events of other records."
    return Refusal("evidence.large", words, hint, 422)


def _without(secrets: frozenset[str], text: str) -> str:
    """Return a sealed text with stored secrets removed.

    Other parts stay unchanged, since the seal covers them.
    """
    for one in secrets:
        text = text.replace(one, escalation_packets.REMOVED)
    return text


def _moment(text: str | None) -> str:
    return filters.moment(datetime.fromisoformat(text)) if text else "not recorded"


def _zone() -> str:
    zone: str = g.company.zone
    return filters.ZONE_NAMES.get(zone, zone)


def _written(body: object) -> str:
    """Format JSON content for reading, with non-Latin letters unescaped."""
    return json.dumps(body, ensure_ascii=False, indent=1)


def _styled(page: str) -> str:
    """Insert the stylesheet into the page, since the page is read without other files."""
    return page.replace("</head>", f"<style>\n{SHEET}</style>\n</head>", 1)


def _now() -> ShownFiles:
    """Return the current moment and end of the event chain, for files shown now."""
    return ShownFiles(g.now, events.chain_head(store.reading(), g.company.id).seq, "")


def _files(
    made: Packed, at: ShownFiles, personal: bool, others: bool, *, differs: bool = False
) -> dict[str, object]:
    """Return the page's values about the files of a packet."""
    return {
        "parts": made.parts,
        "size": len(made.content),
        "sha256": made.sha256,
        "at": at.at,
        "head": at.head,
        "personal": personal,
        "others": others,
        "differs": differs,
    }


def _handed_out(row: record_rows.RecordRow, made: Packed, *, personal: bool) -> Response:
    _log_packet(row, made, personal=personal)
    answer = send_file(
        io.BytesIO(made.content), "application/zip", as_attachment=True, download_name=_name(row)
    )
    answer.headers["X-Content-SHA256"] = made.sha256
    return answer


def _log_packet(row: record_rows.RecordRow, made: Packed, *, personal: bool) -> None:
    """Log in the audit trail who got which packet."""
    with store.writing() as session:
        record_event(
            session,
            company_id=g.company.id,
            at=g.now,
            actor=g.actor,
            act="audit.packet",
            record_id=row.id,
            body={
                "say": f"{g.actor.name} downloaded the evidence packet of {row.number}"
                f" (hash {made.sha256}).",
                "packet": made.sha256,
                "personal": personal,
            },
        )


def read_shown_files(form: Mapping[str, str], now: datetime) -> ShownFiles | None:
    """Return the files that the form identifies as shown.

    None if there are none, they are too old, or the form is invalid.
    """
    head, sha256 = forms.parse_whole(form.get("head")), form.get(PACKET_HASH)
    if not sha256 or head is None or head < 0:
        return None
    try:
        at = moment_of(form.get("at", ""))
    except ValueError:
        return None
    return ShownFiles(at, head, sha256) if now - LASTS <= at <= now else None


@pages.post(f"{RECORD}/note")
@needs("audit.note")
def note(source: str, kind: str, external_id: str) -> Response:
    """Write a note about the record."""
    row = _record(source, kind, external_id)
    text, op = request.form.get("text", ""), request.form.get("op")
    with store.writing() as session:
        answer = packet_contents.write_note(session, g.actor, text, g.now, record_id=row.id, op=op)
    if not isinstance(answer, Refusal):
        return store.redirect_with_message(_url(row), f"The note on {row.number} is kept.")
    if answer.status == 422:
        return _page(row, {"text": answer.message}, status=422)
    return store.refuse(answer, back=_url(row))


@pages.get("/audit/<int:event_id>/note")
@needs("audit.note")
def event(event_id: int) -> Response:
    """Show an event of the audit trail, to add a note to it."""
    return _event_page(event_id, {})


def _event_page(event_id: int, problems: Mapping[str, str], *, status: int = 200) -> Response:
    found = packet_contents.load_event(store.reading(), g.company.id, event_id)
    if found is None:
        abort(404)
    hide = hiding(store.reading(), found.record_id or 0, filters.hidden_fields())
    return store.respond(
        "evidence/event.html",
        status=status,
        event=found,
        sentence=hide(found.say),
        problems=problems,
        typed=request.form.get("text", ""),
    )


@pages.post("/audit/<int:event_id>/note")
@needs("audit.note")
def note_event(event_id: int) -> Response:
    """Write a note about an event."""
    text, op = request.form.get("text", ""), request.form.get("op")
    with store.writing() as session:
        answer = packet_contents.write_note(session, g.actor, text, g.now, event_id=event_id, op=op)
    back = url_for("audit.listing", co=g.company.code)
    if not isinstance(answer, Refusal):
        return store.redirect_with_message(back, f"The note on {answer.about} is kept.")
    if answer.status == 422:
        return _event_page(event_id, {"text": answer.message}, status=422)
    return store.refuse(answer, back=back)


def noted_heads() -> tuple[Head, ...]:
    """Return the chain heads that the worker noted; empty if their file is missing.

    `clearpost verify` reports a damaged file.
    """
    try:
        return Anchors(request_guard.config().settings.anchor_file).of(g.company.code)
    except (OSError, ValueError) as problem:
        log.warning("The noted heads cannot be read.", why=str(problem))
        return ()
