"""Rules tried in the browser: a shadow with its differences, and one record judged again.

Here: views. Nothing here sends, and nothing of a replay is stored. Not here: the judging
(holding/trials).
"""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, g, request, url_for

from holding.db.refusal import Refusal
from holding.platform import processes as doorbell
from holding.records import record_rows
from holding.rulesets import change_list
from holding.rulesets import publication as open_changes
from holding.trials import draft_trials as replays
from holding.trials import shadow_pages as shown_shadows
from holding.trials import shadows
from holding.trials import shadows as tried_rules
from holding.trials.shadows import Candidate
from portal.web import filters, forms, fragments, store

pages = Blueprint("trials", __name__, url_prefix="/c/<co>")
THEN, RULESET, CHANGE = "then", "ruleset", "change"
VERSIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """Rules that a record can be replayed with."""

    word: str
    label: str


@pages.get("/rules/changes/<int:no>/shadow")
def differences(no: int) -> Response:
    """What the shadow of a change judged otherwise, the newest first."""
    change = change_of(no)
    session, asked = store.reading(), request.args.get("before")
    before = forms.whole(asked)
    shadow = shown_shadows.shadow_of_change(session, g.company.id, change.change_id)
    if shadow is None or (asked is not None and before is None):
        abort(404)
    found = shown_shadows.differences(session, g.company.id, shadow.id, before=before)
    shown = found[: shown_shadows.SHOWN]
    return fragments.respond(
        "rulesets/shadow.html",
        change=change,
        shadow=shadow,
        ending=shadows.ENDINGS[shadow.ending] if shadow.ending else "",
        differences=shown,
        further=shown[-1].evaluation_id if len(found) > len(shown) else None,
    )


@pages.post("/rules/changes/<int:no>/shadow")
def begin(no: int) -> Response:
    """Let the change judge what comes, without effect."""
    back = url_for("changes.show", co=g.company.code, no=no)
    days = forms.whole(request.form.get("days")) or 0
    with store.writing() as session:
        answer = shadows.begin(session, no, g.actor, days, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "shadow")
    say = f"The shadow has begun. It ends at {filters.moment(answer)}."
    return fragments.moved(url_for("trials.differences", co=g.company.code, no=no), say)


@pages.post("/rules/changes/<int:no>/shadow/end")
def end(no: int) -> Response:
    """End the shadow; what it found stays."""
    change = change_of(no)
    back = url_for("trials.differences", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = shadows.end_by_hand(session, g.company.id, change.change_id, g.actor, g.now)
    if refusal:
        return fragments.refuse(refusal, back=back)
    return fragments.moved(back, "The shadow has ended. Its differences stay here.")


@pages.get("/replay/<source>/<kind>/<record_id:external_id>")
def replay(source: str, kind: str, external_id: str) -> Response:
    """A stored verdict of a record judged again, beside the original."""
    session = store.reading()
    record = record_rows.record(session, g.company.id, source, kind, external_id)
    if record is None:
        abort(404)
    verdicts = replays.stored_verdicts(session, record.id)
    choices = _choices()
    asked = request.args.get("verdict")
    wanted = forms.whole(asked) if asked else verdicts[0].evaluation_id if verdicts else None
    chosen = next((one for one in verdicts if one.evaluation_id == wanted), None)
    word = request.args.get("rules", THEN)
    if (asked and chosen is None) or word not in {one.word for one in choices}:
        abort(404)
    payload = request.args.get("facts") == "now"
    found: replays.Replay | Refusal | None = None
    if chosen is not None:
        now = g.now if payload else None
        found = replays.replayed(session, g.company.id, chosen.evaluation_id, _given(word), now)
    gone = found if isinstance(found, Refusal) else None
    return fragments.respond(
        "rulesets/replay.html",
        status=200,
        record=record,
        place={"source": source, "kind": kind, "external_id": external_id},
        verdicts=verdicts,
        chosen=chosen,
        choices=choices,
        word=word,
        payload=payload,
        found=None if gone else found,
        gone=gone,
        values=filters.sees_personal(),
    )


def _choices() -> list[Choice]:
    session, in_force = store.reading(), g.company.ruleset_version_id
    found = [Choice(THEN, "The rules of then")]
    for version in change_list.versions(session, g.company.id)[:VERSIONS]:
        note = ", in force" if version.version_id == in_force else ""
        found.append(Choice(f"{RULESET}-{version.no}", f"Rule version {version.no}{note}"))
    found += [
        Choice(f"{CHANGE}-{one.no}", f"Change {one.no}: {one.title}")
        for one in change_list.changes(session, g.company.id)
        if one.waits(in_force)
    ]
    return found


def _given(word: str) -> Candidate | None:
    """The rules that a word of the choices names; None for those of then."""
    kind, _, number = word.partition("-")
    no = forms.whole(number)
    if no is None:
        return None
    of = tried_rules.of_change if kind == CHANGE else tried_rules.of_version
    return of(store.reading(), g.company.id, no)


def change_of(no: int) -> open_changes.ReadChange:
    """The change of this number; 404 where the company has none."""
    found = open_changes.change(store.reading(), g.company.id, no)
    if found is None:
        abort(404)
    return found
