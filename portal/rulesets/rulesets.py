"""Serve the rule book, the hold catalogue, the rule files, and rules proposed from manual work."""

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

NO_BACKTEST = "none recorded"
MAX_SEARCH: Final = 100  # characters of a search text
RULES_A_PAGE: Final = 70
hold_entries.require_all()
pages = Blueprint("rulebook", __name__, url_prefix="/c/<co>/rules")


@pages.get("/book")
@needs("record.read")
def show() -> Response:
    """Show every rule with its line, owner, day and tests."""
    session, version = store.reading(), _version_in_force()
    if version is None:
        return store.respond("rulesets/rulebook.html", version=None)
    book, last_backtest = _load_book(version)
    search_text = request.args.get("q", "").strip()[:MAX_SEARCH]
    return store.respond(
        "rulesets/rulebook.html",
        _page_values(
            _search_book(book, search_text) if search_text else book.sections, search_text
        ),
        version=version,
        book=book,
        asked=search_text,
        MOST_TESTS=MOST_TESTS,
        history=rulebook.rule_history(session, g.company.id, version.no),
        later=later_findings(session, version),
        lacking=lacking(book),
        last=last_backtest,
        decided=_deciding_backtest(version),
        returned=comments.returned_to(session, g.actor),
        waiting=_waiting(),
    )


def _page_values(sections: Sequence[Section], search_text: str) -> dict[str, object]:
    """Return one page of the rules, with the page on which each topic begins.

    A topic without rules appears where its rules would be.
    """
    numbered_entries = [
        (number, entry) for number, section in enumerate(sections) for entry in section.entries
    ]
    part = forms.page_rows(
        numbered_entries, RULES_A_PAGE, forms.parse_whole(request.args.get("row"))
    )
    starts, earlier_rules = {}, 0
    for section in sections:
        starts[section.topic] = (
            min(earlier_rules, max(0, len(numbered_entries) - 1)) // RULES_A_PAGE * RULES_A_PAGE
        )
        earlier_rules += len(section.entries)
    entries_by_section = {
        number: [entry for place, entry in part.rows if place == number]
        for number, _ in enumerate(sections)
    }
    visible_sections = [
        (section, entries_by_section[number])
        for number, section in enumerate(sections)
        if entries_by_section[number]
        or (not section.entries and starts[section.topic] == part.start)
    ]

    def place(row: int) -> str:
        return url_for("rulebook.show", co=g.company.code, q=search_text or None, row=row or None)

    return {
        "sections": sections,
        "shown": visible_sections,
        "part": part,
        "starts": starts,
        "place": place,
    }


def _waiting() -> change_list.ListedChange | None:
    """Return the newest change that the user can publish, or None."""
    if not filters.count_changes():
        return None
    return change_list.newest_waiting(store.reading(), g.company.id, g.actor.person_id)


@pages.get("/book.md")
@needs("record.read")
def download() -> Response:
    """Return the rule book as one Markdown file."""
    version = _version_in_force()
    if version is None:
        abort(404)
    title = f"Rule book of {g.company.name}"
    book, last = _load_book(version)
    text = book_markdown(book, title, _book_subtitles(version, last))
    answer = make_response(insert_titles(text))
    answer.headers["Content-Type"] = "text/markdown; charset=utf-8"
    name = f"rule-book-{g.company.code}-{version.no}.md"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.get("/holds")
@needs("record.read")
def catalogue() -> Response:
    """Show the hold catalogue: who places, releases and clears each hold, and what it blocks."""
    version = _version_in_force()
    reasons = rulebook.hold_reasons(store.reading(), version.version_id) if version else ()
    return store.respond(
        "rulesets/catalogue.html",
        version=version,
        reasons=reasons,
        codes=len({reason.code for reason in reasons}),
        roles=any_of(ACTS[ACT]),
    )


@pages.get("/files/<path:path>")
@needs("record.read")
def file(path: str) -> Response:
    """Show one rule file, of the version in force or of the requested version."""
    current, ruleset_text = _version_in_force(), request.args.get("ruleset")
    version_no = (
        forms.parse_whole(ruleset_text)
        if ruleset_text is not None
        else current.no
        if current
        else None
    )
    session = store.reading()
    version = (
        rulebook.load_published(session, g.company.id, version_no)
        if version_no is not None
        else None
    )
    text = rulebook.rule_file(session, version.version_id, path) if version else None
    if version is None or text is None:
        abort(404)
    in_force = current is not None and current.no == version.no
    return store.respond(
        "rulesets/file.html", version=version, in_force=in_force, path=path, lines=_file_lines(text)
    )


def _version_in_force() -> rulebook.VersionInForce | None:
    return rulebook.version_in_force(store.reading(), g.company.id)


