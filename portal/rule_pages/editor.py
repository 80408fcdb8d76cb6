"""A rule file in the browser: begun, written, checked while one writes, kept, made a change; and
a change that takes a file away.

Here: views. Every act works with a plain text area; scripts only ask sooner. Not here: how a look
is made and limited (holding/rulesets/check_processes.py), drafts (holding/rule_changes/drafts.py),
reading its form (draft_form.py), drawing the text (static/editor.js).
"""

from collections import Counter
from typing import Final

from flask import Blueprint, Response, abort, g, jsonify, request, url_for

from grammar.text.vocabulary import ACTIONS, CLAUSES, DECLARATIONS, RESERVED
from holding.refusal import Refusal
from holding.rule_changes import drafts
from holding.rulesets import admission, publication
from holding.rulesets import rulebook as queries
from holding.rulesets.check_report import Report
from holding.trials import draft_tests, draft_trials
from holding.trials.draft_trials import Tried
from holding.words import plural
from portal.languages import choice
from portal.rule_pages import draft_form
from portal.web import filters, forms, fragments, rule_checks, store
from rules.rulebook.suggested_names import Suggested

pages = Blueprint("editor", __name__, url_prefix="/c/<co>/rules")
WORDS = " ".join(sorted({*CLAUSES, *ACTIONS, *RESERVED, "is", "known", "or", "not", "in", "as"}))
"""The words of the language that the editor draws as such; it decides nothing."""
TITLE: Final = 120  # characters
BESIDE: Final = ("verdict", "draftfiles")  # parts of the page that say how far the draft is


@pages.post("/new")
def begin() -> Response:
    """Begin a file that the rules in force do not have, or go on with one's own draft of it."""
    version = draft_form.version_in_force()
    files = publication.files_of(store.reading(), version.version_id)
    path = drafts.new_path(request.form.get("name", ""), files)
    if isinstance(path, Refusal):
        return fragments.refuse(path, back=url_for("rulebook.show", co=g.company.code))
    if drafts.draft(store.reading(), g.actor, path) is None:
        with store.writing() as session:
            refusal = drafts.keep(session, g.actor, path, "", version.version_id, g.now)
        if refusal:
            return fragments.refuse(refusal, back=url_for("rulebook.show", co=g.company.code))
    return fragments.moved(_here(path), f"{path} is a new file. It is seen by you alone.")


@pages.post("/remove/<path:path>")
def remove(path: str) -> Response:
    """Make the rules without this file a change, which somebody else publishes."""
    version = draft_form.version_in_force()
    files = publication.files_of(store.reading(), version.version_id)
    if files.pop(path, None) is None or not path.endswith(admission.RULES):
        abort(404)
    return _submitted(path, files, f"Without {path}", version, removes=True)


@pages.get("/draft/<path:path>")
def show(path: str) -> Response:
    """One's own draft of a rule file, or the file in force."""
    rule_checks.checks().warm()
    text, version = draft_form.files_of(path)[path], draft_form.version_in_force()
    kept = drafts.draft(store.reading(), g.actor, path)
    if kept is None:
        return _shown(path, draft_form.Shown(text=text, base_no=version.no))
    base = queries.no_of(store.reading(), g.company.id, kept.base_id) or 0
    began = draft_form.Shown(text=kept.text, base_no=base, saved_at=kept.saved_at, seen=kept.mark)
    return _shown(path, began)


@pages.post("/draft/<path:path>")
def check(path: str) -> Response:
    """Keep the draft, and say what a publisher would be told of it; `quick`: without the tests,
    `coverage`: and how much of the rules they prove.
    """
    text, files = draft_form.with_correction(draft_form.given_text()), draft_form.files_of(path)
    if refusal := drafts.too_large(text):
        return fragments.refuse(refusal, back=_here(path))
    shown = draft_form.kept(path, text)
    if isinstance(shown, Refusal):
        return _not_kept(path, text, shown)
    store.renew()  # no snapshot is kept while a process is at work
    checks, quick = rule_checks.checks(), "quick" in request.form
    found = checks.report(files | {path: text}, tests=not quick, whose=draft_form.name_of(path))
    if not isinstance(found, Refusal):
        asked = "coverage" in request.form
        proofs = rule_checks.proofs(files | {path: text}, found) if asked else None
        return _shown(path, shown, found, proofs=proofs)
    answer = _shown(path, shown, stopped=found)
    answer.headers["HX-Retarget"] = "#findings"
    return rule_checks.come_again(answer, found)


@pages.post("/suggest/<path:path>")
def suggest(path: str) -> Response:
    """What may be written behind the text of the form, as JSON."""
    before, text = request.form.get("before", ""), draft_form.given_text()
    files = draft_form.files_of(path)
    if drafts.too_large(text) or drafts.too_large(before):
        return jsonify([])
    store.renew()
    before, checks = before.replace("\r\n", "\n"), rule_checks.checks()
    found = checks.suggested(files | {path: text}, before, whose=draft_form.name_of(path))
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
    return _shown(path, shown, found, tried=tried, number=number)


@pages.post("/save-test/<path:path>")
def save_test(path: str) -> Response:
    """Keep the draft of the form with a test of the record that was tried at its end."""
    number = request.form.get("of", "")
    looked = _looked_at(path)
    if isinstance(looked, Response):
        return looked
    shown, files, found = looked
    saved = draft_tests.with_test(store.reading(), g.company.id, number, files, path, found)
    if isinstance(saved, Refusal):
        return _shown(path, shown, found, tried=saved, number=number)
    kept = drafts.too_large(saved.text) or draft_form.kept(path, saved.text, shown.seen)
    if isinstance(kept, Refusal):
        return fragments.refuse(kept, back=_here(path))
    say = f"The test “{saved.title}” is at the end of the draft."
    here = url_for("editor.show", co=g.company.code, path=path, line=saved.line)
    return fragments.moved(here, say)


