"""A file of the rules in the browser: begun, written, checked while one writes, kept, taken away;
and submitting all that one wrote as one change, or beginning it again.

Here: views. Every act works with a plain text area; scripts only ask sooner. Not here: how a look
is made and limited (holding/rulesets/check_processes.py), drafts and their change
(holding/rule_changes), what the page shows (draft_page.py), reading its form (draft_form.py),
drawing the text (static/editor.js).
"""

from typing import Final

from flask import Blueprint, Response, abort, g, jsonify, request, url_for

from holding.db.refusal import Refusal
from holding.rulesets import admission, drafts
from holding.rulesets import drafts as own_change
from holding.rulesets import rulebook as queries
from holding.rulesets.admission import Report
from holding.rulesets.drafts import BegunAgain
from holding.trials import draft_trials
from holding.trials import draft_trials as draft_tests
from portal.languages import choice
from portal.rule_pages import draft_form, draft_page
from portal.web import forms, fragments, rule_checks, store
from rules.rulebook.suggested_names import Suggested

pages = Blueprint("editor", __name__, url_prefix="/c/<co>/rules")
TITLE: Final = 120  # characters
MOST: Final = 5  # places of a file that are named in a sentence


@pages.post("/new")
def begin() -> Response:
    """Begin a file that the rules in force do not have, or go on with one's own draft of it."""
    version = draft_form.version_in_force()
    change = own_change.own_change(store.reading(), g.actor)
    path = drafts.new_path(request.form.get("name", ""), change.in_force if change else ())
    if isinstance(path, Refusal):
        return fragments.refuse(path, back=url_for("rulebook.show", co=g.company.code))
    if change and path not in change.drafts:
        with store.writing() as session:
            refusal = drafts.keep(session, g.actor, path, "", version.version_id, g.now)
        if refusal:
            return fragments.refuse(refusal, back=url_for("rulebook.show", co=g.company.code))
    return fragments.moved(draft_page.here(path), f"{path} is a new file. It is seen by you alone.")


@pages.post("/remove/<path:path>")
def remove(path: str) -> Response:
    """Let one's change take this file away: its draft is blank."""
    if path not in draft_form.change_of(path).in_force:
        abort(404)
    kept = draft_form.kept(path, "")
    if isinstance(kept, Refusal):
        return draft_page.not_kept(path, draft_form.given_text(), kept)
    say = f"Your change removes {path}. Nothing happens before it is submitted and published."
    return fragments.moved(draft_page.here(path), say)


@pages.get("/draft/<path:path>")
def show(path: str) -> Response:
    """One's own draft of a file, or the file in force."""
    rule_checks.checks().warm()
    change = draft_form.change_of(path)
    kept = change.drafts.get(path)
    if kept is None:
        began = draft_form.Shown(text=change.in_force[path], base_no=change.version.no)
        return draft_page.shown(path, began)
    base = queries.no_of(store.reading(), g.company.id, kept.base_id) or 0
    began = draft_form.Shown(text=kept.text, base_no=base, saved_at=kept.saved_at, seen=kept.mark)
    return draft_page.shown(path, began)


@pages.post("/draft/<path:path>")
def check(path: str) -> Response:
    """Keep the draft, and say what a publisher would be told of the change that it is a part of;
    `quick`: without the tests, `coverage`: and how much of the rules they prove.
    """
    text = draft_form.with_correction(draft_form.given_text())
    draft_form.change_of(path)
    if refusal := drafts.too_large(text):
        return fragments.refuse(refusal, back=draft_page.here(path))
    shown = draft_form.kept(path, text)
    if isinstance(shown, Refusal):
        return draft_page.not_kept(path, text, shown)
    files, quick = draft_form.change_of(path).files(), "quick" in request.form
    store.renew()  # no snapshot is kept while a process is at work
    whose = draft_form.name_of_change()
    found = rule_checks.checks().report(files, tests=not quick, whose=whose)
    if not isinstance(found, Refusal):
        proofs = rule_checks.proofs(files, found) if "coverage" in request.form else None
        return draft_page.shown(path, shown, found, proofs=proofs, whole=not quick)
    answer = draft_page.shown(path, shown, stopped=found)
    answer.headers["HX-Retarget"] = "#findings"
    return rule_checks.come_again(answer, found)


@pages.post("/suggest/<path:path>")
def suggest(path: str) -> Response:
    """What may be written behind the text of the form, as JSON."""
    before, text = request.form.get("before", ""), draft_form.given_text()
    files = draft_form.change_of(path).files() | {path: text}
    if drafts.too_large(text) or drafts.too_large(before):
        return jsonify([])
    store.renew()
    before, checks = before.replace("\r\n", "\n"), rule_checks.checks()
    found = checks.suggested(files, before, whose=draft_form.name_of_change())
    told = () if isinstance(found, Refusal) else found
    return jsonify([_suggestion(one) for one in told])


def _suggestion(one: Suggested) -> dict[str, str]:
    """A name with its kind and its meaning, in the language of who writes."""
    meaning = choice.finding(one.meaning).removeprefix(f"{one.label}: ")
    return {"label": one.label, "kind": choice.finding(one.kind), "meaning": meaning}


