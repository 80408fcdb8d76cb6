"""Serve rule changes: the list, the review with differences, publication, start time and return."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, abort, g, request, url_for

from holding.db.refusal import Refusal, plural
from holding.operations import planning
from holding.platform import processes
from holding.rulesets import (
    admission,
    change_list,
    drafts,
    publication,
    recorded_backtests,
    start_time,
)
from holding.rulesets.admission import Report
from holding.trials import shadow_pages
from portal.languages.choice import translate_to
from portal.trials import backtests
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from rules.rulebook.book import Meaning

pages = Blueprint("changes", __name__, url_prefix="/c/<co>/rules")

REASON = 500  # characters

TEST_START: Final = re.compile(r'^test "', re.MULTILINE)  # start of a test in a rule file

MAX_LINES: Final = 2000  # shown per file; the page names the rest


@pages.get("/changes")
@needs("record.read")
def listing() -> Response:
    """Show the changes, the newest first, and the versions that were in force."""
    session, before_text = store.reading(), request.args.get("before")
    before = forms.parse_whole(before_text)
    if before_text is not None and before is None:
        abort(404)
    rows = change_list.list_changes(session, g.company.id, before=before)
    shown = rows[: change_list.SHOWN]
    return store.respond(
        "rulesets/changes.html",
        changes=shown,
        further=shown[-1].no if len(rows) > len(shown) else None,
        versions=() if before else change_list.list_versions(session, g.company.id),
        in_force=g.company.ruleset_version_id,
    )


@pages.get("/changes/<int:no>")
@needs("record.read")
def show(no: int) -> Response:
    """Show the differences between a change and the rules in force, and who can publish it."""
    return _review(_load_change(no))


def _review(
    change: publication.ReadChange,
    *,
    problems: dict[str, str] | None = None,
    status: int = 200,
    tested: Report | None = None,
    stopped: Refusal | None = None,
    proofs: store.Proofs = store.NO_PROOFS,
) -> Response:
    session = store.reading()
    differs = change.current or (change.is_published and change.base_id is not None)
    before = publication.files_of(session, change.base_id or 0)
    return store.respond(
        "rulesets/change.html",
        {**backtests.backtest_values(change), **proofs},
        status=status,
        declared=sum(len(TEST_START.findall(text)) for text in change.files.values()),
        found=tested,
        untested=stopped,
        change=change,
        between=difference(before, change.files) if differs else None,
        kept=_list_kept_entries(change, before),
        numbers=change_list.load_numbers(session, g.company.id),
        held=filters.count_held(),
        backtest=recorded_backtests.deciding_backtest(session, g.company.id, change.hash),
        refusal=_refuse_publishing(change) if change.waits else None,
        shadow=shadow_pages.shadow_of_change(session, g.company.id, change.change_id),
        comments=drafts.list_comments(session, change.change_id),
        problems=problems or {},
        today=filters.moment(g.now).partition(" ")[0],
    )


def _list_kept_entries(
    change: publication.ReadChange, before: Mapping[str, str]
) -> tuple[change_list.Kept, ...]:
    """Return the stored entries that publishing leaves unchanged, whatever the files contain."""
    if not (change.waits and before):
        return ()
    return change_list.list_kept_entries(store.reading(), g.company.id, before, change.files)


def _refuse_publishing(change: publication.ReadChange) -> Refusal | None:
    """Return why this person cannot publish the change, with the people who can; else None."""
    others = " or ".join(change.publishers)
    hint = f"{others} can." if others else "Invite a second person with the role Rule publisher."
    if g.actor.person_id in change.authors:
        words = f"You cannot publish change {change.no}, because you wrote it."
        return Refusal("rules.own", words, hint, 403)
    if request_guard.may("rules.publish") is not None:
        words = (
            f"You cannot publish change {change.no}, because you do not have the role"
            " Rule publisher."
        )
        return Refusal("forbidden", words, hint, 403)
    return None


def _load_change(no: int) -> publication.ReadChange:
    change = publication.load_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    return change


@pages.post("/changes/<int:no>")
@needs("rules.publish")
def publish(no: int) -> Response:
    """Publish the change now."""
    back = url_for("changes.show", co=g.company.code, no=no)
    files = dict(_load_change(no).files)
    store.drop_snapshot()
    admission.inspect(files)  # fills the cache before the publishing transaction
    with store.writing() as session:
        published = publication.publish_change(session, no, g.actor, g.now, _read_reason())
    if isinstance(published, Refusal):
        return store.refuse(published, back=back)
    processes.ring(g.company.id, "evaluate")
    records = plural(published.woken, "record")
    say = f"Rule version {published.no} published. {records} will be checked."
    return store.redirect_with_message(url_for("dashboard.show", co=g.company.code), say)


def _read_reason() -> str:
    return " ".join(request.form.get("reason", "").split())[:REASON]


@pages.post("/changes/<int:no>/start")
@needs("rules.publish")
def start(no: int) -> Response:
    """Set the time at which the change comes into force."""
    change = _load_change(no)
    at = _read_moment()
    if at is None:
        problems = {"start": "Enter the date as 2026-11-24 and the time as 00:00."}
        return _review(change, problems=problems, status=422)
    back = url_for("changes.show", co=g.company.code, no=no)
    with store.writing() as session:
        start_at = start_time.set_start(session, no, g.actor, at, _read_reason(), g.now)
    if isinstance(start_at, Refusal):
        return store.refuse(start_at, back=back)
    return store.redirect_with_message(
        back, f"Change {no} comes into force at {filters.moment(start_at)}."
    )


def _read_moment() -> datetime | None:
    """Return the date and time of the form, in the company's time zone."""
    day, hour = (
        forms.parse_day(request.form.get("date")),
        forms.parse_hour(request.form.get("time")),
    )
    return datetime.combine(day, hour, filters.zone()) if day and hour else None


