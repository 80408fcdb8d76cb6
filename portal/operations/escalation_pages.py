"""Escalation packets of a record, and the recipients and times of notices."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, g, make_response, render_template, request, url_for

from holding.access import actors
from holding.access.actors import load_keys, role_list
from holding.company import duties
from holding.db.models.columns import RecipientKind, RecordState
from holding.db.refusal import Refusal, sums
from holding.operations import escalation_packets, failures, planning, recipients
from holding.operations.escalation_packets import Change, Kept, Typed, Words
from holding.operations.failures import Failure
from holding.operations.recipients import Wish
from holding.platform import processes
from holding.records import record_rows
from portal.languages import choice
from portal.languages.choice import in_english
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from portal.web.redaction import secret_remover

escalation_pages = Blueprint("escalations", __name__, url_prefix="/c/<co>")

RECORD = "/escalate/<source>/<kind>/<record_id:external_id>"

_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
}

notice_pages = Blueprint("notices", __name__, url_prefix="/c/<co>/notices")

KINDS = {
    RecipientKind.PERSON: "A person of this company, by mail",
    RecipientKind.MAIL: "Another address, by mail",
    RecipientKind.WEBHOOK: "A webhook",
}


@escalation_pages.get(RECORD)
@needs("record.read")
def show(source: str, kind: str, external_id: str) -> Response:
    """Show the escalation form, filled from the record. The user only adds the expected result."""
    case = _case(source, kind, external_id)
    typed = Typed(
        record_number=case.failure.number,
        exact_message=_shown(case, case.failure.message),
        expected_result="",
        left_out=frozenset(
            change.key
            for listed in (case.before, case.since)
            for change in listed[escalation_packets.PROPOSED :]
        ),
    )
    return _form(case, typed, {}, status=200)


@dataclass(frozen=True, slots=True)
class _Case:
    """A record to escalate: its failure, the changes before and since, and its earlier packets."""

    failure: Failure
    source: str
    kind: str
    external_id: str
    before: tuple[Change, ...]
    since: tuple[Change, ...]
    hide: actors.Hide
    earlier: tuple[Kept, ...]


def _case(source: str, kind: str, external_id: str) -> _Case:
    session, company = store.reading(), g.company.id
    row = record_rows.load_record(session, company, source, kind, external_id)
    failure = failures.of_record(session, company, row.id, g.now) if row else None
    if row is None or failure is None:
        abort(404)
    return _Case(
        failure=failure,
        source=source,
        kind=kind,
        external_id=external_id,
        before=escalation_packets.changes_before(session, company, row.id, failure.failed_at),
        since=escalation_packets.changes_since(session, company, row.id, failure.failed_at, g.now),
        hide=actors.hiding(session, row.id, filters.hidden_fields()),
        earlier=escalation_packets.list_packets(session, row.id),
    )


def _shown(case: _Case, text: str) -> str:
    return case.hide(secret_remover()(text))


def _form(case: _Case, typed: Typed, problems: Mapping[str, str], *, status: int) -> Response:
    words = _words(case.failure)
    failure = case.failure
    return store.respond(
        "escalation/form.html",
        status=status,
        case=case,
        failure=failure,
        typed=typed,
        message=_shown(case, typed.exact_message),
        visible=_shown(case, failure.visible),
        problems=problems,
        labels=escalation_packets.LABELS,
        filled={
            "connector": failure.connector,
            "sync_run": escalation_packets.run_words(failure, words),
            "status": _status(failure, choice.translate),
            "retry_count": escalation_packets.retry_words(failure, words),
            "module": escalation_packets.module(failure),
            "branch_or_warehouse": failure.place or escalation_packets.NOT_RECORDED,
            "user": _user(choice.translate),
            "same_failure": escalation_packets.same_words(failure, words),
        },
        personal=bool(request.form.get("personal")),
        days=escalation_packets.DAYS,
        proposed=escalation_packets.PROPOSED,
        last_day=_day(failure.failed_at),
        first_day=_day(failure.failed_at - timedelta(days=escalation_packets.DAYS)),
        earlier=case.earlier,
    )


def _words(failure: Failure) -> Words:
    return Words(
        moment=lambda at: f"{filters.moment(at)} {_zone()}",
        status=_status(failure),
        company=g.company.name,
        user=_user(),
        money=sums(failure.same_money, g.company.currency),
    )


def _zone() -> str:
    """Return the company's time zone in words for outsiders."""
    zone: str = g.company.zone
    return filters.ZONE_NAMES.get(zone, zone)


def _status(failure: Failure, translate: Callable[[str], str] = str) -> str:
    """Return the record's state with its short word.

    Packets are in English; on the page, `translate` gives the user's language.
    """
    held = failure.record_state is RecordState.HELD  # its document may be posted all the same
    state = str(failure.record_state if held else failure.posting_state or failure.record_state)
    short_word = store.plain_state(state, failure.tries)
    return f"{translate(store.STATES[state].word)} ({translate(short_word)})"


