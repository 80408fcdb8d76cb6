"""Describe a target's documents, fields and facts as Markdown and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from connectors.contract.pulls import ImportedByHand
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.contract.targets import (
    Authorizing,
    Readable,
    ReadsLater,
    Renewing,
    Searchable,
    Target,
    TellsChanges,
    TellsItems,
    TellsLists,
    TellsParties,
)
from connectors.registry import OtherWay

TYPES: Final = {
    "text": "text",
    "whole": "whole number",
    "decimal": "number",
    "money": "amount",
    "quantity": "quantity",
    "date": "day",
    "moment": "moment",
    "yesno": "yes or no",
}
"""Field type -> its name for people."""

_DEDUPE: Final = {
    "key": "It does the same request only once: by the key that each call carries.",
    "number": "It refuses a second document of the same number.",
    "number+customer": "It refuses a second document of the same number and customer or supplier.",
    "none": "It refuses no second document: Clearpost makes sure that there is none.",
}

_LOOKUP: Final = {
    "strong": "A document is looked up by its number, and what is found counts at once.",
    "lagging": "A document is looked up by its number; a new one may show after",
    "none": "Documents cannot be looked up: a person compares them.",
}

_ROUNDING: Final = {
    "per_line": "Each line is rounded, then they are summed.",
    "sum_then_round": "The sum is rounded once.",
}

_TESTED_LISTS: Final = {
    "account": "accounts",
    "tax_code": "tax codes",
    "currency": "currencies",
    "payment_method": "payment methods",
    "payment_term": "payment terms",
}

_PLANNED_LISTS: Final = {
    "customer": "customers",
    "vendor": "suppliers",
    "item": "items",
    "invoice": "unpaid invoices",
    "bill": "unpaid bills",
}

_NAMED_KINDS: Final = {
    "account": "accounts",
    "tax": "tax codes",
    "currency": "currencies",
    "customer": "customers",
    "vendor": "suppliers",
    "item": "items",
    "warehouse": "locations",
    "payment_method": "payment methods",
    "payment_term": "payment terms",
    "invoice": "unpaid invoices",
    "bill": "unpaid bills",
}
"""Kinds that a document can name or pay, in display order."""

_FIELD_KIND: Final = {"tax_code": "tax"}  # list kind -> field kind, where they differ


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about a target: its name, and a sentence."""

    name: str
    says: str


def facts(target: Target) -> tuple[Fact, ...]:
    """Return what the target declares about itself, in sentences."""
    return tuple(Fact(name, says) for name, says in _facts(target) if says)


def _facts(target: Target) -> Iterator[tuple[str, str]]:
    duplicate_sentences = target.form.tells.second_documents if target.form.tells else ()
    yield "Second documents", " ".join((_DEDUPE[target.dedupe], *duplicate_sentences))
    yield "Look-up", _lookup_text(target)
    yield "Limits of a batch", _batch_limits_text(target)
    yield "Calls", _pace_text(target)
    yield "Rounding", _rounding_text(target)
    yield "Lists", listed_text(target)
    yield "Not listed", unlisted_text(target)
    yield "Posted documents", _posted_text(target)
    yield "Documents typed by hand", _search_text(target)
    yield from _declared_facts(target)
    if target.form.e_invoices:
        yield "E-invoices", " ".join(target.form.e_invoices.says)
    yield "Key", _key_text(target)


def _lookup_text(target: Target) -> str:
    says = _LOOKUP[target.lookup]
    return says if target.lookup != "lagging" else f"{says} {target.settle_seconds:,.0f} seconds."


def _batch_limits_text(target: Target) -> str:
    limits = target.file_limits
    if limits.documents == 1:
        return "One document a call; there are no batches."
    kinds = [
        (limits.documents, "documents"),
        (limits.rows, "rows without the heading"),
        (limits.bytes, "bytes"),
    ]
    limit_texts = [f"{count:,} {noun}" for count, noun in kinds if count is not None]
    return f"At most {join_words(limit_texts)} in one call."


def _pace_text(target: Target) -> str:
    if isinstance(target, ImportedByHand):
        return "None: a person carries a file there."
    pace = target.pace
    rate_text = (
        f"{pace.per_minute:,} a minute" if pace.per_minute else "No figure a minute is given"
    )
    cost_text = f"a document costs at most {pace.to_send} to send and {pace.to_look} to look up"
    extra_costs = (f"; {calls} more where `{name}` is set" for name, calls in pace.more_where)
    return f"{rate_text}; {cost_text}{''.join(extra_costs)}."


