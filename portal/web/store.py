"""The request's database sessions, labels for states, and responses for htmx and plain HTML."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from urllib.parse import urlencode

import flask
from flask import (
    Flask,
    Response,
    current_app,
    flash,
    g,
    has_request_context,
    make_response,
    redirect,
    render_template,
)
from htmx_flask import Htmx
from htmx_flask.requests import HtmxAwareRequest
from jinja2_fragments.flask import render_block
from markupsafe import escape

from connectors.contract.errors import RETRY, RetryWay
from connectors.registry import insert_titles
from connectors.transport.http import Clock
from holding.access import reach
from holding.access.actors import Actor
from holding.access.reach import limit_session
from holding.db.database import (
    Database,
    DatabaseSession,
    limit_to_company,
    limit_transactions,
    remember,
)
from holding.db.models.columns import PushState
from holding.db.refusal import Refusal, plural
from holding.platform.settings import Settings
from holding.platform.states import (
    ATTEMPT_LABELS,
    CALL_KIND_LABELS,
    CALL_LABELS,
    HOLD_LABELS,
    PUSH_LABELS,
    RUN_KIND_LABELS,
    RUN_LABELS,
    STATE_LABELS,
)
from holding.posting.push_history import PushRow
from holding.rulesets.admission import Coverage, Report
from holding.rulesets.check_processes import RETRY_SECONDS, RuleChecks
from portal.languages.choice import translate
from portal.web import forms
from rules.outcomes import HIT, NOT_APPLICABLE, PASS, UNKNOWN
from rules.values.canonical import PostingState

Proofs = Mapping[str, Coverage | Refusal | None]
"""How much of rules their tests prove, or why that was not measured, by the names of templates."""

NO_PROOFS: Final[Proofs] = {"coverage": None, "unmeasured": None}

_TONES: Final = {
    "received": ("idle", "pending"),
    "waiting": ("idle", "pending"),
    "ready": ("info", "pending"),
    "held": ("warn", "needs attention"),
    "sending": ("info", "pending"),
    "awaiting": ("info", "pending"),
    "uncertain": ("doubt", "needs attention"),
    "posted": ("ok", "succeeded"),
    "reversed": ("idle", "succeeded"),
    "failed": ("bad", "failed"),
    "ignored": ("idle", "skipped"),
    "dropped": ("idle", "skipped"),
    "reference": ("idle", "skipped"),
}


@dataclass(frozen=True, slots=True)
class StateView:
    """A state as people see it; the icon has the state's own name."""

    word: str
    tone: str
    plain: str  # the short word other programs of the same users show


STATES: Final = {state: StateView(STATE_LABELS[state], *told) for state, told in _TONES.items()}

GOES: Final = ("ready", "sending")  # a target that has taken it in only has to be asked

RESULT_TONES: Final = {
    PASS: ("ok", "pass"),
    HIT: ("warn", "held"),
    UNKNOWN: ("doubt", "uncertain"),
    NOT_APPLICABLE: ("idle", "na"),
}
"""The result of a rule -> its tone and its icon."""

LABELS: Final = {
    "push_labels": PUSH_LABELS,
    "attempt_labels": ATTEMPT_LABELS,
    "call_labels": CALL_LABELS,
    "call_kinds": CALL_KIND_LABELS,
    "hold_labels": HOLD_LABELS,
    "run_labels": RUN_LABELS,
    "run_kinds": RUN_KIND_LABELS,
}
"""The tables of labels by the names under which templates find them."""

PUSH_TONES: Final = {
    "intent": ("info", "sending"),
    "sending": ("info", "sending"),
    "awaiting": ("info", "awaiting"),
    "uncertain": ("doubt", "uncertain"),
    "accepted": ("ok", "posted"),
    "refused": ("bad", "failed"),
    "conflict": ("warn", "held"),
    "dropped": ("idle", "dropped"),
}

WORDS: Final = {
    RetryWay.LOOK_UP_FIRST: ("Not yet", "doubt"),
    RetryWay.AFTER_CHANGE: ("No", "warn"),
    RetryWay.NEVER: ("No", "warn"),
}