def _user(translate: Callable[[str], str] = str) -> str:
    """Return the user's name and roles, as the reporter."""
    return f"{g.actor.name}, {', '.join(map(translate, role_list(g.actor.roles).split(', ')))}"


def _day(moment: datetime) -> str:
    """Return the day of a moment in the company's time zone, as addresses write it."""
    return moment.astimezone(filters.zone()).date().isoformat()


@escalation_pages.post(RECORD)
@needs("record.read")
def make(source: str, kind: str, external_id: str) -> Response:
    """Keep the packet, or name what is missing."""
    case = _case(source, kind, external_id)
    typed = _typed(case)
    problems = dict(escalation_packets.missing(typed))
    wrong = None if problems else escalation_packets.unknown_number(typed, case.failure)
    if wrong:
        problems["record_number"] = f"{wrong.message} {wrong.hint}"
    if problems:
        return _form(case, typed, problems, status=422)
    personal = _allowed()
    redact = _redact(case, personal=personal)
    changes = (*case.since, *case.before)
    made = escalation_packets.packet(
        case.failure, changes, typed, _words(case.failure), g.now, redact
    )
    with store.writing() as session:
        answer = escalation_packets.make(
            session,
            g.actor,
            case.failure.record_id,
            made,
            personal=personal,
            now=g.now,
            op=request.form.get("op"),
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=request.path)
    return store.redirect_with_message(
        _escalation_url(answer.id), f"The packet for {case.failure.number} is ready."
    )


def _typed(case: _Case) -> Typed:
    form = request.form
    kept = frozenset(form.getlist("changed"))
    every = {change.key for change in (*case.before, *case.since)}
    message = form.get("exact_message", "")
    if message.strip() == _shown(case, case.failure.message).strip():
        message = case.failure.message  # as it is stored; what may not leave is removed later
    return Typed(
        record_number=form.get("record_number", ""),
        exact_message=message,
        expected_result=form.get("expected_result", ""),
        left_out=frozenset(every - kept),
        also_changed=form.get("also_changed", ""),
    )


def _allowed() -> bool:
    """Check whether the packet keeps personal data and tax numbers: the user may see them and
    ticked the box.
    """
    return bool(request.form.get("personal")) and filters.sees_personal()


def _redact(case: _Case, *, personal: bool) -> escalation_packets.Redact:
    hidden = () if personal else actors.ALL_PERSONAL
    hide = actors.hiding(store.reading(), case.failure.record_id, hidden)
    redact = secret_remover(tax_numbers=personal, keep=case.failure.numbers)
    return lambda text: hide(redact(text))


def _escalation_url(escalation_id: int) -> str:
    return url_for("escalations.packet", co=g.company.code, escalation_id=escalation_id)


@escalation_pages.get("/escalations/<int:escalation_id>")
@needs("record.read")  # a packet with personal data requires record.pii
def packet(escalation_id: int) -> Response:
    """Show a packet as it was created, with its files."""
    return _packet(_kept(escalation_id), {})


def _packet(kept: Kept, problems: Mapping[str, str], *, status: int = 200) -> Response:
    with in_english():  # a support desk reads it
        text = escalation_packets.as_text(kept.packet)
    return store.respond(
        "escalation/packet.html",
        status=status,
        kept=kept,
        text=text,
        rows=_rows(kept),
        problems=problems,
        recipients=[
            one for one in recipients.list_recipients(store.reading(), g.company.id) if one.packets
        ],
        messages=recipients.of_packet(store.reading(), g.company.id, kept.id),
    )


def _rows(kept: Kept) -> list[tuple[str, object]]:
    return [(label, kept.packet.get(name, "")) for name, label in escalation_packets.LABELS.items()]


def _kept(escalation_id: int) -> Kept:
    found = escalation_packets.one(store.reading(), g.company.id, escalation_id)
    if found is None:
        abort(404)
    if found.personal and not filters.sees_personal():
        abort(403)
    return found


@escalation_pages.get("/escalations/<int:escalation_id>.<any(html, json, txt):ending>")
@needs("record.read")
def download(escalation_id: int, ending: str) -> Response:
    """Download the packet as a file."""
    kept = _kept(escalation_id)
    texts = {
        "html": lambda: render_template("escalation/file.html", kept=kept, rows=_rows(kept)),
        "json": lambda: json.dumps(_in_order(kept), ensure_ascii=False, indent=1),
        "txt": lambda: escalation_packets.as_text(kept.packet),
    }
    with in_english():
        answer = make_response(texts[ending]())
    answer.headers["Content-Type"] = _TYPES[ending]
    name = f"escalation-{kept.id}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _in_order(kept: Kept) -> dict[str, object]:
    """Return the packet's fields in the order a support desk expects.

    Its hash covers the canonical form instead.
    """
    return {name: kept.packet[name] for name in escalation_packets.LABELS if name in kept.packet}