def _rounding_text(target: Target) -> str:
    usual_rounding = _ROUNDING[target.rounding({})]
    is_configurable = any(setting.name == "rounding_mode" for setting in target.form.settings)
    return (
        f"{usual_rounding} The setting `rounding_mode` may say otherwise."
        if is_configurable
        else usual_rounding
    )


def _posted_text(target: Target) -> str:
    if isinstance(target, ImportedByHand):
        return "Compared with a listing that a person saves there."
    if not isinstance(target, Readable):
        return "They are not read again."
    batch_text = "one" if target.read_at_once == 1 else str(target.read_at_once)
    read_text = f"They are read again, {batch_text} in a call."
    change_query_text = " Before that one call asks which of them were changed."
    delay_text = " The answer comes later." if isinstance(target, ReadsLater) else ""
    return f"{read_text}{change_query_text if isinstance(target, TellsChanges) else ''}{delay_text}"


def _search_text(target: Target) -> str:
    if isinstance(target, Searchable):
        return "They are found: same party, same amount, about the same day."
    return "They cannot be found: only a document of our own number is."


def _declared_facts(target: Target) -> Iterator[tuple[str, str]]:
    declared = target.form.tells
    if declared is None:
        return
    yield "Units", "How it counts an item is read." if declared.units else "It tells none."
    yield "Stock", "How many of an item there are is read." if declared.stock else "It tells none."
    yield "Periods", "They are listed." if declared.periods else "They are not listed."
    is_reported = declared.closing_date == "reported"
    entered_text = "It is not told: a person keeps it in the setting `locked_through`."
    yield "Closing date", "The connection test reads it." if is_reported else entered_text
    if isinstance(target, TellsParties):
        yield "Parties", "A document is held before it is sent where its party cannot take it."


def _key_text(target: Target) -> str:
    if isinstance(target, Authorizing):
        return "A person allows it on the target's own page, and it is renewed automatically."
    if isinstance(target, Renewing):
        return "The entered key is exchanged for one that is good for a while, automatically."
    return "An entered key." if target.form.key else "It has none."


def reference_page(target: Target, other_ways: Iterable[OtherWay] = ()) -> str:
    """Return the whole page as Markdown.

    `other_ways` describe documents that rules may name but that the target does not take.
    """
    form = target.form
    parts = [
        f"# {form.title}: `{target.name}`",
        f"{form.gives}. You need: {_lower_first(form.needs)}.",
    ]
    parts += [_bullet_list("It can", form.can)] if form.can else []
    parts += [_bullet_list("It cannot", form.cannot)] if form.cannot else []
    parts += ["## What is known of it"]
    parts += [_table(("", ""), [(fact.name, fact.says) for fact in facts(target)])]
    for document in target.documents:
        parts += _document(document)
    for other_way in other_ways:
        parts += _document(other_way.document, other_way)
    return "\n\n".join(parts) + "\n"


