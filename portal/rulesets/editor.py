"""The browser editor for a rule file: draft, check, try, test, submit and discard."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, abort, g, jsonify, request, url_for

from grammar.text.problem import Correction, Span, apply_correction
from grammar.text.vocabulary import ACTIONS, CLAUSES, DECLARATIONS, RESERVED
from holding.db.refusal import Refusal, plural
from holding.db.together import answer
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

MOST: Final = 5  # places of a file that are named in a sentence

WORDS = " ".join(sorted({*CLAUSES, *ACTIONS, *RESERVED, "is", "known", "or", "not", "in", "as"}))
"""The words of the language that the editor draws as such; it decides nothing."""

BESIDE: Final = ("verdict", "draftfiles")  # parts of the page that say how far the draft is

DIFFERENCE: Final = ("ownchange",)  # and what the change says otherwise: not at each key


@pages.post("/new")
@needs("rules.draft")
def begin() -> Response:
    """Begin a file that the rules in force do not have, or go on with one's own draft of it."""
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
    """Let one's change take this file away: its draft is blank."""
    if path not in change_of(path).in_force:
        abort(404)
    kept = store_draft(path, "")
    if isinstance(kept, Refusal):
        return show_unsaved(path, given_text(), kept)
    say = f"Your change removes {path}. Nothing happens before it is submitted and published."
    return store.redirect_with_message(page_url(path), say)


@pages.get("/draft/<path:path>")
@needs("record.read")
def show(path: str) -> Response:
    """One's own draft of a file, or the file in force."""
    store.rule_checks().warm()
    change = change_of(path)
    kept = change.drafts.get(path)
    if kept is None:
        began = Shown(text=change.in_force[path], base_no=change.version.no)
        return show_form(path, began)
    base = rulebook.number_of_version(store.reading(), g.company.id, kept.base_id) or 0
    began = Shown(text=kept.text, base_no=base, saved_at=kept.saved_at, seen=kept.mark)
    return show_form(path, began)


@pages.post("/draft/<path:path>")
@needs("rules.draft")
def check(path: str) -> Response:
    """Keep the draft, and say what a publisher would be told of the change that it is a part of;
    `quick`: without the tests, `coverage`: and how much of the rules they prove.
    """
    text = with_correction(given_text())
    change_of(path)
    if refusal := drafts.too_large(text):
        return store.refuse(refusal, back=page_url(path))
    shown = store_draft(path, text)
    if isinstance(shown, Refusal):
        return show_unsaved(path, text, shown)
    files, quick = change_of(path).files(), "quick" in request.form
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    whose = name_of_change()
    found = store.rule_checks().report(files, tests=not quick, whose=whose)
    if not isinstance(found, Refusal):
        proofs = store.measure_proofs(files, found) if "coverage" in request.form else None
        return show_form(path, shown, found, proofs=proofs, whole=not quick)
    answer = show_form(path, shown, stopped=found)
    answer.headers["HX-Retarget"] = "#findings"
    return store.set_retry_after(answer, found)


@pages.post("/suggest/<path:path>")
@needs("rules.draft")
def suggest(path: str) -> Response:
    """What may be written behind the text of the form, as JSON."""
    before, text = request.form.get("before", ""), given_text()
    files = change_of(path).files() | {path: text}
    if drafts.too_large(text) or drafts.too_large(before):
        return jsonify([])
    store.drop_snapshot()
    before, checks = before.replace("\r\n", "\n"), store.rule_checks()
    found = checks.suggested(files, before, whose=name_of_change())
    told = () if isinstance(found, Refusal) else found
    return jsonify([_suggestion(one) for one in told])


def _suggestion(one: Suggested) -> dict[str, str]:
    """A name with its kind and its meaning, in the language of who writes."""
    meaning = choice.translate_finding(one.meaning).removeprefix(f"{one.label}: ")
    return {"label": one.label, "kind": choice.translate_finding(one.kind), "meaning": meaning}