@dataclass(frozen=True, slots=True)
class Retry:
    """The verdict: yes, no or not yet, and why."""

    word: str
    why: str
    tone: str
    at: datetime | None = None  # when it is retried automatically, and how often that may still be
    left: int = 0


BY_STATE: Final = {
    "accepted": Retry("No", "It is posted; there is nothing to retry.", "ok"),
    "intent": Retry("Not yet", "It is on its way.", "info"),
    "sending": Retry("Not yet", "It is on its way.", "info"),
    "awaiting": Retry("Not yet", "The accounting system has not confirmed it yet.", "info"),
    "conflict": Retry(
        "No",
        "The accounting system has this number with other values, or may have it where only people"
        " can look. A person decides.",
        "warn",
    ),
    "dropped": Retry("No", "It was cancelled before it was sent.", "idle"),
}

WORD = re.compile(r"([a-z]+)(?:_[0-9]+)?")

request = cast(HtmxAwareRequest, flask.request)

Context = Mapping[str, object]
"""What a template is told, by name."""

MOST_ALOUD = 500
"""Characters of a sentence in a header, which servers between bound; the page has it whole."""

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

WHOLE = "page"
"""What a page is renewed by: it takes what it needs out of the whole page."""

NAV = "nav"
"""The navigation with its counts, which belongs to no page."""

STRUCTURE = frozenset({"title", "content", "body"})  # blocks of the frame, never asked for alone


def init_store(app: Flask, database: Database, clock: Clock) -> None:
    """Bind the application to its database and clock."""
    app.extensions["clearpost"] = (database, clock)
    app.after_request(_tell_cost)
    database.watch(_asked, _answered)
    app.teardown_request(_close)
    app.teardown_request(_leave_company)


def _leave_company(_error: BaseException | None) -> None:
    # The thread serves requests of other companies next.
    limit_transactions(None)


def _tell_cost(response: Response) -> Response:
    if "started" in g and g.get("person") is not None:  # portal/web/observation.py
        spent = (time.perf_counter() - g.started) * 1000
        database_ms = g.get("in_database", 0.0) * 1000
        statements = g.get("statements", 0)
        response.headers["Server-Timing"] = (
            f'total;dur={spent:.1f}, db;dur={database_ms:.1f}, statements;desc="{statements}"'
        )
    return response


def _asked(*_: object) -> None:
    if has_request_context():
        g.statements = g.get("statements", 0) + 1
        g.asked_at = time.perf_counter()


def _answered(*_: object) -> None:
    """Add the time of a finished database statement to the request's total."""
    if has_request_context() and "asked_at" in g:
        g.in_database = g.get("in_database", 0.0) + time.perf_counter() - g.pop("asked_at")


def _close(_error: BaseException | None) -> None:
    door = g.pop("reading_door", None)
    g.pop("reading", None)
    if door is not None:
        door.__exit__(None, None, None)


def database() -> Database:
    """Return this application's database."""
    found: Database = current_app.extensions["clearpost"][0]
    return found


def clock() -> Clock:
    """Return this application's clock."""
    found: Clock = current_app.extensions["clearpost"][1]
    return found


def reading() -> DatabaseSession:
    """Return the request's read session: one snapshot of the database until the request writes."""
    if "reading" not in g:
        g.reading_door = database().read(page=True)
        g.reading = g.reading_door.__enter__()
        if "streams" not in g:
            remember(g.reading)
        if "actor" in g:
            limit_session(g.reading, g.actor.reach)
    found: DatabaseSession = g.reading
    return found


@contextmanager
def writing() -> Iterator[DatabaseSession]:
    """Open a write transaction. Later reads of this request see its changes."""
    _close(None)
    with database().write() as session:
        yield session


def drop_snapshot() -> None:
    """Forget the snapshot: a service wrote with a session of its own."""
    _close(None)


def read_uncached() -> None:
    """Switch the request to reading rows without caching them, for results too large for memory."""
    g.streams = True
    drop_snapshot()