@pages.post("/changes/<int:no>/start/drop")
@needs("rules.publish")
def drop_start(no: int) -> Response:
    """Remove the start time."""
    back = url_for("changes.show", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = start_time.drop_start(session, no, g.actor, g.now)
    return _back_to_change(refusal, back, f"Change {no} has no start time any more.")


def _back_to_change(refusal: Refusal | None, back: str, say: str) -> Response:
    """Return to the change's page with the success message, or with the refusal."""
    return store.refuse(refusal, back=back) if refusal else store.redirect_with_message(back, say)


@pages.post("/changes/<int:no>/comments")
@needs("rules.discuss")
def comment(no: int) -> Response:
    """Add a comment to the change."""
    back = url_for("changes.show", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = drafts.add_comment(session, no, g.actor, _read_comment(), g.now)
    return _back_to_change(refusal, back, "The comment is saved.")


def _read_comment() -> str:
    return request.form.get("comment", "").replace("\r\n", "\n")[: drafts.LONGEST_COMMENT]


@pages.post("/changes/<int:no>/tests")
@needs("rules.discuss")
def test(no: int) -> Response:
    """Run the change's tests and show how much of its rules they prove; nothing is stored."""
    change = _load_change(no)
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    report = store.rule_checks().report(change.files)
    if not isinstance(report, Refusal):
        return _review(change, tested=report, proofs=store.measure_proofs(change.files, report))
    return store.set_retry_after(_review(change, stopped=report, status=report.status), report)


@pages.post("/changes/<int:no>/return")
@needs("rules.publish")
def send_back(no: int) -> Response:
    """Return the change to its author with the reason, also by email if mail is configured."""
    back, why, reader = url_for("changes.show", co=g.company.code, no=no), _read_comment(), None
    mails = request_guard.config().settings.mail is not None
    with store.writing() as session:
        refusal = drafts.send_back(session, no, g.actor, why, g.now)
        if mails and refusal is None:
            link = request_guard.outside(back)
            reader = planning.plan_returned_change(
                session, g.actor, no, why, g.now, link=link, say=translate_to
            )
    say = f"Change {no} is returned. Nothing comes into force."
    if reader is not None:
        processes.ring(g.company.id, "notify")
        say = f"Change {no} is returned, and {reader} is told by mail. Nothing comes into force."
    return _back_to_change(refusal, back, say)


@pages.post("/changes/<int:no>/take-up")
@needs("rules.draft")
def take_up(no: int) -> Response:
    """Restore the files of a returned or overtaken change as the user's own drafts."""
    with store.writing() as session:
        path = drafts.restore_drafts(session, no, g.actor, g.now)
    if isinstance(path, Refusal):
        return store.refuse(path, back=url_for("changes.show", co=g.company.code, no=no))
    say = f"The files of change {no} are drafts of yours. Correct them and submit them again."
    return store.redirect_with_message(url_for("editor.show", co=g.company.code, path=path), say)


@pages.get("/versions/<int:no>")
@needs("record.read")
def version(no: int) -> Response:
    """Show a version that was in force, and what a return to it would change."""
    session = store.reading()
    version_row = change_list.load_version(session, g.company.id, no)
    if version_row is None:
        abort(404)
    in_force = g.company.ruleset_version_id
    files = publication.files_of(session, version_row.version_id)
    before = publication.files_of(session, in_force) if in_force is not None else {}
    kept_entries = change_list.list_kept_entries(session, g.company.id, before, files)
    return store.respond(
        "rulesets/version.html",
        version=version_row,
        paths=sorted(admission.rule_sources(files)),
        in_force_no=change_list.in_force_no(session, g.company.id),
        between=difference(before, files),
        kept=kept_entries,
        refusal=request_guard.may("rules.publish"),
    )


@pages.post("/versions/<int:no>")
@needs("rules.publish")
def go_back(no: int) -> Response:
    """Publish an earlier version's rules again."""
    back = url_for("changes.version", co=g.company.code, no=no)
    from_no = forms.parse_whole(request.form.get("from"))
    with store.writing() as session:
        restored = start_time.go_back(
            session, no, g.actor, g.now, from_no=from_no, reason=_read_reason()
        )
    if isinstance(restored, Refusal):
        return store.refuse(restored, back=back)
    processes.ring(g.company.id, "evaluate")
    records_text = plural(restored.woken, "record")
    version_sentence = f"The rules of version {no} are in force again, as version {restored.no}."
    say = f"{version_sentence} {records_text} will be checked."
    return store.redirect_with_message(url_for("changes.listing", co=g.company.code), say)


@dataclass(frozen=True, slots=True)
class DiffLine:
    """Represent one line of a difference; `sign` is +, - or blank."""

    sign: str
    number: str
    text: str

    @property
    def tone(self) -> str:
        """The CSS class of the line."""
        return {"+": "add t-ok", "-": "del t-bad"}.get(self.sign, "" if self.number else "fold")


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file's differences, and its counts of added and removed lines."""

    path: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences of two rule sets: changed meanings and changed lines."""

    meaning: tuple[Meaning, ...]
    files: tuple[FileDifference, ...]


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """Return the differences between two sets of rule files."""
    files = text_differences(before, after)
    return Difference(change_list.changed_meanings(before, after) if files else (), files)


def text_differences(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[FileDifference, ...]:
    """Return only the line differences, which needs no parsing of rules."""
    paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return tuple(
        _file_difference(path, before.get(path, ""), after.get(path, "")) for path in paths
    )


def _file_difference(path: str, before: str, after: str) -> FileDifference:
    lines = tuple(_diff_lines(before.splitlines(), after.splitlines()))
    return FileDifference(
        path,
        lines[:MAX_LINES],
        sum(line.sign == "+" for line in lines),
        sum(line.sign == "-" for line in lines),
        max(0, len(lines) - MAX_LINES),
    )


def _diff_lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
    groups = difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(2)
    for group in groups:
        if group[0][3]:
            yield DiffLine("", "", f"line {group[0][3] + 1}")
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (DiffLine("", str(n + 1), after[n]) for n in range(k, m))
            else:
                yield from (DiffLine("-", str(n + 1), before[n]) for n in range(i, j))
                yield from (DiffLine("+", str(n + 1), after[n]) for n in range(k, m))
