"""What is fixed by hand again and again, with the draft of a rule for it.

Here: views of the rules pages. Not here: counting and drafting (holding/impact/proposals.py).
"""

import difflib
from collections.abc import Mapping

from flask import Response, abort, g, make_response, request, url_for

from holding import rulesets
from holding.impact import proposals
from holding.impact.proposals import Proposal
from holding.queries import rulebook as queries
from holding.refusal import Refusal
from portal import checking, filters, fragments, security, store
from portal.pages.rulebook import pages

__all__ = ["pages"]


@pages.get("/proposals")
def proposed() -> Response:
    """The commonest handwork first, each with its draft."""
    found = _all()
    files = _in_force()
    drafts = {one.key: _difference(files, one.files) for one in found if one.files}
    return fragments.respond(
        "rulebook/proposals.html",
        found=found,
        drafts=drafts,
        days=proposals.DAYS,
        values=filters.sees_personal() or security.may("rules.draft") is None,
    )


@pages.get("/proposals/draft")
def proposed_draft() -> Response:
    """A draft as a patch of the rule files."""
    found = _one()
    text = _difference(_in_force(), found.files or {})
    answer = make_response(text)
    answer.headers["Content-Type"] = "text/x-diff; charset=utf-8"
    answer.headers["Content-Disposition"] = 'attachment; filename="draft.patch"'
    return answer


@pages.post("/proposals")
def push_draft() -> Response:
    """Make the draft a change, which somebody else publishes."""
    found = _one()
    files, back = dict(found.files or {}), url_for("rulebook.proposed", co=g.company.code)
    checked = checking.checks().report(files)
    if isinstance(checked, Refusal):
        return checking.come_again(fragments.refuse(checked, back=back), checked)
    with store.writing() as session:
        answer = rulesets.push(
            session, g.company.id, g.actor, files, found.say[:120], g.now, checked
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    say = f"The draft is change {answer.no}. Somebody else checks and publishes it."
    return fragments.moved(back, say)


def _all() -> tuple[Proposal, ...]:
    look = checking.checks().report
    return proposals.proposals(store.reading(), g.company.id, g.now, look)


def _one() -> Proposal:
    wanted = request.values.get("key", "")
    found = _all()
    one = next((each for each in found if each.key == wanted and each.files), None)
    if one is None:
        abort(404)
    return one


def _in_force() -> Mapping[str, str]:
    edition = queries.edition(store.reading(), g.company.id)
    return rulesets.files_of(store.reading(), edition.version_id) if edition else {}


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
