"""The rule book, the hold catalogue, the rule files, and rules proposed from manual work."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from connectors.registry import insert_titles
from holding.access.actors import ACTS, any_of
from holding.approvals.separation import ACT
from holding.db.refusal import Refusal
from holding.rulesets import change_list, proposals, publication, recorded_backtests, rulebook
from holding.rulesets import drafts as comments
from holding.rulesets.proposals import Proposal
from holding.rulesets.rulebook import later_findings
from portal.languages.choice import translate
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from rules.rulebook import hold_entries
from rules.rulebook.book import Book, Entry, Section, with_backtest
from rules.rulebook.hold_entries import MOST_TESTS, book_markdown
from rules.rulebook.hold_entries import unanswered_topics as lacking

NONE = "none recorded"
LONGEST: Final = 100  # letters of what is looked for in the book
RULES_A_PAGE: Final = 70
hold_entries.require_all()
pages = Blueprint("rulebook", __name__, url_prefix="/c/<co>/rules")


@pages.get("/book")
@needs("record.read")
def show() -> Response:
    """Every rule with its line, owner, day and tests."""
    session, version = store.reading(), _version()
    if version is None:
        return store.respond("rulesets/rulebook.html", version=None)
    book, last = _book(version)
    asked = request.args.get("q", "").strip()[:LONGEST]
    return store.respond(
        "rulesets/rulebook.html",
        _paged(_found(book, asked) if asked else book.sections, asked),
        version=version,
        book=book,
        asked=asked,
        MOST_TESTS=MOST_TESTS,
        history=rulebook.rule_history(session, g.company.id, version.no),
        later=later_findings(session, version),
        lacking=lacking(book),
        last=last,
        decided=_decided(version),
        returned=comments.returned_to(session, g.actor),
        waiting=_waiting(),
    )


def _paged(sections: Sequence[Section], asked: str) -> dict[str, object]:
    """Some rules of these topics, with the page on which each topic begins; a topic without rules
    is where its rules would be.
    """
    each = [(at, entry) for at, section in enumerate(sections) for entry in section.entries]
    part = forms.page_rows(each, RULES_A_PAGE, forms.parse_whole(request.args.get("row")))
    starts, before = {}, 0
    for section in sections:
        starts[section.topic] = min(before, max(0, len(each) - 1)) // RULES_A_PAGE * RULES_A_PAGE
        before += len(section.entries)
    mine = {at: [one for place, one in part.rows if place == at] for at, _ in enumerate(sections)}
    shown = [
        (section, mine[at])
        for at, section in enumerate(sections)
        if mine[at] or (not section.entries and starts[section.topic] == part.start)
    ]

    def place(row: int) -> str:
        return url_for("rulebook.show", co=g.company.code, q=asked or None, row=row or None)

    return {"sections": sections, "shown": shown, "part": part, "starts": starts, "place": place}


def _waiting() -> change_list.ListedChange | None:
    """The newest change that whoever asks can publish; the navigation says how many there are."""
    if not filters.count_changes():
        return None
    return change_list.newest_waiting(store.reading(), g.company.id, g.actor.person_id)


@pages.get("/book.md")
@needs("record.read")
def download() -> Response:
    """The same as one file."""
    version = _version()
    if version is None:
        abort(404)
    title = f"Rule book of {g.company.name}"
    book, last = _book(version)
    text = book_markdown(book, title, _about(version, last))
    answer = make_response(insert_titles(text))
    answer.headers["Content-Type"] = "text/markdown; charset=utf-8"
    name = f"rule-book-{g.company.code}-{version.no}.md"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.get("/holds")
@needs("record.read")
def catalogue() -> Response:
    """The hold catalogue: who places and releases each hold, what clears it, what it blocks."""
    version = _version()
    reasons = rulebook.hold_reasons(store.reading(), version.version_id) if version else ()
    return store.respond(
        "rulesets/catalogue.html",
        version=version,
        reasons=reasons,
        codes=len({one.code for one in reasons}),
        roles=any_of(ACTS[ACT]),
    )


@pages.get("/files/<path:path>")
@needs("record.read")
def file(path: str) -> Response:
    """One rule file, in force or of the ruleset that is asked for; with an anchor for each line."""
    now, asked = _version(), request.args.get("ruleset")
    no = forms.parse_whole(asked) if asked is not None else now.no if now else None
    session = store.reading()
    version = rulebook.load_published(session, g.company.id, no) if no is not None else None
    text = rulebook.rule_file(session, version.version_id, path) if version else None
    if version is None or text is None:
        abort(404)
    in_force = now is not None and now.no == version.no
    return store.respond(
        "rulesets/file.html", version=version, in_force=in_force, path=path, lines=_lines(text)
    )


def _version() -> rulebook.VersionInForce | None:
    return rulebook.version_in_force(store.reading(), g.company.id)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def _book(version: rulebook.VersionInForce) -> tuple[Book, recorded_backtests.LastBacktest | None]:
    """The book, with what the last backtest said of each rule, and that backtest."""
    session = store.reading()
    last = recorded_backtests.last_backtest(session, g.company.id, version.hash)
    book = rulebook.read_book(session, version.version_id)
    return with_backtest(book, last.rules) if last else book, last


def _found(book: Book, asked: str) -> tuple[Section, ...]:
    """The rules in which each word that was asked for stands, in English or as the page says it."""
    words = asked.casefold().split()
    kept = (
        replace(
            section,
            entries=tuple(one for one in section.entries if _has(section.title, one, words)),
        )
        for section in book.sections
    )
    return tuple(section for section in kept if section.entries)


def _has(title: str, entry: Entry, words: Iterable[str]) -> bool:
    at = f"{entry.span.file}:{entry.span.line}" if entry.span else ""
    said = (
        title,
        translate(title),
        entry.text,
        translate(entry.text),
        entry.name,
        at,
        *entry.owners,
    )
    text = " ".join(said).casefold()
    return all(word in text for word in words)


def _decided(version: rulebook.VersionInForce) -> recorded_backtests.Decided | None:
    """The backtest that these rules were published by."""
    return recorded_backtests.backtest_of_version(store.reading(), g.company.id, version.version_id)


def _about(
    version: rulebook.VersionInForce, last: recorded_backtests.LastBacktest | None
) -> tuple[str, ...]:
    published = f"published {filters.moment(version.published_at)}"
    by = f" by {version.publisher}" if version.publisher else ""
    wrote = f", written by {version.author}" if version.author else ""
    said = (
        f"{filters.moment(last.at)} by {last.by or 'not recorded'}, {last.said}" if last else NONE
    )
    backtest = f"Last backtest: {said}."
    decided = _decided(version)
    how = (
        f"Decided by the backtest {decided.said} (hash {decided.sha256[:12]}). " if decided else ""
    )
    return (
        f"Rule version {version.no} ({version.hash[:12]}), {published}{by}{wrote}. {how}{backtest}",
    )


__all__ = ["pages"]


@pages.get("/proposals")
@needs("record.read")
def proposed() -> Response:
    """The commonest handwork first, each with its draft."""
    found = all_proposals()
    files = _in_force()
    drafts = {one.key: _difference(files, one.files) for one in found if one.files}
    return store.respond(
        "rulesets/proposals.html",
        found=found,
        drafts=drafts,
        days=proposals.DAYS,
        values=filters.sees_personal() or request_guard.may("rules.draft") is None,
    )


@pages.get("/proposals/draft")
@needs("rules.draft")
def proposed_draft() -> Response:
    """A draft as a patch of the rule files."""
    found = _one()
    text = _difference(_in_force(), found.files or {})
    answer = make_response(text)
    answer.headers["Content-Type"] = "text/x-diff; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="draft.patch"'
    return answer


@pages.post("/proposals")
@needs("rules.draft")
def push_draft() -> Response:
    """Make the draft a change, which somebody else publishes."""
    base, found = g.company.ruleset_version_id, _one()
    files, back = dict(found.files or {}), url_for("rulebook.proposed", co=g.company.code)
    checked = store.rule_checks().report(files)
    if isinstance(checked, Refusal):
        return store.set_retry_after(store.refuse(checked, back=back), checked)
    with store.writing() as session:
        answer = publication.push_change(
            session, g.company.id, g.actor, files, found.say[:120], g.now, checked, base
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    say = f"The draft is change {answer}. Another person checks and publishes it."
    return store.redirect_with_message(back, say)


def all_proposals() -> tuple[Proposal, ...]:
    """What is often done by hand, and could be a rule."""
    look = store.rule_checks().report
    return proposals.proposals(store.reading(), g.company.id, g.now, look)


def _one() -> Proposal:
    wanted = request.values.get("key", "")
    found = all_proposals()
    one = next((each for each in found if each.key == wanted and each.files), None)
    if one is None:
        abort(404)
    return one


def _in_force() -> Mapping[str, str]:
    version = rulebook.version_in_force(store.reading(), g.company.id)
    return publication.files_of(store.reading(), version.version_id) if version else {}


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    return "".join(
        line
        for path in sorted(after)
        if before.get(path) != after[path]
        for line in difflib.unified_diff(
            before.get(path, "").splitlines(keepends=True),
            after[path].splitlines(keepends=True),
            f"a/{path}",
            f"b/{path}",
            n=1,
        )
    )
