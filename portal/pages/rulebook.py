"""The rule book: the rules in force in plain words, and the files they are written in.

Here: views. Not here: the sentences (rules/explain) and since when they hold (holding/queries).
"""

from flask import Blueprint, Response, abort, g, make_response

from holding.queries import rulebook as queries
from portal import filters, fragments, store
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
