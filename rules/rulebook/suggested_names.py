"""Suggest names while a user types in the rule editor, with the meaning of each name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from grammar import nodes
from grammar.parsing.incremental import Reader
from grammar.text.finding_codes import CODES
from grammar.text.problem import Span
from rules.editing.mentions import Suggestion, Symbol, suggest
from rules.phrases import join_words, phrases_of
from rules.rulebook import actions, route_sentences, setup_sentences
from rules.rulebook.actions import owned_by
from rules.types.inference import field_type
from rules.types.symbol_table import FACTS, Index, Schemas, Scope
from rules.values.kinds import Type, say_type
from rules.values.wording import readable_name

MOST: Final = 12

_TYPED: Final = re.compile(r"[A-Za-z_]\w*$")

KEYWORDS: dict[str, str] = {
    # what starts a declaration
    "language": "the version of the language that the file is written in",
    "role": "a team that looks after holds and gives approvals",
    "const": "a fixed value with the days from which it counts",
    "source": "where records come from: its currency, its time zone, who owns what it leaves blank",
    "target": "where documents go, with its rounding, and who owns what it cannot tell",
    "record": "what arrives: its fields as they are sent, and fields that are worked out",
    "link": "other records that belong to this one, as a list with a stated end",
    "map": "a table that turns a word of the source into one of the target",
    "units": "the table of units: how many of the base unit one of them holds",
    "gate": "which statuses may go; every status has exactly one answer",
    "check": "what must be true before a document goes, and what happens if it is not",
    "duplicates": "what makes a record one that was there before",
    "approve": "who must agree to exactly what is sent, before it is sent",
    "retry": "what follows each kind of error that a target answers with",
    "post": "a route: one document in a target, with everything about it",
    "sample": "a record with its moment and its world, for tests",
    "test": "a sample, what is different this time, and what must come of it",
    "silence": "a finding of style that is meant so, with the reason",
    # records
    "key": "tells one record from another; lines are matched by theirs over versions",
    "family": "records with the same value belong together and are posted one after the other",
    "dated": "the day of this field decides which values of consts and mappings count",
    "optional": "the field may be missing; any other field that is missing holds the record",
    "completed": "the team that may fill the field in where the source left it blank",
    "many": "the lines of the record, each of them a record of its own kind",
    "otherwise": "the value to take where the one before it is missing",
    "known": "whether a value is there; this is a question that holds no record",
    "where": "only those of the list for which this is so; bare names are fields of the list",
    "kept": "the team that alone adds and changes the entries of the table",
    # gates and checks
    "ready": "may go, if nothing else stops it",
    "wait": "waits, without anybody being called",
    "hold": "a team has to look at it; without an owner nothing is held",
    "ignore": "is never posted",
    "cancel": "the record is given up: unsent it is dropped, once posted a table answers",
    "when": "the rule speaks only of records for which this is so",
    "require": "what must be so; a value that is missing counts as a failure",
    "else": "what happens if it is not so",
    "say": "what people are told; {field} is replaced by its value",
    "clears": "how the hold ends: when it passes, by a team that may release it, or never",
    "warn": "told beside the answer; it stops nothing",
    "reject": "never goes; only a new version of the record is checked again",
    "unique": "what may be there only once, in what came before or in the target",
    "missing": "who owns what is not there, and what they are told",
    "tolerance": "by how much a total of the target may differ, and what happens beyond",
    # routes and what happens afterwards
    "immediately": "it goes as soon as it is ready",
    "daily": "it goes in the run at this time, or at 02:00, after the day of the field",
    "after": "it waits until the document of that route is posted; no one decides about it",
    "bill": "only what is there and not yet on a document is due; the rest does what else says",
    "amount": "the record's own total is not compared with the document, for this reason",
    "allows": "posts no lines, negative quantities or negative totals without asking anybody",
    "they": "fields that people may change in the target after posting",
    "we": "who looks when any other field is changed in the target",
    "each": "what follows is said of every line",
    "reversing": "the document takes back one of that route; here stands how it differs",
    "posting": "counts the documents of this record and route: 1, 2, 3",
    "reversed": "the number of the document that is taken back",
    "review": "a team decides what becomes of it",
    "block": "nothing is done in the target",
    "update": "the document is changed in the target",
    "void": "the document is made void in the target",
    "try": "it is tried again so many times, with growing pauses, then the rest of the row counts",
    # tests
    "given": "the sample that the test begins with",
    "with": "what is different this time",
    "then": "what happens after everything ready was posted",
    "expect": "what must come of it; a finding that no expect names fails the test",
    "because": "the rule that gives the answer",
}
"""Word -> what it says, as the end of a sentence that begins with it."""

LIBRARY: dict[str, tuple[str, str, str]] = {
    "round": ("round(x, 0.01)", "as x", "x at the nearest step, halves away from zero"),
    "in_base": ("in_base(qty, uom, item)", "a quantity", "the quantity in the base unit"),
    "price_in_base": ("price_in_base(price, uom, item)", "money", "the price of one base unit"),
    "base_unit": ("base_unit(item)", "text", "the unit that the item is counted in"),
    "is_whole": ("is_whole(x)", "yes or no", "whether x has nothing behind the point"),
    "due_of": ("due_of(x)", "as x", "the part of x that falls on this document, to the sen"),
    "number_of": ("number_of(ROUTE)", "text", "the number of the document of that route"),
    "was": ("was(field)", "as the field", "what it said when it was posted last, else at first"),
    "date_of": ("date_of(moment)", "a date", "the day, in the zone of the source"),
    "is_tin": ("is_tin(text)", "yes or no", "whether it has the form of a tax number"),
    "e_invoice_class": ("e_invoice_class(text)", "text", "a classification of the e-Invoice"),
    "text": ("text(x)", "text", "a number or a date as it is written"),
    "words": ("words(text)", "text", "the text with single blanks and nothing invisible"),
    "tin_fault": (
        "tin_fault(text)",
        "text",
        "what is wrong with a tax number, and its likely form",
    ),
    "near_tin": ("near_tin(text)", "text", "the tax number that is probably meant; else blank"),
    "match_key": ("match_key(text)", "text", "its letters and digits alone, in one case"),
    "abs": ("abs(x)", "as x", "x without its sign"),
    "min": ("min(x, y, …)", "as x", "the smallest of them"),
    "max": ("max(x, y, …)", "as x", "the largest of them"),
    "net": ("net(amount, rate)", "as amount", "the amount without the tax that it contains"),
    "tax": ("tax(amount, rate)", "as amount", "the tax on the amount"),
    "tax_key": ("tax_key(name, rate)", "text", "the name of a tax with its rate: SST 10%"),
    "piece_price": (
        "piece_price(price, pieces, amount, tax, rate, step)",
        "as price",
        "the price of a piece at which the line comes to amount and tax",
    ),
    "piece_discount": (
        "piece_discount(price, pieces, amount, tax, rate, step)",
        "as price",
        "the discount of the line at that price, to the sen",
    ),
    "sum": ("sum(lines.amount where …)", "as the field", "the field of all of a list, added up"),
    "count": ("count(lines where …)", "a whole number", "how many of a list there are"),
    "any": ("any(lines where …)", "yes or no", "whether at least one of a list is there"),
    "all": ("all(lines where …)", "yes or no", "whether all of a list are so"),
    "latest": ("latest(payments.paid_at)", "as the field", "the field of the latest of a list"),
}
"""Name -> how it is written, the type that it gives, its meaning."""

_MARKS = {
    "key": "it tells one {record} from another",
    "family": "what has the same belongs together and goes in order",
    "dated": "its day decides which values of consts and mappings count",
    "optional": "it may be missing",
}

_FACTS = {
    "changed": "what changed of something posted: one of the groups of fields, or one built in",
    "approval": "who approved exactly this",
    "not_ready": "a change after which it would not go any more",
    "overbilled": "a change after which more is billed than there is",
    "error": "the class of the answer that a push got",
    "tries": "how often it was tried",
}

_NOWHERE = Span("", 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Suggested:
    """One word to write: what kind of name it is (blank for a word of the language), and the first
    line of what it means, mostly with the word itself in front.
    """

    label: str
    kind: str
    meaning: str


def suggest_names(
    files: Mapping[str, str], before: str, known: Schemas, reader: Reader | None = None
) -> tuple[Suggested, ...]:
    """Return the first fitting words after `before` that begin with the typed text; names first.

    A `reader` that has read these files reuses unchanged declarations.
    """
    typed = _TYPED.search(before)
    begun = typed.group().casefold() if typed else ""
    rules = {path: text for path, text in files.items() if _is_rules(path)}
    ruleset, _ = (reader or Reader()).parse(rules)
    index = Index(ruleset)
    fits = [
        one
        for one in suggest(before, index, known)
        if one.label.casefold().startswith(begun) and one.label.casefold() != begun
    ]
    fits.sort(key=lambda one: one.symbol is None)
    return tuple(_told(one, index, known) for one in fits[:MOST])


def _is_rules(path: str) -> bool:
    return path.endswith(".rules")


def _told(one: Suggestion, index: Index, known: Schemas) -> Suggested:
    if one.symbol is None:
        return Suggested(one.label, "", "")
    first = describe_symbol(one.symbol, index, known).partition("\n")[0]
    return Suggested(one.label, one.symbol.kind, first)


def describe_symbol(symbol: Symbol, index: Index, known: Schemas) -> str:
    """Return a symbol's description in a few paragraphs, or blank."""
    words = _About(index, known)
    found: Callable[[Symbol], Iterator[str]] | None
    found = getattr(words, f"_{symbol.kind.replace(' ', '_')}", None)
    return "\n\n".join(text for text in found(symbol) if text) if found else ""