@escalation_pages.post("/escalations/<int:escalation_id>/sent")
@needs("record.read")
def sent(escalation_id: int) -> Response:
    """Record to whom the packet was sent."""
    kept = _kept(escalation_id)
    to, ticket = request.form.get("to", ""), request.form.get("ticket", "")
    with store.writing() as session:
        answer = escalation_packets.sent(session, g.actor, kept.id, to, ticket, g.now)
    if isinstance(answer, Refusal):
        if answer.status == 422:
            return _packet(kept, {"to": answer.message}, status=422)
        return store.refuse(answer, back=_escalation_url(kept.id))
    return store.redirect_with_message(
        _escalation_url(kept.id), f"{answer.number} is escalated to {answer.sent_to}."
    )


@escalation_pages.post("/escalations/<int:escalation_id>/deliver")
@needs("record.read")
@request_guard.limiter.limit("12 per minute")
def deliver(escalation_id: int) -> Response:
    """Send a packet by mail or webhook to a recipient that gets packets."""
    kept = _kept(escalation_id)
    chosen = forms.parse_whole(request.form.get("recipient")) or 0
    with store.writing() as session:
        answer = planning.packet(session, g.actor, kept.id, chosen, g.now)
    if isinstance(answer, Refusal):
        if answer.code == "notice.recipient":
            return _packet(kept, {"recipient": answer.words}, status=422)
        return store.refuse(answer, back=_escalation_url(kept.id))
    processes.ring(g.company.id, "notify")
    return store.redirect_with_message(
        _escalation_url(kept.id), f"The packet for {kept.number} is queued for {answer.name}."
    )


@notice_pages.get("")
@needs("record.read")
def listing() -> Response:
    """Show the times of the digest, its recipients, and the last messages."""
    return _page({})


def _page(problems: Mapping[str, str], *, status: int = 200) -> Response:
    session, company = store.reading(), g.company.id
    return store.respond(
        "notices/list.html",
        status=status,
        times=planning.own_times(session, company),
        days=planning.DAYS,
        recipients=recipients.list_recipients(session, company),
        messages=recipients.list_deliveries(session, company),
        people=duties.members(session, company),
        teams=duties.teams(session, company),
        kinds=KINDS,
        mails=request_guard.config().settings.mail is not None,
        problems=problems,
        typed=request.form,
    )


@notice_pages.post("/times")
@needs("company.setup")
def times() -> Response:
    """Set the time and weekdays of the digest."""
    at = request.form.get("at", "").strip()
    days = [
        day for text in request.form.getlist("day") if (day := forms.parse_whole(text)) is not None
    ]
    with store.writing() as session:
        answer = planning.set_times(session, g.actor, at, days, g.now)
    if answer is None:
        return store.redirect_with_message(_notices_url(), "The digest times are saved.")
    return _refused(answer, "at")


def _notices_url() -> str:
    return url_for("notices.listing", co=g.company.code)


def _refused(answer: Refusal, field: str) -> Response:
    if answer.status != 422:
        return store.refuse(answer, back=_notices_url())
    return _page({field: answer.words}, status=422)


@notice_pages.post("/recipients")
@needs("company.setup")
def add() -> Response:
    """Add a recipient; the secret of a webhook is shown this once."""
    keys = load_keys(request_guard.config().settings)
    if isinstance(keys, Refusal):
        return store.refuse(keys, back=_notices_url())
    form = request.form
    kind = form.get("kind", "")
    if kind not in list(RecipientKind):
        return _page({"kind": "Choose how they are told."}, status=422)
    gets = frozenset(form.getlist("gets"))
    wish = Wish(
        kind=RecipientKind(kind),
        person_id=forms.parse_whole(form.get("person")),
        team_id=forms.parse_whole(form.get("team")),
        address=form.get("address", ""),
        digest="digest" in gets,
        urgent="urgent" in gets,
        packets="packets" in gets,
    )
    with store.writing() as session:
        answer = recipients.add(session, g.actor, wish, g.now, keys)
    if isinstance(answer, Refusal):
        places = {"notice.person": "person", "notice.nothing": "gets", "notice.team": "team"}
        return _refused(answer, places.get(answer.code, "address"))
    if answer.secret:
        return store.respond("notices/secret.html", made=answer)
    return store.redirect_with_message(_notices_url(), f"{answer.name} is told from now on.")


@notice_pages.post("/recipients/<int:recipient_id>/remove")
@needs("company.setup")
def remove(recipient_id: int) -> Response:
    """Remove a recipient of notices."""
    with store.writing() as session:
        answer = recipients.remove(session, g.actor, recipient_id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_notices_url())
    return store.redirect_with_message(_notices_url(), f"{answer} is told no more.")


@notice_pages.post("/recipients/<int:recipient_id>/test")
@needs("company.setup")
@request_guard.limiter.limit("12 per minute")
def test(recipient_id: int) -> Response:
    """Send a test message to a recipient. Its result is shown in the list."""
    with store.writing() as session:
        answer = planning.test(session, g.actor, recipient_id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_notices_url())
    processes.ring(g.company.id, "notify")
    return store.redirect_with_message(
        _notices_url() + "#messages", f"A test for {answer.name} is queued."
    )
