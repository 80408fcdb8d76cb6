"""The rule book as Markdown and as one printable page of HTML, without scripts.

Here: the two forms. Not here: their words (book.py).
"""

from __future__ import annotations

from html import escape

from rules.explain.book import Book, Entry

_STYLE = """
body { font: 11pt/1.5 Georgia, serif; max-width: 42em; margin: 2em auto; padding: 0 1em;
       color: #111; background: #fff; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #999; }
li { margin: 0.4em 0; } .at { color: #595959; font: 0.8em ui-monospace, monospace; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; }
               li { break-inside: avoid; } }
"""


def markdown(book: Book, title: str) -> str:
    """The rule book as Markdown."""
    out = [f"# {title}", ""]
    for section in book.sections:
        out += [f"## {section.title}", ""]
        out += [f"- {_plain(entry.text)} `{_at(entry)}`" for entry in section.entries]
        out += [] if section.entries else ["Nothing is said about it."]
        out.append("")
    return "\n".join(out)


def html(book: Book, title: str) -> str:
    """The rule book as a page that prints well."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{escape(title)}</h1>",
    ]
    for section in book.sections:
        parts.append(f'<h2 id="{section.topic}">{escape(section.title)}</h2>')
        items = "\n".join(
            f'<li>{escape(entry.text)} <span class="at">{escape(_at(entry))}</span></li>'
            for entry in section.entries
        )
        parts.append(f"<ul>\n{items}\n</ul>" if items else "<p>Nothing is said about it.</p>")
    return "\n".join([*parts, "</body>\n</html>\n"])


def _at(entry: Entry) -> str:
    if entry.span is None:
        return entry.name
    return f"{entry.name}, {entry.span.file.rsplit('/', 1)[-1]}:{entry.span.line}"


def _plain(text: str) -> str:
    """The text, with the signs that Markdown would take for its own."""
    return "".join(f"\\{c}" if c in "*_`<[" else c for c in text)