class _About:
    """The descriptions of one ruleset's names: one method per kind of symbol."""

    def __init__(self, index: Index, known: Schemas) -> None:
        self.index, self.known, self.words = index, known, phrases_of(index)

    def _role(self, of: Symbol) -> Iterator[str]:
        role = self.index.roles.get(of.name)
        if role is not None:
            things = join_words(owned_by(self.index).get(of.name, ()))
            yield f"{of.name}: a team, “{role.title}”"
            yield f"It looks after {things or 'nothing'}."

    def _const(self, of: Symbol) -> Iterator[str]:
        const = self.index.consts.get(of.name)
        if const is not None:
            yield f"{of.name}: {say_type(Type(const.rows[0].value.kind))}, a const"
            yield setup_sentences.const(const)

    def _source(self, of: Symbol) -> Iterator[str]:
        source = self.index.sources.get(of.name)
        if source is not None:
            yield f"{of.name}: a source, where records come from"
            yield setup_sentences.source(source)
            yield setup_sentences.blank(source, self.words)

    def _target(self, of: Symbol) -> Iterator[str]:
        target = self.index.targets.get(of.name)
        if target is not None:
            yield f"{of.name}: a target, where documents go"
            yield setup_sentences.target(target, self.words)

    def _record(self, of: Symbol) -> Iterator[str]:
        record = self.index.records.get(of.name)
        if record is not None:
            origin = f"the lines of {record.parent}" if record.parent else f"from {record.source}"
            yield f"{of.name}: a record, {origin}"
            yield f"Its fields: {', '.join(field.name for field in record.fields)}."

    def _field(self, of: Symbol) -> Iterator[str]:
        field = self.index.fields.get(of.owner, {}).get(of.name)
        if field is None:
            return
        kind = field_type(field, of.owner, Scope(self.index, of.owner))
        yield f"{of.name}: {say_type(kind)}, a field of {of.owner}"
        if isinstance(field, nodes.Computed):
            yield setup_sentences.computed(self.index.records[of.owner], field, self.words)
            return
        if field.states:
            yield f"One of {', '.join(state.name for state in field.states)}."
        if field.of is not None:
            yield f"Each of them is one {readable_name(field.of)}."
        if field.mark is not None:
            yield f"{field.mark}: {_MARKS[field.mark].format(record=readable_name(of.owner))}."

    def _state(self, of: Symbol) -> Iterator[str]:
        record, _, name = of.owner.rpartition(".")
        field = self.index.fields.get(record, {}).get(name)
        states = field.states if isinstance(field, nodes.Field) else ()
        state = next((one for one in states if one.name == of.name), None)
        if state is None:
            yield f"{of.name}: a word of {readable_name(of.owner)}"
            return
        yield f"{of.name}: a word of {name} of {record}"
        source = self.index.records[record]
        yield route_sentences.spelling(source, state) if state.aliases else ""
        for gate in self.index.ruleset.gates:
            for row in gate.rows if gate.record == record else ():
                if of.name in {word.name for word in row.states}:
                    yield route_sentences.gate_row(gate, row, self.words)

    def _link(self, of: Symbol) -> Iterator[str]:
        link = self.index.links.get(of.owner, {}).get(of.name)
        if link is not None:
            yield (
                f"{of.name}: a list of {readable_name(link.other)}, linked to "
                f"{readable_name(link.record)}"
            )
            yield setup_sentences.link(link, self.words)

    def _map(self, of: Symbol) -> Iterator[str]:
        table = self.index.maps.get(of.name)
        if table is not None:
            kind = table.rows[0].value.kind if table.rows else "text"
            yield f"{of.name}(text): {say_type(Type(kind))}, looked up in a map"
            yield setup_sentences.table(table, self.words)

    def _check(self, of: Symbol) -> Iterator[str]:
        for check in self.index.ruleset.checks:
            if check.name == of.name:
                yield f"{of.name}: a check"
                yield route_sentences.check(check, self.words)
                return

    def _sample(self, of: Symbol) -> Iterator[str]:
        sample = self.index.samples.get(of.name)
        if sample is not None:
            used = sum(test.given == of.name for test in self.index.ruleset.tests)
            yield f"{of.name}: a sample of {sample.record} at {sample.at:%Y-%m-%d %H:%M}"
            yield f"{used} tests begin with it." if used != 1 else "One test begins with it."

    def _route(self, of: Symbol) -> Iterator[str]:
        post = self.index.routes().get(of.name)
        if post is not None:
            yield f"{of.name}: a route of {post.record}"
            yield route_sentences.ready(post, self.index, self.words)
        for reversal in self.index.ruleset.reversals:
            if str(reversal.route) == of.name:
                yield (
                    f"{of.name}: a route that takes back {reversal.reversing}"
                    if post is None
                    else ""
                )
                yield actions.reversal(reversal)

    def _group(self, of: Symbol) -> Iterator[str]:
        for edit in self.index.ruleset.edits:
            for group in edit.groups if edit.record == of.owner else ():
                if group.name == of.name:
                    fields = ", ".join(word.name for word in group.fields)
                    yield f"{of.name}: fields of {of.owner} whose changes are answered alike"
                    yield f"It holds {fields}."

    def _function(self, of: Symbol) -> Iterator[str]:
        written, gives, meaning = LIBRARY.get(of.name, (of.name, "", ""))
        yield f"{written}: {gives}, a function of the language"
        yield f"It gives {meaning}."

    def _fact(self, of: Symbol) -> Iterator[str]:
        kind = Type(*FACTS[of.name]) if of.name in FACTS else None
        yield f"{of.name}: {f'{say_type(kind)}, ' if kind else ''}a fact of the language"
        yield f"It is {_FACTS.get(of.name) or self.words.expr(nodes.Name((of.name,), _NOWHERE))}."
        yield f"One of {', '.join(kind.states)}." if kind and kind.states else ""

    def _word(self, of: Symbol) -> Iterator[str]:
        yield f"{of.name}: {KEYWORDS[of.name]}" if of.name in KEYWORDS else ""

    def _finding(self, of: Symbol) -> Iterator[str]:
        if of.name in CODES:
            yield f"{of.name}: the finding {CODES[of.name]}"

    def _document_field(self, of: Symbol) -> Iterator[str]:
        target, _, name = of.owner.partition(".")
        document = self.known.document(target, name)
        if document is None:
            yield f"{of.name}: a field of {of.owner}"
            return
        for part, fields in (("", document.header), ("a line of ", document.lines)):
            for field in fields:
                if field.name == of.name:
                    most = f", at most {field.max_length} letters" if field.max_length else ""
                    must = ", required" if field.required else ""
                    yield f"{of.name}: {field.type}{most}{must}, a field of {part}{of.owner}"
