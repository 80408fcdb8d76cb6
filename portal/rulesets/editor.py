"""Serve the browser editor of a rule file: draft, check, try, test, submit and discard."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, abort, g, jsonify, request, url_for

from grammar.text.problem import Correction, Span, apply_correction
from grammar.text.vocabulary import ACTIONS, CLAUSES, DECLARATIONS, RESERVED
from holding.db.refusal import Refusal, plural
from holding.rulesets import admission, change_list, drafts, rulebook
from holding.rulesets.admission import Report
from holding.rulesets.drafts import BegunAgain, OwnChange
from holding.rulesets.drafts import own_change as find_own_change
from holding.trials import draft_trials
from holding.trials.draft_trials import Tried
from portal.languages import choice
from portal.rulesets import changes
from portal.web import filters, forms, store
from portal.web.permissions import needs
from rules.rulebook.suggested_names import Suggested

pages = Blueprint("editor", __name__, url_prefix="/c/<co>/rules")

TITLE: Final = 120  # characters

MOST: Final = 5  # lines of a file named in a message

WORDS = " ".join(sorted({*CLAUSES, *ACTIONS, *RESERVED, "is", "known", "or", "not", "in", "as"}))
"""Keywords that the editor highlights; highlighting has no other effect."""

BESIDE: Final = ("verdict", "draftfiles")  # parts of the page with the draft's state

DIFFERENCE: Final = ("ownchange",)  # not updated at each key press


@pages.post("/new")
@needs("rules.draft")
def begin() -> Response:
    """Create a draft of a new file, or open the user's draft of this file."""
    version = version_in_force()
    change = drafts.own_change(store.reading(), g.actor)
    path = drafts.new_path(request.form.get("name", ""), change.in_force if change else ())
    if isinstance(path, Refusal):
        return store.refuse(path, back=url_for("rulebook.show", co=g.company.code))
    if change and path not in change.drafts:
        with store.writing() as session:
            refusal = drafts.save_draft(session, g.actor, path, "", version.version_id, g.now)
        if refusal:
            return store.refuse(refusal, back=url_for("rulebook.show", co=g.company.code))
    return store.redirect_with_message(
        page_url(path), f"{path} is a new file. It is seen by you alone."
    )


@pages.post("/remove/<path:path>")
@needs("rules.draft")
def remove(path: str) -> Response:
    """Save a blank draft, so that the user's change removes this file."""
    if path not in change_of(path).in_force:
        abort(404)
    saved = store_draft(path, "")
    if isinstance(saved, Refusal):
        return show_unsaved(path, form_text(), saved)
    say = f"Your change removes {path}. Nothing happens before it is submitted and published."
    return store.redirect_with_message(page_url(path), say)


@pages.get("/draft/<path:path>")
@needs("record.read")
def show(path: str) -> Response:
    """Show the user's own draft of a file, or the file in force."""
    store.rule_checks().warm()
    change = change_of(path)
    draft = change.drafts.get(path)
    if draft is None:
        state = EditorState(text=change.in_force[path], base_no=change.version.no)
        return show_form(path, state)
    base = rulebook.number_of_version(store.reading(), g.company.id, draft.base_id) or 0
    state = EditorState(text=draft.text, base_no=base, saved_at=draft.saved_at, seen=draft.mark)
    return show_form(path, state)


@pages.post("/draft/<path:path>")
@needs("rules.draft")
def check(path: str) -> Response:
    """Save the draft and show the findings for the change that contains it.

    `quick` skips the tests; `coverage` adds how much of the rules the tests prove.
    """
    text = with_correction(form_text())
    change_of(path)
    if refusal := drafts.too_large(text):
        return store.refuse(refusal, back=page_url(path))
    state = store_draft(path, text)
    if isinstance(state, Refusal):
        return show_unsaved(path, text, state)
    files, quick = change_of(path).files(), "quick" in request.form
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    change_name = name_of_change()
    report = store.rule_checks().report(files, tests=not quick, draft_key=change_name)
    if not isinstance(report, Refusal):
        proofs = store.measure_proofs(files, report) if "coverage" in request.form else None
        return show_form(path, state, report, proofs=proofs, all_parts=not quick)
    answer = show_form(path, state, stopped=report)
    answer.headers["HX-Retarget"] = "#findings"
    return store.set_retry_after(answer, report)


