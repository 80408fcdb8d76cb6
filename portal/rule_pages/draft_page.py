"""The page of a draft: its text, how far it is, and the change that it is a part of.

Here: what the page is told. Not here: the acts on it (editor.py), its form (draft_form.py).
"""

from collections import Counter
from typing import Final

from flask import Response, g, request, url_for

from grammar.text.vocabulary import ACTIONS, CLAUSES, DECLARATIONS, RESERVED
from holding.db.refusal import Refusal, plural
from holding.db.together import answer
from holding.rulesets import admission, drafts
from holding.rulesets import change_list as kept_entries
from holding.rulesets.admission import Report
from holding.rulesets.drafts import OwnChange
from holding.trials.draft_trials import Tried
from portal.rule_pages import differences, draft_form
from portal.web import filters, forms, fragments, rule_checks, store

WORDS = " ".join(sorted({*CLAUSES, *ACTIONS, *RESERVED, "is", "known", "or", "not", "in", "as"}))
"""The words of the language that the editor draws as such; it decides nothing."""
BESIDE: Final = ("verdict", "draftfiles")  # parts of the page that say how far the draft is
DIFFERENCE: Final = ("ownchange",)  # and what the change says otherwise: not at each key


def shown(
    path: str,
    began: draft_form.Shown,
    found: Report | None = None,
    stopped: Refusal | None = None,
    tried: Tried | Refusal | None = None,
    number: str = "",
    block: str = "",
    proofs: rule_checks.Proofs | None = None,
    *,
    whole: bool = False,
) -> Response:
    """The form with its text, and what was found, or why nothing was; `block`: see `respond`;
    `whole`: with all parts of the page that a look may change.
    """
    change = draft_form.change_of(path)
    return fragments.respond(
        "rulesets/draft.html",
        proofs or rule_checks.NO_PROOFS,
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
        differences=differences.in_text(change.in_force, change.files()) if change.drafts else (),
        kept=_kept(change) if whole and found and not found.errors else (),
        shown=began,
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


def _states(change: OwnChange) -> dict[str, str]:
    """What the change does to the files of its drafts, by their paths; a new one that is blank is
    no part of it yet.
    """
    return {
        path: ("changed" if path in change.in_force else "new") if draft.text.strip() else "removed"
        for path, draft in change.drafts.items()
        if draft.text.strip() or path in change.in_force
    }


def _kept(change: OwnChange) -> tuple[kept_entries.Kept, ...]:
    """Rows that the change says otherwise than they are stored: they would stay as they are."""
    asked = kept_entries.asked(g.company.id, change.in_force, change.files())
    return answer(store.reading(), asked)


def not_kept(path: str, text: str, refusal: Refusal) -> Response:
    """The page with its text, which was not saved, and with that of the other window."""
    if not isinstance(refusal, drafts.Elsewhere):
        return fragments.refuse(refusal, back=here(path))
    base = forms.whole(request.form.get("base")) or draft_form.version_in_force().no
    seen = request.form.get("seen", "")
    began = draft_form.Shown(text=text, base_no=base, seen=seen)
    return shown(path, began, stopped=refusal, block="findings")


def here(path: str) -> str:
    """The address of the page."""
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