@pages.post("/try/<path:path>")
@needs("rules.draft")
def try_record(path: str) -> Response:
    """Judge one record with the draft of the form, beside its stored verdict."""
    number = request.form.get("number", "").strip()
    looked = _looked_at(path)
    if isinstance(looked, Response):
        return looked
    shown, files, found = looked
    tried = draft_trials.tried(store.reading(), g.company.id, number, files, found)
    return show_form(path, shown, found, tried=tried, number=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the editor stands at: the text, the version it was begun from, when it was kept, and
    the mark of what is kept.
    """

    text: str
    base_no: int
    saved_at: datetime | None = None
    seen: str = ""


def _looked_at(path: str) -> tuple[Shown, dict[str, str], Report] | Response:
    """The draft of the form, which is kept, with all files of the change and what a check without
    the tests found; or why it was not checked.
    """
    text = given_text()
    change_of(path)
    if refusal := drafts.too_large(text):
        return store.refuse(refusal, back=page_url(path))
    shown = store_draft(path, text)
    if isinstance(shown, Refusal):
        return show_unsaved(path, text, shown)
    files = change_of(path).files()
    store.drop_snapshot()
    whose = name_of_change()
    found = store.rule_checks().report(files, tests=False, whose=whose)
    if isinstance(found, Refusal):
        return store.set_retry_after(store.refuse(found, back=page_url(path)), found)
    return shown, files, found


@pages.post("/save-test/<path:path>")
@needs("rules.draft")
def save_test(path: str) -> Response:
    """Keep the draft of the form with a test of the record that was tried at its end."""
    if not path.endswith(admission.RULES):
        abort(404)
    number = request.form.get("of", "")
    looked = _looked_at(path)
    if isinstance(looked, Response):
        return looked
    shown, files, found = looked
    saved = draft_trials.with_test(store.reading(), g.company.id, number, files, path, found)
    if isinstance(saved, Refusal):
        return show_form(path, shown, found, tried=saved, number=number)
    kept = drafts.too_large(saved.text) or store_draft(path, saved.text, shown.seen)
    if isinstance(kept, Refusal):
        return store.refuse(kept, back=page_url(path))
    say = f"The test “{saved.title}” is at the end of the draft."
    here = url_for("editor.show", co=g.company.code, path=path, line=saved.line)
    return store.redirect_with_message(here, say)


@pages.post("/submit/<path:path>")
@needs("rules.draft")
def submit(path: str) -> Response:
    """Make all that one wrote, with the text of the form, a change, which somebody else
    publishes.
    """
    text, change = given_text(), change_of(path)
    if refusal := drafts.too_large(text):
        return store.refuse(refusal, back=page_url(path))
    if change.overtaken or forms.parse_whole(request.form.get("base")) != change.version.no:
        return store.refuse(drafts.OVERTAKEN, back=page_url(path))
    with store.writing() as session:
        other = drafts.find_other_text(session, g.actor, path, text, seen_mark())
    if other is not None:
        return show_unsaved(path, text, other)
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    given = {path: text}
    checked = store.rule_checks().report(change.files(given))
    if isinstance(checked, Refusal):
        refused = store.refuse(checked, back=page_url(path))
        return store.set_retry_after(refused, checked)
    title = " ".join(request.form.get("title", "").split())[:TITLE] or _title(path, change)
    with store.writing() as session:
        answer = drafts.submit_change(
            session, g.company.id, g.actor, change, given, title, g.now, checked
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=page_url(path))
    say = f"The draft is change {answer}. Another person checks and publishes it."
    return store.redirect_with_message(url_for("changes.show", co=g.company.code, no=answer), say)


def _title(path: str, change: drafts.OwnChange) -> str:
    """What a change is called whose writer gave it no name."""
    files = {*change.drafts, path}
    return f"Draft of {path}" if len(files) == 1 else f"Draft of {len(files)} files"


@pages.post("/again/<path:path>")
@needs("rules.draft")
def begin_again(path: str) -> Response:
    """Keep the draft of the form, and let one's change go on from the rules in force."""
    text = given_text()
    kept = drafts.too_large(text) or store_draft(path, text)
    if isinstance(kept, Refusal):
        return show_unsaved(path, text, kept)
    with store.writing() as session:
        done = drafts.restart_drafts(session, g.actor, g.now)
    if isinstance(done, Refusal):
        return store.refuse(done, back=page_url(path))
    change = drafts.own_change(store.reading(), g.actor)
    there = change is not None and path in change.paths
    book = url_for("rulebook.show", co=g.company.code)
    return store.redirect_with_message(page_url(path) if there else book, _begun_again(done))


def _begun_again(done: BegunAgain) -> str:
    """What became of the texts, and where the person has to look."""
    kept = f"Your change goes on from rule version {done.no}."
    if not done.clashes:
        return f"{kept} Your text is kept, and what others changed is in it."
    places = ", ".join(f"{path}:{line}" for path, at in done.clashes.items() for line in at[:MOST])
    return (
        f"{kept} You and others changed the same lines; yours are kept at {places}. Compare them"
        " with the difference below before you submit."
    )


@pages.post("/discard/<path:path>")
@needs("rules.draft")
def discard(path: str) -> Response:
    """Begin again with the file in force; a new file is gone."""
    is_new = path not in change_of(path).in_force
    text, seen = given_text(), seen_mark()
    with store.writing() as session:
        other = drafts.find_other_text(session, g.actor, path, text, seen)
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
    began: Shown,
    found: Report | None = None,
    stopped: Refusal | None = None,
    tried: Tried | Refusal | None = None,
    number: str = "",
    block: str = "",
    proofs: store.Proofs | None = None,
    *,
    whole: bool = False,
) -> Response:
    """The form with its text, and what was found, or why nothing was; `block`: see `respond`;
    `whole`: with all parts of the page that a look may change.
    """
    change = change_of(path)
    return store.respond(
        "rulesets/draft.html",
        proofs or store.NO_PROOFS,
        status=stopped.status if stopped else 200,
        also=(*BESIDE, *DIFFERENCE) if whole else BESIDE,
        block=block,
        verdict=_verdict(found) if found else "",
        wrong=next((one for one in found.findings if one.is_error), None) if found else None,
        marked=Counter(one.file for one in found.findings if one.is_error) if found else Counter(),
        version=change.version,
        path=path,
        is_rules=path.endswith(admission.RULES),
        is_new=path not in change.in_force,
        paths=change.paths,
        states=_states(change),
        overtaken=change.overtaken or began.base_no != change.version.no,
        differences=changes.text_differences(change.in_force, change.files())
        if change.drafts
        else (),
        kept=_kept(change) if whole and found and not found.errors else (),
        shown=began,
        found=found,
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


def _verdict(found: Report) -> str:
    """One sentence: may it come into force."""
    warned = plural(found.warnings, "warning")
    if found.errors:
        return f"{plural(found.errors, 'error')}, {warned}."
    if found.ran is None:
        return f"No errors, {warned}. The tests were not run yet."
    if found.failed:
        return f"{found.failed} of {plural(found.ran, 'test')} failed."
    return f"This could come into force: {plural(found.ran, 'test')} passed."


def _states(change: OwnChange) -> dict[str, str]:
    """What the change does to the files of its drafts, by their paths; a new one that is blank is
    no part of it yet.
    """
    return {
        path: ("changed" if path in change.in_force else "new") if draft.text.strip() else "removed"
        for path, draft in change.drafts.items()
        if draft.text.strip() or path in change.in_force
    }


def _kept(change: OwnChange) -> tuple[change_list.Kept, ...]:
    """Rows that the change says otherwise than they are stored: they would stay as they are."""
    asked = change_list.asked_kept_entries(g.company.id, change.in_force, change.files())
    return answer(store.reading(), asked)


def show_unsaved(path: str, text: str, refusal: Refusal) -> Response:
    """The page with its text, which was not saved, and with that of the other window."""
    if not isinstance(refusal, drafts.Elsewhere):
        return store.refuse(refusal, back=page_url(path))
    base = forms.parse_whole(request.form.get("base")) or version_in_force().no
    seen = request.form.get("seen", "")
    began = Shown(text=text, base_no=base, seen=seen)
    return show_form(path, began, stopped=refusal, block="findings")


def page_url(path: str) -> str:
    """The address of the page."""
    return url_for("editor.show", co=g.company.code, path=path)


def given_text() -> str:
    """What is written in the form."""
    return request.form.get("text", "").replace("\r\n", "\n")


def with_correction(text: str) -> str:
    """The text with the correction whose button was pressed, if one was; where scripts are on, the
    editor has made it already.
    """
    place, _, instead = request.form.get("correct", "").partition(" ")
    at = [forms.parse_whole(part) for part in place.split(":")]
    line, column, end = at if len(at) == 3 else (None, None, None)
    if line is None or column is None or end is None:
        return text
    return apply_correction(text, Correction(Span("", line, column, line, end), instead))


def seen_mark() -> str | None:
    """The mark of the draft that the form was begun with, or that its writer chose to overwrite."""
    return request.form.get("over", request.form.get("seen"))


def store_draft(path: str, text: str, seen: str | None = None) -> Shown | Refusal:
    """Keep what the form says. `seen`: the mark of what is kept by now, where that is known better
    than by the form.
    """
    base, began_with = find_base(path), seen_mark() if seen is None else seen
    with store.writing() as session:
        refusal = drafts.save_draft(session, g.actor, path, text, base.id, g.now, seen=began_with)
    mark = drafts.mark_of(text)
    return refusal or Shown(text=text, base_no=base.no, saved_at=g.now, seen=mark)


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a draft was begun from."""

    id: int | None
    no: int


def find_base(path: str) -> Base:
    """Of the draft that is kept; where none is, of the file that the form was begun with. One that
    the form does not know is the version in force.
    """
    change, session = change_of(path), store.reading()
    draft = change.drafts.get(path)
    if draft is not None:
        return Base(
            draft.base_id, rulebook.number_of_version(session, g.company.id, draft.base_id) or 0
        )
    asked = forms.parse_whole(request.form.get("base"))
    found = rulebook.load_published(session, g.company.id, asked) if asked is not None else None
    version = change.version
    return Base(found.version_id, found.no) if found else Base(version.version_id, version.no)


def name_of_change() -> str:
    """The change that is written, for whoever remembers it: nobody else's is called the same."""
    return f"{g.company.id}/{g.actor.person_id}"


def change_of(path: str) -> OwnChange:
    """The change that this person writes; 404 where this is none of the files that it opens."""
    found = find_own_change(store.reading(), g.actor)
    if found is None or path not in found.paths:
        abort(404)
    return found


def version_in_force() -> rulebook.VersionInForce:
    """The rules in force; 404 where there are none."""
    found = rulebook.version_in_force(store.reading(), g.company.id)
    if found is None:
        abort(404)
    return found