@pages.post("/suggest/<path:path>")
@needs("rules.draft")
def suggest(path: str) -> Response:
    """Return completions at the cursor, as JSON.

    The form has the file's whole text, and in `before` only the text before the cursor. The list is
    empty if a text is too large or the checker is busy.
    """
    before, text = request.form.get("before", ""), form_text()
    files = change_of(path).files() | {path: text}
    if drafts.too_large(text) or drafts.too_large(before):
        return jsonify([])
    store.drop_snapshot()
    before, checks = before.replace("\r\n", "\n"), store.rule_checks()
    suggestions = checks.suggested(files, before, draft_key=name_of_change())
    answers = () if isinstance(suggestions, Refusal) else suggestions
    return jsonify([_suggestion_json(suggestion) for suggestion in answers])


def _suggestion_json(suggestion: Suggested) -> dict[str, str]:
    """Return a name with its kind and meaning, in the user's language."""
    meaning = choice.translate_finding(suggestion.meaning).removeprefix(f"{suggestion.label}: ")
    return {
        "label": suggestion.label,
        "kind": choice.translate_finding(suggestion.kind),
        "meaning": meaning,
    }


@pages.post("/try/<path:path>")
@needs("rules.draft")
def try_record(path: str) -> Response:
    """Judge one record with the draft of the form, next to its stored verdict."""
    number = request.form.get("number", "").strip()
    checked = _save_and_check(path)
    if isinstance(checked, Response):
        return checked
    state, files, report = checked
    tried = draft_trials.tried(store.reading(), g.company.id, number, files, report)
    return show_form(path, state, report, tried=tried, number=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorState:
    """The editor's text, its base version, its save time, and the saved text's mark."""

    text: str
    base_no: int
    saved_at: datetime | None = None
    seen: str = ""


def _save_and_check(path: str) -> tuple[EditorState, dict[str, str], Report] | Response:
    """Save the draft; return it with the change's files and the report of a check without tests.

    Return a response instead if the draft cannot be saved or checked.
    """
    text = form_text()
    change_of(path)
    if refusal := drafts.too_large(text):
        return store.refuse(refusal, back=page_url(path))
    state = store_draft(path, text)
    if isinstance(state, Refusal):
        return show_unsaved(path, text, state)
    files = change_of(path).files()
    store.drop_snapshot()
    change_name = name_of_change()
    report = store.rule_checks().report(files, tests=False, draft_key=change_name)
    if isinstance(report, Refusal):
        return store.set_retry_after(store.refuse(report, back=page_url(path)), report)
    return state, files, report


@pages.post("/save-test/<path:path>")
@needs("rules.draft")
def save_test(path: str) -> Response:
    """Save the draft of the form with a test of the tried record at its end."""
    if not path.endswith(admission.RULES):
        abort(404)
    number = request.form.get("of", "")
    checked = _save_and_check(path)
    if isinstance(checked, Response):
        return checked
    state, files, report = checked
    saved = draft_trials.with_test(store.reading(), g.company.id, number, files, path, report)
    if isinstance(saved, Refusal):
        return show_form(path, state, report, tried=saved, number=number)
    stored = drafts.too_large(saved.text) or store_draft(path, saved.text, state.seen)
    if isinstance(stored, Refusal):
        return store.refuse(stored, back=page_url(path))
    say = f"The test “{saved.title}” is at the end of the draft."
    test_address = url_for("editor.show", co=g.company.code, path=path, line=saved.line)
    return store.redirect_with_message(test_address, say)


@pages.post("/submit/<path:path>")
@needs("rules.draft")
def submit(path: str) -> Response:
    """Submit the user's drafts and the form's text as a change that another person publishes."""
    text, change = form_text(), change_of(path)
    if refusal := drafts.too_large(text):
        return store.refuse(refusal, back=page_url(path))
    if change.overtaken or forms.parse_whole(request.form.get("base")) != change.version.no:
        return store.refuse(drafts.OVERTAKEN, back=page_url(path))
    with store.writing() as session:
        other = drafts.find_other_text(session, g.actor, path, text, seen_mark())
    if other is not None:
        return show_unsaved(path, text, other)
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    texts = {path: text}
    checked = store.rule_checks().report(change.files(texts))
    if isinstance(checked, Refusal):
        response = store.refuse(checked, back=page_url(path))
        return store.set_retry_after(response, checked)
    title = " ".join(request.form.get("title", "").split())[:TITLE] or _default_title(path, change)
    with store.writing() as session:
        answer = drafts.submit_change(
            session, g.company.id, g.actor, change, texts, title, g.now, checked
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=page_url(path))
    say = f"The draft is change {answer}. Another person checks and publishes it."
    return store.redirect_with_message(url_for("changes.show", co=g.company.code, no=answer), say)


def _default_title(path: str, change: drafts.OwnChange) -> str:
    """Return the title of a change without a name."""
    files = {*change.drafts, path}
    return f"Draft of {path}" if len(files) == 1 else f"Draft of {len(files)} files"


@pages.post("/again/<path:path>")
@needs("rules.draft")
def begin_again(path: str) -> Response:
    """Save the draft of the form, and base the user's change on the rules in force."""
    text = form_text()
    saved = drafts.too_large(text) or store_draft(path, text)
    if isinstance(saved, Refusal):
        return show_unsaved(path, text, saved)
    with store.writing() as session:
        restarted = drafts.restart_drafts(session, g.actor, g.now)
    if isinstance(restarted, Refusal):
        return store.refuse(restarted, back=page_url(path))
    change = drafts.own_change(store.reading(), g.actor)
    is_in_change = change is not None and path in change.paths
    rulebook_address = url_for("rulebook.show", co=g.company.code)
    return store.redirect_with_message(
        page_url(path) if is_in_change else rulebook_address, _restarted_message(restarted)
    )


def _restarted_message(done: BegunAgain) -> str:
    """Return the outcome for the drafts, with the lines that the user has to compare."""
    base_sentence = f"Your change goes on from rule version {done.no}."
    if not done.clashes:
        return f"{base_sentence} Your text is kept, and what others changed is in it."
    places = ", ".join(
        f"{path}:{line}" for path, lines in done.clashes.items() for line in lines[:MOST]
    )
    return (
        f"{base_sentence} You and others changed the same lines; yours are kept at {places}."
        " Compare them with the difference below before you submit."
    )


@pages.post("/discard/<path:path>")
@needs("rules.draft")
def discard(path: str) -> Response:
    """Delete the draft and show the file in force; a new file is deleted."""
    is_new = path not in change_of(path).in_force
    text, mark = form_text(), seen_mark()
    with store.writing() as session:
        other = drafts.find_other_text(session, g.actor, path, text, mark)
        if other is None:
            drafts.delete_drafts(session, g.actor, [path])
    if other is not None:
        return show_unsaved(path, text, other)
    if is_new:
        say = f"The draft of {path} was discarded."
        return store.redirect_with_message(url_for("rulebook.show", co=g.company.code), say)
    say = "The draft was discarded. This is the file in force."
    return store.redirect_with_message(page_url(path), say)


def show_form(
    path: str,
    state: EditorState,
    report: Report | None = None,
    stopped: Refusal | None = None,
    tried: Tried | Refusal | None = None,
    number: str = "",
    block: str = "",
    proofs: store.Proofs | None = None,
    *,
    all_parts: bool = False,
) -> Response:
    """Show the form with its text and report, or the reason why there is no report.

    `block` is passed to `store.respond`; `all_parts` renders every part that a check may change.
    """
    change = change_of(path)
    return store.respond(
        "rulesets/draft.html",
        proofs or store.NO_PROOFS,
        status=stopped.status if stopped else 200,
        also=(*BESIDE, *DIFFERENCE) if all_parts else BESIDE,
        block=block,
        verdict=_verdict(report) if report else "",
        wrong=next((finding for finding in report.findings if finding.is_error), None)
        if report
        else None,
        marked=Counter(finding.file for finding in report.findings if finding.is_error)
        if report
        else Counter(),
        version=change.version,
        path=path,
        is_rules=path.endswith(admission.RULES),
        is_new=path not in change.in_force,
        paths=change.paths,
        states=_states(change),
        overtaken=change.overtaken or state.base_no != change.version.no,
        differences=changes.text_differences(change.in_force, change.files())
        if change.drafts
        else (),
        kept=_kept_entries(change) if all_parts and report and not report.errors else (),
        shown=state,
        found=report,
        stopped=stopped,
        other=stopped if isinstance(stopped, drafts.Elsewhere) else None,
        tried=tried if isinstance(tried, Tried) else None,
        untried=tried if isinstance(tried, Refusal) else None,
        number=number,
        line=forms.parse_whole(request.args.get("line")),
        words=WORDS,
        declarations=" ".join(DECLARATIONS),
        values=filters.sees_personal(),
    )


def _verdict(report: Report) -> str:
    """Return one sentence about whether the change could come into force."""
    warnings_text = plural(report.warnings, "warning")
    if report.errors:
        return f"{plural(report.errors, 'error')}, {warnings_text}."
    if report.ran is None:
        return f"No errors, {warnings_text}. The tests were not run yet."
    if report.failed:
        return f"{report.failed} of {plural(report.ran, 'test')} failed."
    return f"This could come into force: {plural(report.ran, 'test')} passed."


def _states(change: OwnChange) -> dict[str, str]:
    """Return path -> what the change does to each file with a draft.

    A new file that is blank is not yet part of the change.
    """
    return {
        path: ("changed" if path in change.in_force else "new") if draft.text.strip() else "removed"
        for path, draft in change.drafts.items()
        if draft.text.strip() or path in change.in_force
    }


def _kept_entries(change: OwnChange) -> tuple[change_list.Kept, ...]:
    """Return the stored rows that differ from the change's files; publishing keeps them."""
    return change_list.list_kept_entries(
        store.reading(), g.company.id, change.in_force, change.files()
    )


def show_unsaved(path: str, text: str, refusal: Refusal) -> Response:
    """Show the page with its unsaved text, and the text saved in another window."""
    if not isinstance(refusal, drafts.Elsewhere):
        return store.refuse(refusal, back=page_url(path))
    base = forms.parse_whole(request.form.get("base")) or version_in_force().no
    mark = request.form.get("seen", "")
    state = EditorState(text=text, base_no=base, seen=mark)
    return show_form(path, state, stopped=refusal, block="findings")


def page_url(path: str) -> str:
    """Return the address of the page."""
    return url_for("editor.show", co=g.company.code, path=path)


def form_text() -> str:
    """Return the text of the form, with line feeds as line ends."""
    return request.form.get("text", "").replace("\r\n", "\n")


def with_correction(text: str) -> str:
    """Return the text with the correction whose button was pressed, if any.

    With scripts enabled the editor has already corrected the text.
    """
    place, _, replacement = request.form.get("correct", "").partition(" ")
    numbers = [forms.parse_whole(part) for part in place.split(":")]
    line, column, end = numbers if len(numbers) == 3 else (None, None, None)
    if line is None or column is None or end is None:
        return text
    return apply_correction(text, Correction(Span("", line, column, line, end), replacement))


def seen_mark() -> str | None:
    """Return the mark of the draft that the form shows, or that the user chose to overwrite."""
    return request.form.get("over", request.form.get("seen"))


def store_draft(path: str, text: str, saved_mark: str | None = None) -> EditorState | Refusal:
    """Save the form's text as a draft.

    `saved_mark` is the mark of the saved draft, if it is newer than the form's mark.
    """
    base, expected_mark = find_base(path), seen_mark() if saved_mark is None else saved_mark
    with store.writing() as session:
        refusal = drafts.save_draft(
            session, g.actor, path, text, base.id, g.now, shown_mark=expected_mark
        )
    mark = drafts.mark_of(text)
    return refusal or EditorState(text=text, base_no=base.no, saved_at=g.now, seen=mark)


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a draft is based on."""

    id: int | None
    no: int


def find_base(path: str) -> Base:
    """Return the base of the saved draft, else the form's base, else the version in force."""
    change, session = change_of(path), store.reading()
    draft = change.drafts.get(path)
    if draft is not None:
        return Base(
            draft.base_id, rulebook.number_of_version(session, g.company.id, draft.base_id) or 0
        )
    form_base = forms.parse_whole(request.form.get("base"))
    published = (
        rulebook.load_published(session, g.company.id, form_base) if form_base is not None else None
    )
    version = change.version
    return (
        Base(published.version_id, published.no)
        if published
        else Base(version.version_id, version.no)
    )


def name_of_change() -> str:
    """Return a name of the user's change that no other change has, for caches."""
    return f"{g.company.id}/{g.actor.person_id}"


def change_of(path: str) -> OwnChange:
    """Return the user's change; abort with 404 if it does not include this file."""
    own_change = find_own_change(store.reading(), g.actor)
    if own_change is None or path not in own_change.paths:
        abort(404)
    return own_change


def version_in_force() -> rulebook.VersionInForce:
    """Return the rules in force; abort with 404 if there are none."""
    version = rulebook.version_in_force(store.reading(), g.company.id)
    if version is None:
        abort(404)
    return version
