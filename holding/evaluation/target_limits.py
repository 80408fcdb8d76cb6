"""Hold documents that their target could never take, while they are judged."""

from typing import Final

from connectors.contract import Action, Answer
from connectors.contract.errors import RETRY
from connectors.contract.targets import Prechecking
from grammar.text.finding_codes import ErrorClass
from holding.evaluation.batch import Batch, Plan, TargetRow, WantedHold
from rules.outcomes import Document
from rules.program import Route
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

TARGET_LIMIT: Final = "VAL05"

RULE: Final = "target_limits"


def find_limit(
    batch: Batch, plan: Plan, route: Route, seq: int, document: Document, action: Action
) -> str:
    """Return why the target could never take the document, and plan its hold; else nothing.

    The connector checks the document as it would before sending it, so that a length, a quantity,
    a rate or the number of lines is found while the record is judged.
    """
    target = batch.targets[route.target]
    system = target.name
    if not isinstance(target.connector, Prechecking):
        return ""
    answer = target.connector.refusal(document, target.settings, action)
    if answer is None:
        return ""
    number_words, is_own_number = _number_words(target, plan, document)
    error_class: ErrorClass = answer.error_class or "bad_value"
    words = number_words or answer.words
    owner = "" if number_words and not is_own_number else RETRY[error_class].owner
    wanted = WantedHold(
        route=route.name,
        seq=seq,
        code=TARGET_LIMIT,
        error_class=error_class,
        severity="hold",
        rule=RULE,
        at_rule="",
        message=words,
        would_pass="its value is one that the accounting system can take",  # noqa: S106
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, _cause(answer, bool(number_words))),
        cause_label=f"{system} could not take the document",
        team_id=batch.team(owner),
        number=document.number,
        doc_type=route.document,
        doc_date=document.date,
        connection_id=target.id,
    )
    plan.wanted.setdefault(wanted.key, wanted)
    return words


def _cause(answer: Answer, is_number: bool) -> str:
    """Return what documents with the same limit have in common: the field, without its value."""
    field = "number" if is_number else answer.words.partition(" of line ")[0].partition(" has ")[0]
    return f"{RULE}:{field[:60]}"


def _number_words(target: TargetRow, plan: Plan, document: Document) -> tuple[str, bool]:
    """Return the message about a number that is too long, and whether it is the source's own.

    Where the rules lengthen the record's number, whoever writes the rules has to shorten it.
    """
    documents = target.connector.documents if target.connector is not None else ()
    most = next((one.number_max for one in documents if one.name == document.document), 0)
    number, system = document.number, target.name
    length = len(number)
    if length <= most:
        return "", False
    own = plan.judged.outcome.number if plan.judged.outcome is not None else ""
    before, _, after = number.partition(own) if own else ("", "", "")
    added = " and ".join(filter(None, (before, after)))
    if own in ("", number) or len(own) > most or not added:
        return f"{number} has {length} characters, {system} takes {most}.", True
    words = f"{number} has {length} characters, {system} takes {most}; the rules add {added}."
    return words, False
