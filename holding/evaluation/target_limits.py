"""Hold documents that their target could never take, while their record is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from connectors.contract import Action, Answer, OutgoingDocument, Settings, Target
from connectors.contract.errors import RETRY
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.contract.targets import Prechecking
from grammar.text.finding_codes import ErrorClass
from holding.db.models.columns import from_minor, to_minor
from holding.evaluation.batch import Batch, Plan, WantedHold
from holding.platform.states import TARGET_LIMIT
from rules.outcomes import Document
from rules.program import Route
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

LIMITS_RULE: Final = "target_limits"

Fillings = Mapping[str, str]

_TEXT: Final = "text"

_FILLINGS: Final[tuple[Fillings, Fillings]] = (
    {"date": "2000-01-01", "yesno": "yes", _TEXT: "x"}
    | dict.fromkeys(("whole", "decimal", "money", "quantity"), "1"),
    {"date": "2000-01-02", "yesno": "no", _TEXT: "y"}
    | dict.fromkeys(("whole", "decimal", "money", "quantity"), "2"),
)
"""Two values of each type, for a value that is still missing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Why a target could never take a document: the words, and who can change it.

    `cause` is equal for documents with an equal limit. `owner` is blank if the rules must be
    changed. `is_number` if the document number is too long.
    """

    words: str
    error_class: ErrorClass
    cause: str
    owner: str
    is_number: bool


def find_limit(
    batch: Batch, plan: Plan, route: Route, seq: int, document: Document, action: Action
) -> str:
    """Return why the target could never take the document, and plan its hold; else nothing.

    The connector checks the document as it would before sending it, so that a length, a quantity,
    a rate or the number of lines is found while the record is judged.
    """
    target = batch.targets[route.target]
    own_number = plan.judged.outcome.number if plan.judged.outcome is not None else ""
    limit = limit_of(target.connector, target.name, target.settings, document, own_number, action)
    if limit is not None:
        want_limit(batch, plan, route, seq, document, limit)
    return limit.words if limit is not None else ""


def find_limit_of_incomplete(
    batch: Batch, plan: Plan, route: Route, seq: int, document: Document
) -> None:
    """Plan the hold of a document that lacks values, where those it has are beyond a limit.

    All reasons are shown at once, not the limit only after the missing values were added.
    """
    target = batch.targets[route.target]
    own_number = plan.judged.outcome.number if plan.judged.outcome is not None else ""
    schema = _schema_of(target.connector, document)
    if schema is None:
        return
    # A limit that comes and goes with the filled-in values is none of the document: "Amount of line
    # 2 is 5.00, but 1 times 1 is 1.00" compares the amount with a quantity and a price of ours.
    limit, other = (
        limit_of(
            target.connector,
            target.name,
            target.settings,
            _filled(document, schema, fillings),
            own_number,
            "create",
        )
        for fillings in _FILLINGS
    )
    if limit is not None and limit == other and _is_about_known_values(limit, document, schema):
        want_limit(batch, plan, route, seq, document, limit)


def want_limit(
    batch: Batch, plan: Plan, route: Route, seq: int, document: Document, limit: Limit
) -> None:
    """Plan the hold of a document that its target could never take."""
    target = batch.targets[route.target]
    wanted_hold = WantedHold(
        route=route.name,
        seq=seq,
        code=TARGET_LIMIT,
        error_class=limit.error_class,
        severity="hold",
        rule=LIMITS_RULE,
        at_rule="",
        message=limit.words,
        would_pass="a new version or other rules give a value that the accounting system can take",  # noqa: S106
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, limit.cause),
        cause_label=limit_label(target.name),
        team_id=batch.team(limit.owner),
        number=document.number,
        doc_type=route.document,
        doc_date=document.date,
        connection_id=target.id,
    )
    plan.wanted.setdefault(wanted_hold.key, wanted_hold)


def limit_label(system: str) -> str:
    """Return the label of the cause that documents beyond a limit of a target share."""
    return f"{system} could not take the document"


def limit_of(
    target: Target | None,
    system: str,
    settings: Settings,
    document: OutgoingDocument,
    own_number: str,
    action: Action,
) -> Limit | None:
    """Return the limit of the target that a document exceeds, or None.

    `own_number` is the record's number, from which the rules may make a longer one.
    """
    if not isinstance(target, Prechecking):
        return None
    answer = target.refusal(document, settings, action)
    stored_amount = from_minor(to_minor(document.amount, document.currency), document.currency)
    if answer is None and stored_amount != document.amount == round(document.amount, 2):
        # Yen have no decimals: pages, sums and approvals would show another amount than is sent.
        words = (
            f"The amount is {document.amount}, and {document.currency} has fewer decimals: it would"
            f" be shown as {stored_amount}."
        )
        answer = Answer(kind="refused", error_class="bad_value", words=words)
    if answer is None:
        return None
    number_words, is_own_number = _number_words(target, system, document, own_number)
    error_class: ErrorClass = answer.error_class or "bad_value"
    return Limit(
        words=number_words or answer.words,
        error_class=error_class,
        cause=_limit_cause(answer, bool(number_words)),
        owner="" if number_words and not is_own_number else RETRY[error_class].owner,
        is_number=bool(number_words),
    )


def _limit_cause(answer: Answer, is_number: bool) -> str:
    """Return the common key of documents with an equal limit: the field, without its value."""
    field = "number" if is_number else answer.words.partition(" of line ")[0].partition(" has ")[0]
    return f"{LIMITS_RULE}:{field[:60]}"


def _number_words(
    target: Prechecking, system: str, document: OutgoingDocument, own_number: str
) -> tuple[str, bool]:
    """Return the message about a number that is too long, and whether it is the source's own.

    If the rules lengthen the record's number, the rules must be changed.
    """
    schema = _schema_of(target, document)
    most, number = schema.number_max if schema is not None else 0, document.number
    length = len(number)
    if schema is None or length <= most:
        return "", False
    before, _, after = number.partition(own_number) if own_number else ("", "", "")
    added = " and ".join(filter(None, (before, after)))
    if own_number in ("", number) or len(own_number) > most or not added:
        return f"{number} has {length} characters, {system} takes {most}.", True
    words = f"{number} has {length} characters, {system} takes {most}; the rules add {added}."
    return words, False


def _schema_of(target: object, document: OutgoingDocument) -> DocumentSchema | None:
    """Return the target's schema of a document's type, or None."""
    schemas = target.documents if isinstance(target, Prechecking) else ()
    return next((schema for schema in schemas if schema.name == document.document), None)


def _filled(document: Document, schema: DocumentSchema, fillings: Fillings) -> Document:
    """Return the document with a valid value in each required field that it lacks."""
    fields = _with_values(schema.header, document.fields, fillings)
    lines = tuple(_with_values(schema.lines, line, fillings) for line in document.lines)
    return replace(document, fields=fields, lines=lines)


def _with_values(
    fields: tuple[FieldSchema, ...], values: Mapping[str, str], fillings: Fillings
) -> Mapping[str, str]:
    blank = (
        field for field in fields if (field.required or field.needed) and not values.get(field.name)
    )
    filled = {field.name: fillings.get(field.type, fillings[_TEXT]) for field in blank}
    return {**values, **filled}


def _is_about_known_values(limit: Limit, document: Document, schema: DocumentSchema) -> bool:
    """Check whether a limit is one of the number or of a value that the document has.

    A connector's message about a filled-in or missing value is no limit.
    """
    if limit.error_class == "missing_field":
        return False
    known_titles = {
        title
        for fields, rows in ((schema.header, [document.fields]), (schema.lines, document.lines))
        for field in fields
        if any(row.get(field.name) for row in rows)
        for title in (field.title, field.name)
        if title
    }
    is_about_lines = " lines; " in limit.words
    is_about_value = limit.words.startswith(tuple(f"{title} " for title in known_titles))
    return limit.is_number or is_about_lines or is_about_value