def set_actor(company: reach.CompanyRow, actor: Actor) -> None:
    """Set the company and user of this request.

    All its reads are limited to what the user may see.
    """
    g.company, g.zone, g.actor = company, company.zone, actor
    limit_transactions(company.id)
    limit_to_company(reading(), company.id)
    limit_session(reading(), actor.reach)


def company_of(code: str) -> reach.CompanyRow | None:
    """Return the company with this code, as the URL names it, or None."""
    return reach.load_company(reading(), code)


def init_rule_checks(app: Flask, settings: Settings) -> None:
    """Create the application's rule checks. Their processes start with the first check."""
    app.extensions["rule_checks"] = RuleChecks(settings.check_seconds)


def rule_checks() -> RuleChecks:
    """Return this application's rule checks."""
    found: RuleChecks = current_app.extensions["rule_checks"]
    return found


def measure_proofs(files: Mapping[str, str], found: Report) -> Proofs:
    """Return the proofs for rules with this test report.

    Coverage is not measured if a test failed.
    """
    if found.failed or found.ran is None:
        return NO_PROOFS
    told = rule_checks().coverage(files)
    name = "unmeasured" if isinstance(told, Refusal) else "coverage"
    return {**NO_PROOFS, name: told}


def set_retry_after(answer: Response, refusal: Refusal) -> Response:
    """Set the Retry-After header if the refusal's status is 503."""
    if refusal.status == 503:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def plain_state(state: str, tries: int = 0) -> str:
    """Return a state as one of six words: pending, retrying, succeeded, failed, skipped, needs
    attention.
    """
    word = STATES[state].plain
    return "retrying" if tries > 0 and state in GOES else word


def retry_verdict(push: PushRow) -> Retry:
    """Return whether a push is retried, with the sentence that explains why."""
    if push.state in BY_STATE:
        return BY_STATE[push.state]
    if push.state == PushState.REFUSED and not push.last:
        return Retry("No", "It was sent again later.", "idle")
    found = (
        "uncertain" if push.state == PushState.UNCERTAIN else push.error_class or "business_rule"
    )
    rule = next((rule for name, rule in RETRY.items() if name == found), RETRY["business_rule"])
    if push.waits and push.stands_still:
        words = f"{rule.cause} Its posting rule is stopped or its connection is paused."
        return Retry("Not yet", f"{words} It is sent again when posting resumes.", "info")
    if push.waits:
        return Retry("Yes", rule.cause, "ok", push.due_at, push.left)
    if rule.retry == RetryWay.AUTOMATIC:
        return Retry("Yes", f"{rule.cause} {_used_up(push)}", "info")
    word, tone = WORDS[rule.retry]
    return Retry(word, f"{rule.cause} {rule.action} What ends the wait: {rule.ends_by}.", tone)


def _used_up(push: PushRow) -> str:
    """Return the sentence for a push that is not retried automatically, with what a user can do."""
    if push.posting_state not in {PostingState.FAILED, PostingState.POSTED}:
        return "It is not retried automatically."
    tried = f"It was tried {plural(push.tries, 'time')} and" if push.tries else "It"
    return (
        f"{tried} is not retried automatically."
        " A person may have it tried again from its hold: it is then sent once more."
    )


def init_htmx(app: Flask) -> None:
    """Enable reading of the htmx headers in requests."""
    Htmx(app)
    app.after_request(_vary)


def _vary(answer: Response) -> Response:
    answer.vary.update(["HX-Request", "HX-Target"])
    return answer


