"""Rule changes: the list, the review with differences, publication, start time and going back."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, abort, g, request, url_for

from holding.db.refusal import Refusal, plural
from holding.db.together import Answer, Together, answer
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

TEST: Final = re.compile(r'^test "', re.MULTILINE)  # as a file says that a test begins

LINES: Final = 2000  # shown of one file; more is said, and stands in the file itself


@pages.get("/changes")
@needs("record.read")
def listing() -> Response:
    """The changes, the newest first, and the versions that were in force."""
    session, asked = store.reading(), request.args.get("before")
    before = forms.parse_whole(asked)
    if asked is not None and before is None:
        abort(404)
    found = change_list.list_changes(session, g.company.id, before=before)
    shown = found[: change_list.SHOWN]
    return store.respond(
        "rulesets/changes.html",
        changes=shown,
        further=shown[-1].no if len(found) > len(shown) else None,
        versions=() if before else change_list.list_versions(session, g.company.id),
        in_force=g.company.ruleset_version_id,
    )


@pages.get("/changes/<int:no>")
@needs("record.read")
def show(no: int) -> Response:
    """What a change says otherwise than the rules in force, and who can publish it."""
    return _review(_change(no))


def _review(
    found: publication.ReadChange,
    *,
    problems: dict[str, str] | None = None,
    status: int = 200,
    tested: Report | None = None,
    stopped: Refusal | None = None,
    proofs: store.Proofs = store.NO_PROOFS,
) -> Response:
    together = Together(store.reading())
    differs = found.current or (found.is_published and found.base_id is not None)
    before = together.ask(publication.asked_files(found.base_id or 0))
    decided = together.ask(recorded_backtests.asked_deciding_backtest(g.company.id, found.hash))
    numbers = together.ask(change_list.asked_numbers(g.company.id))
    shadow = together.ask(shadow_pages.shadow_query(g.company.id, found.change_id))
    said = together.ask(drafts.asked_comments(found.change_id))
    backtest = backtests.Asked.of(found, together)
    kept = _kept(found, before.value, together)
    return store.respond(
        "rulesets/change.html",
        {**backtest.shown(), **proofs},
        status=status,
        declared=sum(len(TEST.findall(text)) for text in found.files.values()),
        found=tested,
        untested=stopped,
        change=found,
        between=difference(before.value, found.files) if differs else None,
        kept=kept.value if kept else (),
        numbers=numbers.value,
        held=filters.count_held(),
        backtest=decided.value,
        refusal=_not_theirs(found) if found.waits else None,
        shadow=shadow.value,
        comments=said.value,
        problems=problems or {},
        today=filters.moment(g.now).partition(" ")[0],
    )


def _kept(
    found: publication.ReadChange, before: Mapping[str, str], together: Together
) -> Answer[tuple[change_list.Kept, ...]] | None:
    """What publishing would leave as it is stored, whatever the files say."""
    if not (found.waits and before):
        return None
    return together.ask(change_list.asked_kept_entries(g.company.id, before, found.files))


def _not_theirs(found: publication.ReadChange) -> Refusal | None:
    """Why this person cannot publish it, with those who can."""
    others = " or ".join(found.publishers)
    hint = f"{others} can." if others else "Invite a second person with the role Rule publisher."
    if g.actor.person_id in found.authors:
        words = f"You cannot publish change {found.no}, because you wrote it."
        return Refusal("rules.own", words, hint, 403)
    if request_guard.may("rules.publish") is not None:
        words = (
            f"You cannot publish change {found.no}, because you do not have the role"
            " Rule publisher."
        )
        return Refusal("forbidden", words, hint, 403)
    return None


def _change(no: int) -> publication.ReadChange:
    found = publication.load_change(store.reading(), g.company.id, no)
    if found is None:
        abort(404)
    return found


@pages.post("/changes/<int:no>")
@needs("rules.publish")
def publish(no: int) -> Response:
    """Put it into force now."""
    back = url_for("changes.show", co=g.company.code, no=no)
    files = dict(_change(no).files)
    store.drop_snapshot()
    admission.inspect(files)  # kept: publishing looks at the same files, in its transaction
    with store.writing() as session:
        done = publication.publish_change(session, no, g.actor, g.now, _reason())
    if isinstance(done, Refusal):
        return store.refuse(done, back=back)
    processes.ring(g.company.id, "evaluate")
    say = f"Rule version {done.no} published. {plural(done.woken, 'record')} will be checked."
    return store.redirect_with_message(url_for("dashboard.show", co=g.company.code), say)


def _reason() -> str:
    return " ".join(request.form.get("reason", "").split())[:REASON]


@pages.post("/changes/<int:no>/start")
@needs("rules.publish")
def start(no: int) -> Response:
    """Let it come into force at a time."""
    found = _change(no)
    at = _moment()
    if at is None:
        wrong = {"start": "Enter the date as 2026-11-24 and the time as 00:00."}
        return _review(found, problems=wrong, status=422)
    back = url_for("changes.show", co=g.company.code, no=no)
    with store.writing() as session:
        done = start_time.set_start(session, no, g.actor, at, _reason(), g.now)
    if isinstance(done, Refusal):
        return store.refuse(done, back=back)
    return store.redirect_with_message(
        back, f"Change {no} comes into force at {filters.moment(done)}."
    )


def _moment() -> datetime | None:
    """The date and the time of the form, in the zone of the company."""
    day, hour = (
        forms.parse_day(request.form.get("date")),
        forms.parse_hour(request.form.get("time")),
    )
    return datetime.combine(day, hour, filters.zone()) if day and hour else None


@pages.post("/changes/<int:no>/start/drop")
@needs("rules.publish")
def drop_start(no: int) -> Response:
    """Take the time back."""
    back = url_for("changes.show", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = start_time.drop_start(session, no, g.actor, g.now)
    return _answered(refusal, back, f"Change {no} has no start time any more.")


def _answered(refusal: Refusal | None, back: str, say: str) -> Response:
    """The page of the change again, with what was done or why it was not."""
    return store.refuse(refusal, back=back) if refusal else store.redirect_with_message(back, say)


@pages.post("/changes/<int:no>/comments")
@needs("rules.discuss")
def comment(no: int) -> Response:
    """Write beside the change."""
    back = url_for("changes.show", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = drafts.add_comment(session, no, g.actor, _said(), g.now)
    return _answered(refusal, back, "The comment is saved.")


def _said() -> str:
    return request.form.get("comment", "").replace("\r\n", "\n")[: drafts.LONGEST_COMMENT]


@pages.post("/changes/<int:no>/tests")
@needs("rules.discuss")
def test(no: int) -> Response:
    """Run the tests of the change, and say how much of its rules they prove; nothing is kept."""
    found = _change(no)
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    looked = store.rule_checks().report(found.files)
    if not isinstance(looked, Refusal):
        return _review(found, tested=looked, proofs=store.measure_proofs(found.files, looked))
    return store.set_retry_after(_review(found, stopped=looked, status=looked.status), looked)


@pages.post("/changes/<int:no>/return")
@needs("rules.publish")
def send_back(no: int) -> Response:
    """Return the change to who wrote it, with the reason; mail tells them, where it is set up."""
    back, why, reader = url_for("changes.show", co=g.company.code, no=no), _said(), None
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
    return _answered(refusal, back, say)


@pages.post("/changes/<int:no>/take-up")
@needs("rules.draft")
def take_up(no: int) -> Response:
    """Go on with the files of a change that came back or was overtaken, as drafts of one's own."""
    with store.writing() as session:
        path = drafts.restore_drafts(session, no, g.actor, g.now)
    if isinstance(path, Refusal):
        return store.refuse(path, back=url_for("changes.show", co=g.company.code, no=no))
    say = f"The files of change {no} are drafts of yours. Correct them and submit them again."
    return store.redirect_with_message(url_for("editor.show", co=g.company.code, path=path), say)