def _looked_at(path: str) -> tuple[draft_form.Shown, dict[str, str], Report] | Response:
    """The draft of the form, which is kept, with all files and what a check without the tests
    found; or why it was not checked.
    """
    text = draft_form.given_text()
    files = draft_form.files_of(path) | {path: text}
    if refusal := drafts.too_large(text):
        return fragments.refuse(refusal, back=_here(path))
    shown = draft_form.kept(path, text)
    if isinstance(shown, Refusal):
        return _not_kept(path, text, shown)
    store.renew()
    found = rule_checks.checks().report(files, tests=False, whose=draft_form.name_of(path))
    if isinstance(found, Refusal):
        return rule_checks.come_again(fragments.refuse(found, back=_here(path)), found)
    return shown, files, found


@pages.post("/submit/<path:path>")
def submit(path: str) -> Response:
    """Make the draft of the form a change, which somebody else publishes."""
    text, version = draft_form.given_text(), draft_form.version_in_force()
    files = draft_form.files_of(path) | {path: text}
    if refusal := drafts.too_large(text):
        return fragments.refuse(refusal, back=_here(path))
    if forms.whole(request.form.get("base")) != version.no:
        return fragments.refuse(_OVERTAKEN, back=_here(path))
    with store.writing() as session:
        other = drafts.elsewhere(session, g.actor, path, text, draft_form.seen_mark())
    if other is not None:
        return _not_kept(path, text, other)
    title = " ".join(request.form.get("title", "").split())[:TITLE]
    return _submitted(path, files, title or f"Draft of {path}", version)


def _submitted(
    path: str,
    files: dict[str, str],
    title: str,
    version: queries.VersionInForce,
    *,
    removes: bool = False,
) -> Response:
    """A change with these files, made of the ones of `version`, which ends the draft of this."""
    store.renew()  # no snapshot is kept while a process is at work
    checked = rule_checks.checks().report(files)
    if isinstance(checked, Refusal):
        return rule_checks.come_again(fragments.refuse(checked, back=_here(path)), checked)
    with store.writing() as session:
        answer = publication.push(
            session, g.company.id, g.actor, files, title, g.now, checked, version.version_id
        )
        if not isinstance(answer, Refusal):
            drafts.throw_away(session, g.actor, path)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_here(path))
    say = f"The draft is change {answer}. Another person checks and publishes it."
    if removes:
        say = f"The removal of {path} is change {answer}. Another person checks and publishes it."
    return fragments.moved(url_for("changes.show", co=g.company.code, no=answer), say)


@pages.post("/discard/<path:path>")
def discard(path: str) -> Response:
    """Begin again with the file in force; a new file is gone."""
    version = draft_form.version_in_force()
    is_new = path not in publication.files_of(store.reading(), version.version_id)
    draft_form.files_of(path)
    text, seen = draft_form.given_text(), draft_form.seen_mark()
    with store.writing() as session:
        other = drafts.elsewhere(session, g.actor, path, text, seen)
        if other is None:
            drafts.throw_away(session, g.actor, path)
    if other is not None:
        return _not_kept(path, text, other)
    if is_new:
        say = f"The draft of {path} was discarded."
        return fragments.moved(url_for("rulebook.show", co=g.company.code), say)
    return fragments.moved(_here(path), "The draft was discarded. This is the file in force.")


_OVERTAKEN = Refusal(
    code="rules.overtaken",
    message="Other rules were published since this draft was begun; nothing was submitted.",
    hint="Copy your text, discard the draft, and make your change in the file in force.",
)


def _shown(
    path: str,
    shown: draft_form.Shown,
    found: Report | None = None,
    stopped: Refusal | None = None,
    tried: Tried | Refusal | None = None,
    number: str = "",
    block: str = "",
    proofs: rule_checks.Proofs | None = None,
) -> Response:
    """The form with its text, and what was found, or why nothing was; `block`: see `respond`."""
    version = draft_form.version_in_force()
    in_force = admission.rule_sources(publication.files_of(store.reading(), version.version_id))
    return fragments.respond(
        "rulesets/draft.html",
        proofs or rule_checks.NO_PROOFS,
        status=stopped.status if stopped else 200,
        also=BESIDE,
        block=block,
        verdict=_verdict(found) if found else "",
        wrong=next((one for one in found.findings if one.is_error), None) if found else None,
        marked=Counter(one.file for one in found.findings if one.is_error) if found else Counter(),
        version=version,
        path=path,
        is_new=path not in in_force,
        paths=sorted({*in_force, path, *drafts.paths(store.reading(), g.actor)}),
        shown=shown,
        found=found,
        stopped=stopped,
        other=stopped if isinstance(stopped, drafts.Elsewhere) else None,
        tried=tried if isinstance(tried, Tried) else None,
        untried=tried if isinstance(tried, Refusal) else None,
        number=number,
        line=forms.whole(request.args.get("line")),
        words=WORDS,
        declarations=" ".join(DECLARATIONS),
        values=filters.sees_personal(),
    )


def _not_kept(path: str, text: str, refusal: Refusal) -> Response:
    """The page with its text, which was not saved, and with that of the other window."""
    if not isinstance(refusal, drafts.Elsewhere):
        return fragments.refuse(refusal, back=_here(path))
    base = forms.whole(request.form.get("base")) or draft_form.version_in_force().no
    seen = request.form.get("seen", "")
    shown = draft_form.Shown(text=text, base_no=base, seen=seen)
    return _shown(path, shown, stopped=refusal, block="findings")


def _here(path: str) -> str:
    return url_for("editor.show", co=g.company.code, path=path)


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
