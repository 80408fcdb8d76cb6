"""Describe each reason for a hold independently of a ruleset, and render the rule book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final

from grammar.text.finding_codes import HOLD_CODES
from grammar.text.problem import Span
from rules.phrases import composed, join_words
from rules.rulebook.book import TOPICS, Book, Entry, Section

_RECORD = "A new version of the record"

_CHECK = "A new version of the record, or anything else that makes the check pass"

MOST_TESTS = 3
"""So many tests of a rule are named; the others are counted."""

_STYLE = """
:root { color-scheme: light dark; }
body { font: 11pt/1.5 Georgia, serif; max-width: 42em; margin: 2em auto; padding: 0 1em;
       color: light-dark(#111, #eee); background: light-dark(#fff, #16181c); }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #999; }
li { margin: 0.6em 0; } .missing { font-weight: bold; } a { color: inherit; }
.at { display: block; color: light-dark(#595959, #aaa); font: 0.8em/1.4 ui-monospace, monospace; }
pre { font: 0.75em/1.5 ui-monospace, monospace; white-space: pre-wrap; }
pre span { display: block; }
:target { outline: 2px solid #888; outline-offset: 2px; }
@media print { :root { color-scheme: light; } body { margin: 0; max-width: none; }
               h2 { break-after: avoid; } li { break-inside: avoid; } }
"""


class Releaser(StrEnum):
    """Who may release a hold although its cause remains."""

    OWNER = "owner"  # a person of the team that has it
    CLAUSE = "clause"  # as its rule says in `clears` or in its answer
    CONSENT = "consent"  # who gives the approval that it asks for
    DECIDES = "decides"  # a person of the team says which of two documents it is
    NOBODY = "nobody"


_OWNER, _NOBODY = Releaser.OWNER, Releaser.NOBODY


class Placer(StrEnum):
    """What places a hold."""

    RULES = "Your rules"
    CLEARPOST = "Clearpost"
    TARGET = "The accounting system"


class Blocks(StrEnum):
    """What a hold prevents."""

    DOCUMENT = "document"  # of the rule's route, else every document of the record
    SENDING = "sending"  # one document that was ready
    CHANGE = "change"  # of what is posted
    RECORD = "record"  # everything of the record


@dataclass(frozen=True, slots=True)
class HoldEntry:
    """One reason: who places it, who can release it, what clears it, what it blocks."""

    placer: Placer
    releaser: Releaser
    clears: str
    blocks: Blocks


def codes_without_entry(codes: Iterable[str] = HOLD_CODES) -> tuple[str, ...]:
    """Return the codes without an entry."""
    return tuple(code for code in codes if code not in ENTRIES)


def require_all(codes: Iterable[str] = HOLD_CODES) -> None:
    """Raise RuntimeError for a hold reason without an entry, or an entry without a reason."""
    codes = tuple(codes)
    odd = sorted({*codes_without_entry(codes), *(set(ENTRIES) - set(codes))})
    if odd:
        message = f"hold catalogue: no entry, or no such reason: {', '.join(odd)}"
        raise RuntimeError(message)


def book_markdown(book: Book, title: str, about: Sequence[str] = ()) -> str:
    """Return the rule book as Markdown; `about` are sentences below its title."""
    out = [f"# {_plain(title)}", ""]
    for line in (*about, *_summary(book)):
        out += [_plain(line), ""]
    for section in book.sections:
        out += [f"## {section.title}", ""]
        for entry in section.entries:
            out.append(f"- {_plain(entry.text)}")
            out += [f"  `{entry_place(entry)}`{_plain(_beside(entry))}"] if entry.span else []
        out += ["", f"**{unanswered_sentence(section)}**"] if section.missing else []
        out.append("")
    return "\n".join(out)


def _plain(text: str) -> str:
    """Return the text with Markdown's special characters escaped."""
    return "".join(f"\\{c}" if c in "*_`<[" else c for c in text)


def _summary(book: Book) -> tuple[str, ...]:
    """Return the exceptions without a rule, for a complete book."""
    return (unanswered_topics(book),) if len(book.sections) == len(TOPICS) else ()


def _beside(entry: Entry) -> str:
    owners = f"owner: {', '.join(entry.owners)}" if entry.owners else ""
    said = (owners, tests_of(entry), entry.backtest)
    return "".join(f" · {text}" for text in said if text)


def book_html(
    book: Book, title: str, about: Sequence[str] = (), files: Mapping[str, str] | None = None
) -> str:
    """Return the rule book as a page for printing; places link to the files' lines at its end."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in (*about, *_summary(book))),
    ]
    for section in book.sections:
        parts.append(f'<h2 id="{section.topic}">{escape(section.title)}</h2>')
        items = "\n".join(_item(entry, linked=files is not None) for entry in section.entries)
        parts += [f"<ul>\n{items}\n</ul>"] if items else []
        parts += (
            [f'<p class="missing">{escape(unanswered_sentence(section))}</p>']
            if section.missing
            else []
        )
    for path, text in (files or {}).items():
        parts += [f"<h2>{escape(path)}</h2>", f"<pre>{_lines(path, text)}</pre>"]
    return "\n".join([*parts, "</body>\n</html>\n"])


def _item(entry: Entry, *, linked: bool) -> str:
    if entry.span is None:
        return f'<li class="missing">{escape(entry.text)}</li>'
    place = escape(entry_place(entry))
    if linked:
        place = f'<a href="#{_anchor(entry.span.file, entry.span.line)}">{place}</a>'
    beside = f'<span class="at">{place}{escape(_beside(entry))}</span>'
    return f"<li>{escape(entry.text)} {beside}</li>"


def _anchor(path: str, line: int) -> str:
    name = "".join(c if c.isalnum() else "-" for c in path)
    return f"L-{name}-{line}"


def _lines(path: str, text: str) -> str:
    return "".join(
        f'<span id="{_anchor(path, number)}">{number:4}  {escape(line)}</span>'
        for number, line in enumerate(text.splitlines(), start=1)
    )


def unanswered_topics(book: Book) -> str:
    """Return one sentence for the topics without a rule."""
    if not book.missing:
        return composed("Every topic has an answer.")
    topics = join_words([composed(title) for title in book.missing], ";")
    return composed("No rule answers: %(topics)s.", topics=topics)


def unanswered_sentence(section: Section) -> str:
    """Return what a topic without rules means."""
    return f"Missing: no rule covers this topic. {section.risk}"


def entry_place(entry: Entry) -> str:
    """Return the declaration and its place: `check open_period, clearing.rules:83`."""
    place = f", {file_line(entry.span)}" if entry.span else ""
    return f"{entry.name}{place}"


def file_line(span: Span) -> str:
    """Return FILE:LINE with the file's own name."""
    return f"{span.file.rsplit('/', 1)[-1]}:{span.line}"


def tests_of(entry: Entry) -> str:
    """Return the tests that show a rule: the first by name, the others as a count."""
    if entry.tests is None:
        return ""
    if not entry.tests:
        return "no test"
    named = ", ".join(f"“{title}”" for title in entry.tests[:MOST_TESTS])
    more = len(entry.tests) - MOST_TESTS
    number = f"{len(entry.tests)} tests" if len(entry.tests) > 1 else "1 test"
    return f"{number}: {named}{f' and {more} more' if more > 0 else ''}"


def _by_rules(releaser: Releaser, clears: str, blocks: Blocks = Blocks.DOCUMENT) -> HoldEntry:
    return HoldEntry(Placer.RULES, releaser, clears, blocks)


def _by_clearpost(clears: str, blocks: Blocks = Blocks.SENDING) -> HoldEntry:
    return HoldEntry(Placer.CLEARPOST, Releaser.NOBODY, clears, blocks)


def _by_source(clears: str) -> HoldEntry:
    return HoldEntry(Placer.CLEARPOST, Releaser.OWNER, clears, Blocks.DOCUMENT)


def _by_target(clears: str, releaser: Releaser = Releaser.NOBODY) -> HoldEntry:
    return HoldEntry(Placer.TARGET, releaser, clears, Blocks.SENDING)


ENTRIES: Final[dict[str, HoldEntry]] = {
    "APP01": _by_rules(Releaser.CONSENT, "An approval of exactly this document"),
    "BIL01": _by_rules(_OWNER, "The rest is invoiced, or a new version of the record"),
    "BIL02": _by_rules(_OWNER, "The amount is invoiced, or a new version", Blocks.CHANGE),
    "CHK01": _by_rules(Releaser.CLAUSE, _CHECK),
    "CHK02": _by_rules(Releaser.CLAUSE, "The field that the check asks for is there"),
    "CUR01": _by_rules(_NOBODY, "The amounts are in one currency, or other rules"),
    "CUR02": _by_rules(
        _OWNER, "The document is in the currency of the record, or its amounts are converted"
    ),
    "DUP01": _by_rules(_OWNER, "The other record no longer has the same values, or a new version"),
    "EVA01": _by_rules(_NOBODY, "Numbers that can be calculated with, in a new version"),
    "EVA02": _by_clearpost("Other rules, or a new version of the record", Blocks.RECORD),
    "EVA03": _by_clearpost("A new version of the record", Blocks.RECORD),
    "EVA04": _by_clearpost("A new version of the record", Blocks.RECORD),
    "EVA05": _by_clearpost("The connection that the rules name is added", Blocks.RECORD),
    "EVA06": _by_clearpost(
        "The document before it is posted after all, or a person rejects this one",
        Blocks.DOCUMENT,
    ),
    "FCT01": _by_rules(
        _NOBODY,
        "The information is known: a connection test reads the closing date, and the reading of a"
        " posted document the age of its e-Invoice, where the connection's settings name its field",
    ),
    "HLD01": _by_rules(_OWNER, "A new version in a status that allows posting"),
    "IDN01": _by_source("One ID with one number, in a new version"),
    "IDN02": HoldEntry(
        Placer.CLEARPOST,
        Releaser.NOBODY,
        "A new version that names this company, or the code entered on the page of the source",
        Blocks.DOCUMENT,
    ),
    "SRC01": HoldEntry(
        Placer.CLEARPOST,
        Releaser.OWNER,
        "A new version: the source shows the record again",
        Blocks.DOCUMENT,
    ),
    "SRC02": _by_clearpost(
        "An administrator sets who makes the e-Invoices of the source's sales", Blocks.DOCUMENT
    ),
    "SRC03": _by_clearpost(
        "No document of the sale makes an e-Invoice, or an administrator sets that we make them",
        Blocks.DOCUMENT,
    ),
    "SRC04": _by_clearpost(
        "An administrator sets that the marketplace module of AutoCount is off", Blocks.DOCUMENT
    ),
    "SUM01": HoldEntry(
        Placer.CLEARPOST,
        Releaser.OWNER,
        "Sums that agree, by a correction or in a new version",
        Blocks.DOCUMENT,
    ),
    "VAL04": HoldEntry(
        Placer.CLEARPOST,
        Releaser.OWNER,
        "A value that can be read, by a correction or in a new version",
        Blocks.DOCUMENT,
    ),
    "VAL05": _by_clearpost(
        "A value that the accounting system can take, in a new version or by other rules",
        Blocks.DOCUMENT,
    ),
    "DUP04": _by_clearpost(
        "Another document number, by a new version or other rules, or the rejection of one of both",
        Blocks.DOCUMENT,
    ),
    "LNK01": _by_rules(_NOBODY, "Fewer linked records than the rules allow"),
    "LST01": _by_rules(
        _NOBODY, "The accounting system lists the code, or the mapping names another"
    ),
    "MAP01": _by_rules(_NOBODY, "An entry in the table"),
    "MAP02": _by_rules(_NOBODY, "One entry instead of several that fit"),
    "MAP03": _by_rules(_NOBODY, "A value in the record that can be looked up"),
    "MIS01": _by_rules(_NOBODY, "The field is completed, in the source or by its team"),
    "NUM01": _by_rules(_NOBODY, "A new version with numbers that the accounting system can keep"),
    "PER01": _by_rules(Releaser.CLAUSE, "The month is reopened, or the document date is changed"),
    "PSH01": _by_clearpost("It is checked again automatically"),
    "PSH02": _by_clearpost("An approval of exactly this document"),
    "PSH03": _by_clearpost("Another document number, by a new version or other rules"),
    "PSH04": _by_clearpost("A retry, after a person checked"),
    "PSH05": _by_clearpost("The record is split in the source"),
    "PSH06": HoldEntry(
        Placer.CLEARPOST,
        Releaser.DECIDES,
        "A person skips it, or decides to post it here too",
        Blocks.SENDING,
    ),
    "PSH07": HoldEntry(
        Placer.CLEARPOST,
        Releaser.DECIDES,
        "A person skips it, or decides to post it here too",
        Blocks.SENDING,
    ),
    "PSH08": _by_clearpost("The record is checked again with the settings of the connection"),
    "PSH09": HoldEntry(
        Placer.CLEARPOST,
        Releaser.DECIDES,
        "A person looks for it in the accounting system, then posts it or skips it",
        Blocks.SENDING,
    ),
    "RND01": _by_rules(_OWNER, "Amounts within the tolerance, or a new version"),
    "RND02": _by_rules(_NOBODY, "Amounts that agree, by a correction or in a new version"),
    "RND03": _by_rules(_NOBODY, "Rules that round as the accounting system does"),
    "RND04": _by_rules(_OWNER, "Its own total agrees, or a new version"),
    "RND05": _by_rules(_OWNER, "Its lines agree with their amounts, or a new version"),
    "RND06": _by_rules(
        _NOBODY, "Another tax code is mapped, or the tax is corrected in the source"
    ),
    "STA01": _by_rules(_NOBODY, "The word is added to the rules, or a new version"),
    "STL01": _by_rules(_OWNER, "Source and document are equal again", Blocks.CHANGE),
    "STL02": _by_rules(_NOBODY, _RECORD, Blocks.CHANGE),
    "STL03": _by_rules(
        Releaser.CLAUSE, "The field is corrected in the accounting system", Blocks.CHANGE
    ),
    "STL04": _by_rules(
        _OWNER, "It names a document that is posted, or a person has assigned it", Blocks.CHANGE
    ),
    "TGT01": _by_target("What the accounting system names is corrected; then it is retried"),
    "TGT02": _by_target("A person links it, skips it or checks it again", Releaser.DECIDES),
    "TGT03": _by_target("A look-up that finds it, or finds nothing"),
    "TGT04": _by_target("The accounting system answers, and a person retries it"),
    "TGT05": _by_target(
        "A person links it, skips it or posts it as an additional document", Releaser.DECIDES
    ),
    "TGT06": _by_target("The customer or supplier is active there again, or another one is mapped"),
    "TGT07": HoldEntry(
        Placer.TARGET,
        Releaser.DECIDES,
        "The accounting system shows the total that was sent, or a person accepts the difference",
        Blocks.CHANGE,
    ),
    "TGT08": _by_target("A person enters on the page of the file how its import ended"),
    "TGT09": _by_target("A person retries it, in another file"),
    "TGT10": _by_target(
        "A person looks for it there, then links it, sends it again or skips it", Releaser.DECIDES
    ),
    "TGT11": _by_target("The accounting system answers the look-up, which is repeated every day"),
    "TGT12": _by_target("The accounting system can process it; then a person retries it"),
    "TGT13": _by_target("A customer or supplier that has the currency of the document is mapped"),
    "TGT14": _by_target(
        "The document shows up there, or a person sends it again or skips it", Releaser.DECIDES
    ),
    "TGT15": _by_target(
        "The document shows up in the right company, or a person sends it again or skips it",
        Releaser.DECIDES,
    ),
    "TGT16": HoldEntry(
        Placer.TARGET,
        Releaser.DECIDES,
        "The accounting system shows what was sent, or a person accepts the difference",
        Blocks.CHANGE,
    ),
    "TGT17": _by_target(
        "The document that it credits is there as it was posted; then it is retried or skipped"
    ),
    "UOM01": _by_rules(_NOBODY, "An entry in the table of units"),
    "UOM08": _by_rules(_NOBODY, "Units table, accounting system and mapping agree"),
    "UOM09": _by_rules(_NOBODY, "The rate is confirmed on the page of the connection"),
    "VAL01": _by_rules(_NOBODY, "A value that can be read, in a new version"),
    "VAL02": _by_rules(_NOBODY, "The accounting system knows the e-Invoice class"),
    "VAL03": _by_source("A new version, or rules that allow it"),
    "VAL06": _by_rules(_NOBODY, "The code of the currency, in a new version or by its team"),
    "VAL07": _by_rules(_NOBODY, "A line with a quantity, or without an amount, in a new version"),
}