def _lower_first(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _bullet_list(title: str, sentences: Iterable[str]) -> str:
    return "\n".join([f"{title}:", "", *(f"- {_lower_first(sentence)}" for sentence in sentences)])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _document(document: DocumentSchema, other_way: OtherWay | None = None) -> Iterator[str]:
    yield f"## {document.title}: `{document.name}`"
    yield " ".join(
        (*(_other_way_sentences(other_way) if other_way else ()), *_document_sentences(document))
    )
    yield _field_table(document.header)
    if document.lines:
        yield "Each of its lines:"
        yield _field_table(document.lines)


def _other_way_sentences(other_way: OtherWay) -> Iterator[str]:
    yield "Rules may speak of it; nothing posts it."
    by = f"by {' or '.join(other_way.by)}" if other_way.by else "by hand"
    yield f"It comes into {other_way.system} {by}."


def _document_sentences(document: DocumentSchema) -> Iterator[str]:
    actions = {"update": "changed", "void": "made void"}
    possible_changes = [actions[action] for action in document.actions]
    if document.connected:
        yield (
            f"A posted one can be {join_words(possible_changes)}."
            if possible_changes
            else "A posted one cannot be changed."
        )
    yield f"`{document.number_field}` is its number, at most {document.number_max} characters,"
    party = f" and `{document.party_field}` its party" if document.party_field else ""
    yield f"`{document.date_field}` its day{party}."
    if document.total_field:
        yield f"`{document.total_field}` is its total."
    if document.one_row:
        yield "With a single line, all may stand in its head."
    if document.touches_earlier:
        yield "It is refused where a document that it follows lies in a locked period."
    if document.singly:
        yield "Each goes in a call of its own."
    if not document.shown:
        yield "No list shows it: it is not read again, and a lost answer is asked for by its key."


def _field_table(fields: Sequence[FieldSchema]) -> str:
    rows = [
        (f"`{field.name}`", type_text(field), requirement(field), field.meaning) for field in fields
    ]
    return _table(("field", "type", "asked", "meaning"), rows)


def type_text(field: FieldSchema) -> str:
    """Return the field's type with its length or decimal places."""
    length_text = f", at most {field.max_length} characters" if field.max_length else ""
    places = f", {field.places} decimals" if field.places is not None else ""
    return f"{TYPES[field.type]}{length_text}{places}"


def requirement(field: FieldSchema) -> str:
    """Return whether a rule must fill the field, may fill it, or cannot."""
    if field.theirs:
        return "never filled"
    if field.required:
        return "required"
    if field.needed:
        return "needed to publish"
    return "optional" if field.sent else "compared, not sent"


def reference_data(target: Target, unposted: Iterable[DocumentSchema] = ()) -> dict[str, object]:
    """Return the reference as JSON values for other programs."""
    return {
        "target": target.name,
        "title": target.form.title,
        "facts": {fact.name: fact.says for fact in facts(target)},
        "documents": [_document_data(document) for document in (*target.documents, *unposted)],
    }


def _document_data(document: DocumentSchema) -> dict[str, object]:
    return {
        "document": document.name,
        "title": document.title,
        "posted": document.connected,
        "actions": list(document.actions),
        "fields": [_field_data(field) for field in document.header],
        "lines": [_field_data(field) for field in document.lines],
    }


def _field_data(field: FieldSchema) -> dict[str, object]:
    return {
        "name": field.name,
        "type": field.type,
        "max_length": field.max_length,
        "places": field.places,
        "asked": requirement(field),
        "refers": field.refers,
        "meaning": field.meaning,
    }


def listed_text(target: Target) -> str:
    """Return what the target lists, and when each list is read."""
    kinds = dict.fromkeys(kind for document in target.documents for kind, _ in document.lists)
    no_lists_text = "It lists no codes: a code that it lacks is refused when it is sent."
    listed = join_words([_TESTED_LISTS[kind] for kind in kinds]).capitalize()
    tested_text = f"{listed}, read by the connection test."
    if not isinstance(target, TellsLists):
        return tested_text if kinds else no_lists_text
    full_lists = join_words([_PLANNED_LISTS[kind] for kind in target.lists]).capitalize()
    planned = f"{full_lists}, read on a plan of the connection."
    return f"{tested_text} {planned}" if kinds else planned


def unlisted_text(target: Target) -> str:
    """Return what documents name or pay in the target although no list can be read."""
    fields = [field for doc in target.documents for field in (*doc.header, *doc.lines)]
    named_kinds = {word for field in fields for word in (field.refers, field.pays) if word}
    listed_kinds = {
        _FIELD_KIND.get(kind, kind) for doc in target.documents for kind, _ in doc.lists
    }
    listed_kinds |= {*target.lists} if isinstance(target, TellsLists) else set()
    unlisted_kinds = [kind for kind in _NAMED_KINDS if kind in named_kinds - listed_kinds]
    if not unlisted_kinds:
        return ""
    by_file = [_NAMED_KINDS[kind] for kind in unlisted_kinds if kind in _PLANNED_LISTS]
    text = f"{join_words([_NAMED_KINDS[kind] for kind in unlisted_kinds]).capitalize()}."
    if by_file:
        text += f" A list of {join_words(by_file)} can be uploaded, with its day;"
        text += " what was posted with counts as known."
    if isinstance(target, TellsItems):
        text += " An item that documents name is asked for by its code."
    return text


def join_words(words: Sequence[str]) -> str:
    """Join words with commas and a final "and"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
