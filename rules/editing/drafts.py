"""Rule files changed by a draft: what people do by hand again and again, said as a rule.

Here: a map of what a field is meant to say, put between the field and all that asks it; a map that
takes more spellings for one; a check that only warns. Pure text in, text out. Not here: what people
did (holding/rulesets/proposals.py), and whether a draft holds: whoever offers it checks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from grammar import nodes as n
from grammar.text.problem import Span
from rules.checker.places import places
from rules.types.symbol_table import Index

Files = Mapping[str, str]
INDENT: Final = "    "


def meant(
    ruleset: n.Ruleset, files: Files, record: str, path: str, pairs: Mapping[str, str], note: str
) -> dict[str, str] | None:
    """The files with a map from what was written to what was meant; `path`: `channel`, `lines.sku`.

    None where the field is no text of the record, where no expression asks it, or where its values
    cannot be written in a rule file.
    """
    pairs = {b: a for b, a in pairs.items() if f"{b}{a}".isprintable() and '"' not in f"{b}{a}"}
    index = Index(ruleset)
    owner, name = _owner(index, record, path)
    field = next((f for f in owner.fields if f.name == name), None) if owner else None
    if owner is None or not isinstance(field, n.Field) or field.type != "text" or not pairs:
        return None
    line = owner.parent is not None
    asked = [found for found in _asked(index, record, name, line=line) if _says(files, found)]
    said, map_name = f"{name}_meant", f"meant_{name}"
    if map_name in index.maps:
        return _more_rows(files, index.maps[map_name], pairs)
    if not asked:
        return None
    whole = f"line.{name}" if line else name
    changed = dict(files)
    for span in sorted({each.span for each in asked}, key=_place, reverse=True):
        _replace(changed, span, f"line.{said}" if line else said)
    _insert(
        changed, owner.fields[-1].span, f"{INDENT}{said} = {map_name}({whole}) otherwise {whole}"
    )
    role = ruleset.roles[0].name
    declared = [
        f"# {note}",
        f"map {map_name}",
        f"{INDENT}match exact",
        *_rows(pairs),
        f'{INDENT}missing hold for {role} say "{{key}} is meant as it is written."',
    ]
    file = owner.span.file
    changed[file] = changed[file].rstrip("\n") + "\n\n" + "\n".join(declared) + "\n"
    return changed


def looser(
    ruleset: n.Ruleset, files: Files, table: str, match: tuple[str, ...], note: str
) -> dict[str, str] | None:
    """The files with a map that takes more spellings for one; None where it does so already."""
    found = next((m for m in ruleset.maps if m.name == table), None)
    if found is None or set(match) <= set(found.match):
        return None
    changed = dict(files)
    lines = changed[found.span.file].split("\n")
    below = range(found.span.line, found.span.end_line)
    at = next((no for no in below if lines[no].lstrip().startswith("match ")), None)
    if at is None:
        return None
    lines[at] = f"{INDENT}match {', '.join(match).replace('_', ' ')}"
    lines.insert(found.span.line - 1, f"# {note}")
    changed[found.span.file] = "\n".join(lines)
    return changed


def warned(ruleset: n.Ruleset, files: Files, check: str, note: str) -> dict[str, str] | None:
    """The files with a check that warns instead of holding; None where there is none that holds."""
    found = next((c for c in ruleset.checks if c.name == check), None)
    if found is None or found.action.kind != "hold":
        return None
    changed = dict(files)
    _replace(changed, found.action.span, "warn")
    lines = changed[found.span.file].split("\n")
    lines.insert(found.span.line - 1, f"# {note}")
    changed[found.span.file] = "\n".join(lines)
    return changed


def _more_rows(files: Files, table: n.Map, pairs: Mapping[str, str]) -> dict[str, str]:
    """The map is there already: what it lacks goes below its rows."""
    changed = dict(files)
    last = table.rows[-1].span
    lines = changed[last.file].split("\n")
    known = {row.key for row in table.rows}
    lines[last.line : last.line] = _rows({k: v for k, v in pairs.items() if k not in known})
    changed[last.file] = "\n".join(lines)
    return changed


def _rows(pairs: Mapping[str, str]) -> list[str]:
    return [f'{INDENT}"{before}" -> "{after}"' for before, after in sorted(pairs.items())]


def _owner(index: Index, record: str, path: str) -> tuple[n.Record | None, str]:
    first, _, rest = path.partition(".")
    return (index.line_records.get(record), rest) if rest else (index.records.get(record), first)


def _asked(index: Index, record: str, name: str, *, line: bool) -> Iterator[n.Name]:
    """Every place that asks the field, beside messages: they show what was written."""
    wanted = ("line", name) if line else (name,)
    for place in places(index):
        if place.scope.record == record and place.what != "message":
            found = (part for part in n.walk(place.expr) if isinstance(part, n.Name))
            yield from (name for name in found if name.path == wanted)


def _says(files: Files, name: n.Name) -> bool:
    """Whether the name is written there alone; a clause that implies it has a longer span."""
    span = name.span
    text = files.get(span.file, "").split("\n")[span.line - 1]
    return span.line == span.end_line and text[span.column - 1 : span.end_column - 1] == ".".join(
        name.path
    )


def _replace(files: dict[str, str], span: Span, text: str) -> None:
    lines = files[span.file].split("\n")
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.column - 1] + text + line[span.end_column - 1 :]
    files[span.file] = "\n".join(lines)


def _insert(files: dict[str, str], after: Span, text: str) -> None:
    """A line below a span; what was replaced stands in lines that kept their numbers."""
    lines = files[after.file].split("\n")
    last = after.line if after.end_column == 1 else after.end_line
    lines.insert(max(last, after.line), text)
    files[after.file] = "\n".join(lines)


def _place(span: Span) -> tuple[str, int, int]:
    return span.file, span.line, span.column
