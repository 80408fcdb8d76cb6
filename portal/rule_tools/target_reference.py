"""The reference of a target's documents and fields, and the facts of record kinds."""

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
"""Type of a field -> what people call it."""

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

_LISTED: Final = {
    "account": "accounts",
    "tax_code": "tax codes",
    "currency": "currencies",
    "payment_method": "payment methods",
    "payment_term": "payment terms",
}

_WHOLE: Final = {
    "customer": "customers",
    "vendor": "suppliers",
    "item": "items",
    "invoice": "unpaid invoices",
    "bill": "unpaid bills",
}

_NAMED: Final = {
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
"""What a document can name there, or pay, in the order in which people are told of it."""

_KIND_OF: Final = {"tax_code": "tax"}  # what lists call otherwise than fields


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that can be known of a target: its name, and a sentence."""

    name: str
    says: str


def facts(target: Target) -> tuple[Fact, ...]:
    """What the target declares of itself, in sentences."""
    return tuple(Fact(name, says) for name, says in _facts(target) if says)


def _facts(target: Target) -> Iterator[tuple[str, str]]:
    same = target.form.tells.second_documents if target.form.tells else ()
    yield "Second documents", " ".join((_DEDUPE[target.dedupe], *same))
    yield "Look-up", _looked_up(target)
    yield "Limits of a batch", _limits(target)
    yield "Calls", _pace(target)
    yield "Rounding", _rounding(target)
    yield "Lists", listed_text(target)
    yield "Not listed", unlisted_text(target)
    yield "Posted documents", _posted(target)
    yield "Documents typed by hand", _searched(target)
    yield from _books(target)
    if target.form.e_invoices:
        yield "E-invoices", " ".join(target.form.e_invoices.says)
    yield "Key", _key(target)


def _looked_up(target: Target) -> str:
    says = _LOOKUP[target.lookup]
    return says if target.lookup != "lagging" else f"{says} {target.settle_seconds:,.0f} seconds."


def _limits(target: Target) -> str:
    limits = target.file_limits
    if limits.documents == 1:
        return "One document a call; there are no batches."
    kinds = [
        (limits.documents, "documents"),
        (limits.rows, "rows without the heading"),
        (limits.bytes, "bytes"),
    ]
    said = [f"{count:,} {noun}" for count, noun in kinds if count is not None]
    return f"At most {join_words(said)} in one call."


def _pace(target: Target) -> str:
    if isinstance(target, ImportedByHand):
        return "None: a person carries a file there."
    pace = target.pace
    often = f"{pace.per_minute:,} a minute" if pace.per_minute else "No figure a minute is given"
    one = f"a document costs at most {pace.to_send} to send and {pace.to_look} to look up"
    more = (f"; {calls} more where `{name}` is set" for name, calls in pace.more_where)
    return f"{often}; {one}{''.join(more)}."


def _rounding(target: Target) -> str:
    usual = _ROUNDING[target.rounding({})]
    may = any(one.name == "rounding_mode" for one in target.form.settings)
    return f"{usual} The setting `rounding_mode` may say otherwise." if may else usual


def _posted(target: Target) -> str:
    if isinstance(target, ImportedByHand):
        return "Compared with a listing that a person saves there."
    if not isinstance(target, Readable):
        return "They are not read again."
    many = "one" if target.read_at_once == 1 else str(target.read_at_once)
    read = f"They are read again, {many} in a call."
    asked = " Before that one call asks which of them were changed."
    later = " The answer comes later." if isinstance(target, ReadsLater) else ""
    return f"{read}{asked if isinstance(target, TellsChanges) else ''}{later}"


def _searched(target: Target) -> str:
    if isinstance(target, Searchable):
        return "They are found: same party, same amount, about the same day."
    return "They cannot be found: only a document of our own number is."


def _books(target: Target) -> Iterator[tuple[str, str]]:
    tells = target.form.tells
    if tells is None:
        return
    yield "Units", "How it counts an item is read." if tells.units else "It tells none."
    yield "Stock", "How many of an item there are is read." if tells.stock else "It tells none."
    yield "Periods", "They are listed." if tells.periods else "They are not listed."
    told = tells.closing_date == "told"
    entered = "It is not told: a person keeps it in the setting `locked_through`."
    yield "Closing date", "The connection test reads it." if told else entered
    if isinstance(target, TellsParties):
        yield "Parties", "A document is held before it is sent where its party cannot take it."


def _key(target: Target) -> str:
    if isinstance(target, Authorizing):
        return "A person allows it on the target's own page, and it is renewed automatically."
    if isinstance(target, Renewing):
        return "The entered key is exchanged for one that is good for a while, automatically."
    return "An entered key." if target.form.key else "It has none."


def reference_page(target: Target, other_ways: Iterable[OtherWay] = ()) -> str:
    """The whole page, as Markdown. `other_ways` are of documents of which rules may speak, and
    which it does not take.
    """
    form = target.form
    parts = [f"# {form.title}: `{target.name}`", f"{form.gives}. You need: {_small(form.needs)}."]
    parts += [_list("It can", form.can)] if form.can else []
    parts += [_list("It cannot", form.cannot)] if form.cannot else []
    parts += ["## What is known of it"]
    parts += [_table(("", ""), [(one.name, one.says) for one in facts(target)])]
    for document in target.documents:
        parts += _document(document)
    for way in other_ways:
        parts += _document(way.document, way)
    return "\n\n".join(parts) + "\n"


def _small(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _list(title: str, said: Iterable[str]) -> str:
    return "\n".join([f"{title}:", "", *(f"- {_small(one)}" for one in said)])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _document(document: DocumentSchema, way: OtherWay | None = None) -> Iterator[str]:
    yield f"## {document.title}: `{document.name}`"
    yield " ".join((*(_way_of(way) if way else ()), *_said_of(document)))
    yield _fields(document.header)
    if document.lines:
        yield "Each of its lines:"
        yield _fields(document.lines)


def _way_of(way: OtherWay) -> Iterator[str]:
    yield "Rules may speak of it; nothing posts it."
    by = f"by {' or '.join(way.by)}" if way.by else "by hand"
    yield f"It comes into {way.system} {by}."


def _said_of(document: DocumentSchema) -> Iterator[str]:
    actions = {"update": "changed", "void": "made void"}
    can = [actions[one] for one in document.actions]
    if document.connected:
        yield (
            f"A posted one can be {join_words(can)}." if can else "A posted one cannot be changed."
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


def _fields(fields: Sequence[FieldSchema]) -> str:
    rows = [(f"`{one.name}`", type_text(one), requirement(one), one.meaning) for one in fields]
    return _table(("field", "type", "asked", "meaning"), rows)


def type_text(one: FieldSchema) -> str:
    """Its type, with its length or places."""
    longest = f", at most {one.max_length} characters" if one.max_length else ""
    places = f", {one.places} decimals" if one.places is not None else ""
    return f"{TYPES[one.type]}{longest}{places}"


def requirement(one: FieldSchema) -> str:
    """Whether a rule has to fill it, may, or cannot."""
    if one.theirs:
        return "never filled"
    if one.required:
        return "required"
    if one.needed:
        return "needed to publish"
    return "optional" if one.sent else "compared, not sent"


def reference_data(target: Target, unposted: Iterable[DocumentSchema] = ()) -> dict[str, object]:
    """The same for programs."""
    return {
        "target": target.name,
        "title": target.form.title,
        "facts": {one.name: one.says for one in facts(target)},
        "documents": [_data_of(one) for one in (*target.documents, *unposted)],
    }


def _data_of(document: DocumentSchema) -> dict[str, object]:
    return {
        "document": document.name,
        "title": document.title,
        "posted": document.connected,
        "actions": list(document.actions),
        "fields": [_data_of_field(one) for one in document.header],
        "lines": [_data_of_field(one) for one in document.lines],
    }


def _data_of_field(one: FieldSchema) -> dict[str, object]:
    return {
        "name": one.name,
        "type": one.type,
        "max_length": one.max_length,
        "places": one.places,
        "asked": requirement(one),
        "refers": one.refers,
        "meaning": one.meaning,
    }


def listed_text(target: Target) -> str:
    """What it lists, and when that is read."""
    kinds = dict.fromkeys(kind for document in target.documents for kind, _ in document.lists)
    none = "It lists no codes: a code that it lacks is refused when it is sent."
    listed = join_words([_LISTED[kind] for kind in kinds]).capitalize()
    tested = f"{listed}, read by the connection test."
    if not isinstance(target, TellsLists):
        return tested if kinds else none
    whole = join_words([_WHOLE[kind] for kind in target.lists]).capitalize()
    planned = f"{whole}, read on a plan of the connection."
    return f"{tested} {planned}" if kinds else planned


def unlisted_text(target: Target) -> str:
    """What documents name or pay there, and no list of it can be read."""
    fields = [one for doc in target.documents for one in (*doc.header, *doc.lines)]
    named = {word for one in fields for word in (one.refers, one.pays) if word}
    told = {_KIND_OF.get(kind, kind) for doc in target.documents for kind, _ in doc.lists}
    told |= {*target.lists} if isinstance(target, TellsLists) else set()
    lacking = [kind for kind in _NAMED if kind in named - told]
    if not lacking:
        return ""
    by_file = [_NAMED[kind] for kind in lacking if kind in _WHOLE]
    says = f"{join_words([_NAMED[kind] for kind in lacking]).capitalize()}."
    if by_file:
        says += f" A list of {join_words(by_file)} can be uploaded, with its day;"
        says += " what was posted with counts as known."
    if isinstance(target, TellsItems):
        says += " An item that documents name is asked for by its code."
    return says


def join_words(said: Sequence[str]) -> str:
    """Words as people say them one after the other."""
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
