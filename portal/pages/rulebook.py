"""The rule book: the rules in force in plain words, the files they are written in, and a draft.

Here: views. Not here: the sentences (rules/explain), since when they hold (holding/queries), what
is wrong with a draft (holding/rule_check).
"""

from flask import Blueprint, Response, abort, g, make_response, request

from holding import rule_check, rulesets
from holding.queries import rulebook as queries
from holding.refusal import Refusal
from holding.rule_report import Report
from holding.words import plural
from portal import checking, filters, fragments, store
from rules.explain import lacking, markdown

pages = Blueprint("rulebook", __name__, url_prefix="/c/<co>/rules")


@pages.get("/book")
def show() -> Response:
    """Every rule with its line, owner, day and tests."""
    session, edition = store.reading(), _edition()
    if edition is None:
        return fragments.respond("rulebook/show.html", edition=None)
    book = queries.read(session, edition.version_id)
    history = queries.history(session, g.company.id, edition.no)
    return fragments.respond(
        "rulebook/show.html", edition=edition, book=book, history=history, lacking=lacking(book)
    )


@pages.get("/book.md")
def download() -> Response:
    """The same as one file."""
    edition = _edition()
    if edition is None:
        abort(404)
    title = f"Rule book of {g.company.name}"
    text = markdown(queries.read(store.reading(), edition.version_id), title, _about(edition))
    answer = make_response(text)
    answer.headers["Content-Type"] = "text/markdown; charset=utf-8"
    name = f"rule-book-{g.company.code}-{edition.no}.md"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.get("/files/<path:path>")
def file(path: str) -> Response:
    """One rule file in force, with an anchor for each line."""
    edition = _edition()
    text = queries.file(store.reading(), edition.version_id, path) if edition else None
    if text is None:
        abort(404)
    return fragments.respond("rulebook/file.html", edition=edition, path=path, lines=_lines(text))


@pages.get("/draft/<path:path>")
def draft(path: str) -> Response:
    """A rule file in force, to be changed and looked at; nothing of it is kept."""
    checking.checks().warm()
    return _drafted(path, _files(path)[path])


@pages.post("/draft/<path:path>")
def inspect(path: str) -> Response:
    """What a publisher would be told if this file said what the form says."""
    text = request.form.get("text", "").replace("\r\n", "\n")
    files = _files(path) | {path: text}
    store.renew()  # no snapshot is kept while a process is at work
    found = checking.checks().report(files)
    if not isinstance(found, Refusal):
        return _drafted(path, text, found)
    answer = _drafted(path, text, stopped=found)
    answer.headers["HX-Retarget"] = "#findings"
    return checking.come_again(answer, found)


def _drafted(
    path: str, text: str, found: Report | None = None, stopped: Refusal | None = None
) -> Response:
    """The form with its text, and what was found, or why nothing was."""
    return fragments.respond(
        "rulebook/draft.html",
        status=stopped.status if stopped else 200,
        verdict=_verdict(found) if found else "",
        edition=_edition(),
        path=path,
        text=text,
        found=found,
        stopped=stopped,
    )


def _verdict(found: Report) -> str:
    """One sentence: may it come into force."""
    if found.errors or found.ran is None:
        return f"{plural(found.errors, 'error')}, {plural(found.warnings, 'warning')}."
    if found.failed:
        return f"{found.failed} of {plural(found.ran, 'test')} failed."
    return f"This could come into force: {plural(found.ran, 'test')} passed."


def _files(path: str) -> dict[str, str]:
    """All files in force, if this is a rule file among them."""
    edition = _edition()
    files = rulesets.files_of(store.reading(), edition.version_id) if edition else {}
    if path not in rule_check.rule_sources(files):
        abort(404)
    return files


def _edition() -> queries.Edition | None:
    return queries.edition(store.reading(), g.company.id)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def _about(edition: queries.Edition) -> tuple[str, ...]:
    published = f"published {filters.moment(edition.published_at)}"
    by = f" by {edition.publisher}" if edition.publisher else ""
    wrote = f", written by {edition.author}" if edition.author else ""
    last = edition.backtest_at
    backtest = f"Last backtest: {filters.moment(last) if last else 'none recorded'}."
    return (f"Ruleset {edition.no} ({edition.hash[:12]}), {published}{by}{wrote}. {backtest}",)