@pages.post("/try/<path:path>")
def try_record(path: str) -> Response:
    """Judge one record with the draft of the form, beside its stored verdict."""
    number = request.form.get("number", "").strip()
    looked = _looked_at(path)
    if isinstance(looked, Response):
        return looked
    shown, files, found = looked
    tried = draft_trials.tried(store.reading(), g.company.id, number, files, found)
    return draft_page.shown(path, shown, found, tried=tried, number=number)


@pages.post("/save-test/<path:path>")
def save_test(path: str) -> Response:
    """Keep the draft of the form with a test of the record that was tried at its end."""
    if not path.endswith(admission.RULES):
        abort(404)
    number = request.form.get("of", "")
    looked = _looked_at(path)
    if isinstance(looked, Response):
        return looked
    shown, files, found = looked
    saved = draft_tests.with_test(store.reading(), g.company.id, number, files, path, found)
    if isinstance(saved, Refusal):
        return draft_page.shown(path, shown, found, tried=saved, number=number)
    kept = drafts.too_large(saved.text) or draft_form.kept(path, saved.text, shown.seen)
    if isinstance(kept, Refusal):
        return fragments.refuse(kept, back=draft_page.here(path))
    say = f"The test “{saved.title}” is at the end of the draft."
    here = url_for("editor.show", co=g.company.code, path=path, line=saved.line)
    return fragments.moved(here, say)


def _looked_at(path: str) -> tuple[draft_form.Shown, dict[str, str], Report] | Response:
    """The draft of the form, which is kept, with all files of the change and what a check without
    the tests found; or why it was not checked.
    """
    text = draft_form.given_text()
    draft_form.change_of(path)
    if refusal := drafts.too_large(text):
        return fragments.refuse(refusal, back=draft_page.here(path))
    shown = draft_form.kept(path, text)
    if isinstance(shown, Refusal):
        return draft_page.not_kept(path, text, shown)
    files = draft_form.change_of(path).files()
    store.renew()
    whose = draft_form.name_of_change()
    found = rule_checks.checks().report(files, tests=False, whose=whose)
    if isinstance(found, Refusal):
        return rule_checks.come_again(fragments.refuse(found, back=draft_page.here(path)), found)
    return shown, files, found


@pages.post("/submit/<path:path>")
def submit(path: str) -> Response:
    """Make all that one wrote, with the text of the form, a change, which somebody else
    publishes.
    """
    text, change = draft_form.given_text(), draft_form.change_of(path)
    if refusal := drafts.too_large(text):
        return fragments.refuse(refusal, back=draft_page.here(path))
    if change.overtaken or forms.whole(request.form.get("base")) != change.version.no:
        return fragments.refuse(own_change.OVERTAKEN, back=draft_page.here(path))
    with store.writing() as session:
        other = drafts.elsewhere(session, g.actor, path, text, draft_form.seen_mark())
    if other is not None:
        return draft_page.not_kept(path, text, other)
    store.renew()  # no snapshot is kept while a process is at work
    given = {path: text}
    checked = rule_checks.checks().report(change.files(given))
    if isinstance(checked, Refusal):
        refused = fragments.refuse(checked, back=draft_page.here(path))
        return rule_checks.come_again(refused, checked)
    title = " ".join(request.form.get("title", "").split())[:TITLE] or _title(path, change)
    with store.writing() as session:
        answer = own_change.submit(
            session, g.company.id, g.actor, change, given, title, g.now, checked
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=draft_page.here(path))
    say = f"The draft is change {answer}. Another person checks and publishes it."
    return fragments.moved(url_for("changes.show", co=g.company.code, no=answer), say)


def _title(path: str, change: own_change.OwnChange) -> str:
    """What a change is called whose writer gave it no name."""
    files = {*change.drafts, path}
    return f"Draft of {path}" if len(files) == 1 else f"Draft of {len(files)} files"


@pages.post("/again/<path:path>")
def begin_again(path: str) -> Response:
    """Keep the draft of the form, and let one's change go on from the rules in force."""
    text = draft_form.given_text()
    kept = drafts.too_large(text) or draft_form.kept(path, text)
    if isinstance(kept, Refusal):
        return draft_page.not_kept(path, text, kept)
    with store.writing() as session:
        done = own_change.begin_again(session, g.actor, g.now)
    if isinstance(done, Refusal):
        return fragments.refuse(done, back=draft_page.here(path))
    change = own_change.own_change(store.reading(), g.actor)
    there = change is not None and path in change.paths
    book = url_for("rulebook.show", co=g.company.code)
    return fragments.moved(draft_page.here(path) if there else book, _begun_again(done))


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
def discard(path: str) -> Response:
    """Begin again with the file in force; a new file is gone."""
    is_new = path not in draft_form.change_of(path).in_force
    text, seen = draft_form.given_text(), draft_form.seen_mark()
    with store.writing() as session:
        other = drafts.elsewhere(session, g.actor, path, text, seen)
        if other is None:
            drafts.throw_away(session, g.actor, [path])
    if other is not None:
        return draft_page.not_kept(path, text, other)
    if is_new:
        say = f"The draft of {path} was discarded."
        return fragments.moved(url_for("rulebook.show", co=g.company.code), say)
    say = "The draft was discarded. This is the file in force."
    return fragments.moved(draft_page.here(path), say)
