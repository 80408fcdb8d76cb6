"""The rule book as Markdown and as one printable page of HTML, without scripts.

Here: the two forms. Not here: their words (book.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from grammar.text.problem import Span
from rules.phrases.composed import composed
from rules.phrases.terms import listed
from rules.rulebook.book import Book, Entry, Section
from rules.rulebook.topics import TOPICS

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


def markdown(book: Book, title: str, about: Sequence[str] = ()) -> str:
    """The rule book as Markdown; `about` are sentences that stand under its title."""
    out = [f"# {_plain(title)}", ""]
    for line in (*about, *_summary(book)):
        out += [_plain(line), ""]
    for section in book.sections:
        out += [f"## {section.title}", ""]
        for entry in section.entries:
            out.append(f"- {_plain(entry.text)}")
            out += [f"  `{at(entry)}`{_plain(_beside(entry))}"] if entry.span else []
        out += ["", f"**{unanswered(section)}**"] if section.missing else []
        out.append("")
    return "\n".join(out)


def html(
    book: Book, title: str, about: Sequence[str] = (), files: Mapping[str, str] | None = None
) -> str:
    """The rule book as a page that prints well; places lead to the lines of the files behind it."""
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
            [f'<p class="missing">{escape(unanswered(section))}</p>'] if section.missing else []
        )
    for path, text in (files or {}).items():
        parts += [f"<h2>{escape(path)}</h2>", f"<pre>{_lines(path, text)}</pre>"]
    return "\n".join([*parts, "</body>\n</html>\n"])


def lacking(book: Book) -> str:
    """Which topics nothing answers, in one sentence."""
    if not book.missing:
        return composed("Every topic has an answer.")
    topics = listed([composed(title) for title in book.missing], ";")
    return composed("No rule answers: %(topics)s.", topics=topics)


def _summary(book: Book) -> tuple[str, ...]:
    """What is lacking, where the whole book is here."""
    return (lacking(book),) if len(book.sections) == len(TOPICS) else ()


def unanswered(section: Section) -> str:
    """What a topic without rules means."""
    return f"Missing: no rule covers this topic. {section.risk}"


def at(entry: Entry) -> str:
    """The declaration and its place: `check open_period, clearing.rules:83`."""
    place = f", {file_line(entry.span)}" if entry.span else ""
    return f"{entry.name}{place}"


def file_line(span: Span) -> str:
    """FILE:LINE with the file's own name."""
    return f"{span.file.rsplit('/', 1)[-1]}:{span.line}"


def tests_of(entry: Entry) -> str:
    """The tests that show a rule: the first by name, the others counted."""
    if entry.tests is None:
        return ""
    if not entry.tests:
        return "no test"
    named = ", ".join(f"“{title}”" for title in entry.tests[:MOST_TESTS])
    more = len(entry.tests) - MOST_TESTS
    number = f"{len(entry.tests)} tests" if len(entry.tests) > 1 else "1 test"
    return f"{number}: {named}{f' and {more} more' if more > 0 else ''}"


def _beside(entry: Entry) -> str:
    owners = f"owner: {', '.join(entry.owners)}" if entry.owners else ""
    said = (owners, tests_of(entry), entry.backtest)
    return "".join(f" · {text}" for text in said if text)


def _item(entry: Entry, *, linked: bool) -> str:
    if entry.span is None:
        return f'<li class="missing">{escape(entry.text)}</li>'
    place = escape(at(entry))
    if linked:
        place = f'<a href="#{_anchor(entry.span.file, entry.span.line)}">{place}</a>'
    beside = f'<span class="at">{place}{escape(_beside(entry))}</span>'
    return f"<li>{escape(entry.text)} {beside}</li>"


def _lines(path: str, text: str) -> str:
    return "".join(
        f'<span id="{_anchor(path, number)}">{number:4}  {escape(line)}</span>'
        for number, line in enumerate(text.splitlines(), start=1)
    )


def _anchor(path: str, line: int) -> str:
    name = "".join(c if c.isalnum() else "-" for c in path)
    return f"L-{name}-{line}"


def _plain(text: str) -> str:
    """The text, with the signs that Markdown would take for its own."""
    return "".join(f"\\{c}" if c in "*_`<[" else c for c in text)