def _file_lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def _load_book(
    version: rulebook.VersionInForce,
) -> tuple[Book, recorded_backtests.LastBacktest | None]:
    """Return the rule book with the last backtest's counts for each rule, and that backtest."""
    session = store.reading()
    last_backtest = recorded_backtests.last_backtest(session, g.company.id, version.hash)
    book = rulebook.read_book(session, version.version_id)
    return with_backtest(book, last_backtest.rules) if last_backtest else book, last_backtest


def _search_book(book: Book, search_text: str) -> tuple[Section, ...]:
    """Return the rules that contain every search word, in English or in the page's language."""
    words = search_text.casefold().split()
    matching_sections = (
        replace(
            section,
            entries=tuple(
                entry for entry in section.entries if _matches(section.title, entry, words)
            ),
        )
        for section in book.sections
    )
    return tuple(section for section in matching_sections if section.entries)


def _matches(title: str, entry: Entry, words: Iterable[str]) -> bool:
    place = f"{entry.span.file}:{entry.span.line}" if entry.span else ""
    texts = (
        title,
        translate(title),
        entry.text,
        translate(entry.text),
        entry.name,
        place,
        *entry.owners,
    )
    text = " ".join(texts).casefold()
    return all(word in text for word in words)


def _deciding_backtest(version: rulebook.VersionInForce) -> recorded_backtests.Decided | None:
    """Return the backtest that decided this version's publication."""
    return recorded_backtests.backtest_of_version(store.reading(), g.company.id, version.version_id)


def _book_subtitles(
    version: rulebook.VersionInForce, last_backtest: recorded_backtests.LastBacktest | None
) -> tuple[str, ...]:
    published = f"published {filters.moment(version.published_at)}"
    publisher = f" by {version.publisher}" if version.publisher else ""
    author = f", written by {version.author}" if version.author else ""
    last_text = (
        f"{filters.moment(last_backtest.at)} by {last_backtest.by or 'not recorded'},"
        f" {last_backtest.said}"
        if last_backtest
        else NO_BACKTEST
    )
    backtest = f"Last backtest: {last_text}."
    deciding_backtest = _deciding_backtest(version)
    decision = (
        f"Decided by the backtest {deciding_backtest.said} (hash {deciding_backtest.sha256[:12]}). "
        if deciding_backtest
        else ""
    )
    sentences = (
        f"Rule version {version.no} ({version.hash[:12]}), {published}{publisher}{author}."
        f" {decision}{backtest}"
    )
    return (sentences,)


__all__ = ["pages"]


@pages.get("/proposals")
@needs("record.read")
def proposed() -> Response:
    """Show the proposals, the most frequent manual work first, each with its draft."""
    found_proposals = all_proposals()
    files = _files_in_force()
    drafts = {
        proposal.key: _unified_diff(files, proposal.files)
        for proposal in found_proposals
        if proposal.files
    }
    return store.respond(
        "rulesets/proposals.html",
        found=found_proposals,
        drafts=drafts,
        days=proposals.DAYS,
        values=filters.sees_personal() or request_guard.may("rules.draft") is None,
    )


@pages.get("/proposals/draft")
@needs("rules.draft")
def proposed_draft() -> Response:
    """Return a proposal's draft as a patch of the rule files."""
    proposal = _load_proposal()
    text = _unified_diff(_files_in_force(), proposal.files or {})
    answer = make_response(text)
    answer.headers["Content-Type"] = "text/x-diff; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="draft.patch"'
    return answer


@pages.post("/proposals")
@needs("rules.draft")
def push_draft() -> Response:
    """Submit a proposal's draft as a change that another person publishes."""
    base, proposal = g.company.ruleset_version_id, _load_proposal()
    files, back = dict(proposal.files or {}), url_for("rulebook.proposed", co=g.company.code)
    checked = store.rule_checks().report(files)
    if isinstance(checked, Refusal):
        return store.set_retry_after(store.refuse(checked, back=back), checked)
    with store.writing() as session:
        answer = publication.push_change(
            session, g.company.id, g.actor, files, proposal.say[:120], g.now, checked, base
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    say = f"The draft is change {answer}. Another person checks and publishes it."
    return store.redirect_with_message(back, say)


def all_proposals() -> tuple[Proposal, ...]:
    """Return what is often done by hand and could be a rule."""
    check_files = store.rule_checks().report
    return proposals.proposals(store.reading(), g.company.id, g.now, check_files)


def _load_proposal() -> Proposal:
    key = request.values.get("key", "")
    found_proposals = all_proposals()
    proposal = next(
        (candidate for candidate in found_proposals if candidate.key == key and candidate.files),
        None,
    )
    if proposal is None:
        abort(404)
    return proposal


def _files_in_force() -> Mapping[str, str]:
    version = rulebook.version_in_force(store.reading(), g.company.id)
    return publication.files_of(store.reading(), version.version_id) if version else {}


def _unified_diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
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