def wants_fragment() -> bool:
    """Check whether htmx requests a part of a page. A history restore gets the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def wants_block(word: str) -> bool:
    """Check whether htmx requests the block with this name."""
    found = WORD.fullmatch(request.htmx.target or "") if wants_fragment() else None
    return found is not None and found[1] == word


def target_suffix() -> str:
    """Return the suffix of the requested block's id:

    `_` and the row, for a block repeated in each row. Blank for a single block.
    """
    found = WORD.fullmatch(request.htmx.target or "") if wants_fragment() else None
    return found[0].removeprefix(found[1]) if found else ""


def allowed_blocks(template: str) -> frozenset[str]:
    """Return the blocks that a request may name: the blocks that the page defines."""
    return frozenset(current_app.jinja_env.get_template(template).blocks) - STRUCTURE


def respond(
    template: str,
    shown: Context | None = None,
    /,
    *,
    status: int = 200,
    say: str = "",
    also: Sequence[str] = (),
    block: str = "",
    **context: object,
) -> Response:
    """Return the block named by the HX-Target header, or the whole page, rendered with `shown` and
    `context`.

    The notice, if any, is read aloud by screen readers. `also` names blocks to update too, and the
    navigation as `NAV`. `block` names another block to return instead.
    """
    known = {**(shown or {}), **context}
    if not wants_fragment() or wants_block(WHOLE):
        return make_response(render_template(template, said=say, **known), status)
    found = WORD.fullmatch(block or request.htmx.target or "")
    if found is None or found[1] not in allowed_blocks(template):
        return make_response("This page has no such part.", 400)
    parts = [render_block(template, found[1], said=say, **known)]
    parts += [_partial(template, word, known) for word in also if word not in (found[1], NAV)]
    if NAV in also:
        parts.append(_beside(NAV, "_macros/nav.html"))
    if say:
        parts.append(_beside("notice", "_macros/said.html", said=say))
        parts.append(_beside("undobar", "_macros/undo.html"))
    answer = make_response("".join(parts), status)
    if say:
        _trigger(answer, say)
    if block:
        answer.headers["HX-Retarget"] = f"#{block}"
        answer.headers["HX-Reswap"] = "innerHTML" if block == "dialog" else "outerHTML"
    return answer


def _partial(template: str, word: str, context: Context) -> str:
    inner = render_block(template, word, said="", **context)
    return f'<hx-partial hx-target="#{escape(word)}" hx-swap="morph">{inner}</hx-partial>'


def _beside(word: str, template: str, **context: object) -> str:
    inner = render_template(template, **context)
    return f'<hx-partial hx-target="#{word}" hx-swap="innerHTML">{inner}</hx-partial>'


def _trigger(answer: Response, say: str) -> None:
    whole = insert_titles(translate(say))
    aloud = whole if len(whole) <= MOST_ALOUD else f"{whole[:MOST_ALOUD]}…"
    answer.headers["HX-Trigger"] = json.dumps({"say": aloud, "done": True})


def flash_redirect(url: str, say: str) -> Response:
    """Redirect to `url` after a change without JavaScript. The message is shown there once."""
    flash(say)
    return make_response(redirect(url, 303))


def redirect_with_message(url: str, say: str) -> Response:
    """Redirect to another page after a change, with or without htmx.

    The message is shown there once.
    """
    flash(say)
    if not wants_fragment():
        return make_response(redirect(url, 303))
    answer = make_response("", 204)
    answer.headers["HX-Redirect"] = url
    return answer


def refuse(refusal: Refusal, *, back: str = "") -> Response:
    """Return the answer for an expected refusal: into `#notice` for htmx, else as a page."""
    if wants_fragment():
        answer = make_response(
            render_template("_macros/refused.html", refusal=refusal), refusal.status
        )
        answer.headers["HX-Retarget"] = "#notice"
        answer.headers["HX-Reswap"] = "innerHTML"
        _trigger(answer, refusal.message)
        return answer
    page = render_template("refused.html", refusal=refusal, back=back)
    return make_response(page, refusal.status)


def redirect_to_signin(url: str) -> Response:
    """Redirect to the sign-in page.

    With htmx, a header causes the redirect, so that no fragment shows the page.
    """
    if request.htmx:
        answer = make_response("", 204)
        answer.headers["HX-Redirect"] = url
        return answer
    return make_response(redirect(url, 303))


def url_at_row(row: int) -> str:
    """Return this page's address with the list starting at another row, all other parameters
    unchanged.
    """
    asked_for = request.args.items(multi=True)
    kept = [(word, text) for word, text in asked_for if word not in ("row", "line")]
    return f"{request.path}?{urlencode([*kept, ('row', row)])}"


def whole_arg(word: str) -> int | None:
    """Return the whole number of an address parameter, or None."""
    return forms.parse_whole(request.args.get(word))