@pages.get("/versions/<int:no>")
@needs("record.read")
def version(no: int) -> Response:
    """A version that was in force, and what going back to it would change."""
    session = store.reading()
    found = change_list.load_version(session, g.company.id, no)
    if found is None:
        abort(404)
    in_force = g.company.ruleset_version_id
    files = publication.files_of(session, found.version_id)
    before = publication.files_of(session, in_force) if in_force is not None else {}
    kept = answer(session, change_list.asked_kept_entries(g.company.id, before, files))
    return store.respond(
        "rulesets/version.html",
        version=found,
        paths=sorted(admission.rule_sources(files)),
        in_force_no=change_list.in_force_no(session, g.company.id),
        between=difference(before, files),
        kept=kept,
        refusal=request_guard.may("rules.publish"),
    )


@pages.post("/versions/<int:no>")
@needs("rules.publish")
def go_back(no: int) -> Response:
    """Put it into force again."""
    back = url_for("changes.version", co=g.company.code, no=no)
    from_no = forms.parse_whole(request.form.get("from"))
    with store.writing() as session:
        done = start_time.go_back(session, no, g.actor, g.now, from_no=from_no, reason=_reason())
    if isinstance(done, Refusal):
        return store.refuse(done, back=back)
    processes.ring(g.company.id, "evaluate")
    told = plural(done.woken, "record")
    again = f"The rules of version {no} are in force again, as version {done.no}."
    say = f"{again} {told} will be checked."
    return store.redirect_with_message(url_for("changes.listing", co=g.company.code), say)


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference: `sign` is +, - or blank; a blank number: the lines between are
    alike, and `text` says where it goes on.
    """

    sign: str
    number: str
    text: str

    @property
    def tone(self) -> str:
        """The class of the line."""
        return {"+": "add t-ok", "-": "del t-bad"}.get(self.sign, "" if self.number else "fold")


@dataclass(frozen=True, slots=True)
class FileDifference:
    """What differs in one file, and how many lines came and went."""

    path: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Both ways to read it."""

    meaning: tuple[Meaning, ...]
    files: tuple[FileDifference, ...]


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """What lies between these files."""
    files = text_differences(before, after)
    return Difference(change_list.changed_meanings(before, after) if files else (), files)


def text_differences(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[FileDifference, ...]:
    """The same line by line alone, which costs no reading of rules."""
    paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return tuple(_file(path, before.get(path, ""), after.get(path, "")) for path in paths)


def _file(path: str, before: str, after: str) -> FileDifference:
    lines = tuple(_lines(before.splitlines(), after.splitlines()))
    return FileDifference(
        path,
        lines[:LINES],
        sum(line.sign == "+" for line in lines),
        sum(line.sign == "-" for line in lines),
        max(0, len(lines) - LINES),
    )


def _lines(before: list[str], after: list[str]) -> Iterator[DiffLine]:
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
