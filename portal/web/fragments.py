"""The one-word convention: DOM id = Jinja block = HX-Target.

Here: `respond` answers the block that htmx asked for, or the whole page; refusals as a notice or a
page; the messages beside them; a table as a file. The only module that knows htmx_flask and
jinja2_fragments. Not here: what is on a page.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlencode

import flask
from flask import Flask, Response, current_app, flash, make_response, redirect, render_template
from htmx_flask import Htmx
from htmx_flask.requests import HtmxAwareRequest
from jinja2_fragments.flask import render_block
from markupsafe import escape

from connectors.registry import titled
from holding.db.refusal import Refusal
from portal.languages.choice import told
from portal.web import forms

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


def init(app: Flask) -> None:
    """Teach the application to read the htmx headers."""
    Htmx(app)
    app.after_request(_vary)


def wants_fragment() -> bool:
    """Whether htmx asks for a part of a page (a history restore gets the whole)."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def wants(word: str) -> bool:
    """Whether htmx asks for this part."""
    found = WORD.fullmatch(request.htmx.target or "") if wants_fragment() else None
    return found is not None and found[1] == word


def ending() -> str:
    """What the ids of this part end in, where it stands once in each row of a page: `_` and the
    row; blank for the only one.
    """
    found = WORD.fullmatch(request.htmx.target or "") if wants_fragment() else None
    return found[0].removeprefix(found[1]) if found else ""


def allowed_blocks(template: str) -> frozenset[str]:
    """The blocks that a request may name: those the page itself defines."""
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
    """The block named by HX-Target, or the page, told what stands in `shown` and in `context`.

    `say` is said aloud, `also` names blocks to renew beside it (and the navigation, as `NAV`),
    `block` another one to answer with.
    """
    known = {**(shown or {}), **context}
    if not wants_fragment() or wants(WHOLE):
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


def done(url: str, say: str) -> Response:
    """After a change without JavaScript: look at `url`, where the sentence is shown once."""
    flash(say)
    return make_response(redirect(url, 303))


def moved(url: str, say: str) -> Response:
    """After a change that ends on another page, with or without htmx."""
    flash(say)
    if not wants_fragment():
        return make_response(redirect(url, 303))
    answer = make_response("", 204)
    answer.headers["HX-Redirect"] = url
    return answer


def refuse(refusal: Refusal, *, back: str = "") -> Response:
    """An expected no: into `#notice` for htmx, a page of its own otherwise."""
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


def signed_out(url: str) -> Response:
    """Where to go without a session: htmx must not follow a redirect into a fragment."""
    if request.htmx:
        answer = make_response("", 204)
        answer.headers["HX-Redirect"] = url
        return answer
    return make_response(redirect(url, 303))


def _partial(template: str, word: str, context: Context) -> str:
    inner = render_block(template, word, said="", **context)
    return f'<hx-partial hx-target="#{escape(word)}" hx-swap="morph">{inner}</hx-partial>'


def _beside(word: str, template: str, **context: object) -> str:
    inner = render_template(template, **context)
    return f'<hx-partial hx-target="#{word}" hx-swap="innerHTML">{inner}</hx-partial>'


def _trigger(answer: Response, say: str) -> None:
    whole = titled(told(say))
    aloud = whole if len(whole) <= MOST_ALOUD else f"{whole[:MOST_ALOUD]}…"
    answer.headers["HX-Trigger"] = json.dumps({"say": aloud, "done": True})


def _vary(answer: Response) -> Response:
    answer.vary.update(["HX-Request", "HX-Target"])
    return answer


def at_row(row: int) -> str:
    """This page from another of its rows on, all else as it was asked for."""
    asked_for = request.args.items(multi=True)
    kept = [(word, text) for word, text in asked_for if word not in ("row", "line")]
    return f"{request.path}?{urlencode([*kept, ('row', row)])}"


def asked(word: str) -> int | None:
    """The whole number that the address gives for a word, if it gives one."""
    return forms.whole(request.args.get(word))
