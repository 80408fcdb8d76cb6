"""Change rule files: hours of daily routes, new map entries, milder checks, and merged edits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Final, NamedTuple

from grammar import nodes
from grammar.text.problem import Span
from rules.checker.places import places
from rules.types.symbol_table import Index

_DAILY: Final = re.compile(r"daily(\s+)(?:at\s+\d\d:\d\d\s+)?by\b")

_UNTIL: Final = re.compile(
    r"(?P<before>(?:(?P<route>\w+\.\w+)\s+)?wait\s+until\s+)(?P<day>\d{4}-\d\d-\d\d)\s+"
    r"(?P<hour>\d\d:\d\d)\b"
)

_AT: Final = re.compile(r"(?P<before>\bat\s+)(?P<day>\d{4}-\d\d-\d\d)\s+(?P<hour>\d\d:\d\d)\b")

Hours = dict[str, tuple[str, str]]
"""Route -> the hour it had, and the hour it gets."""

Files = Mapping[str, str]

INDENT: Final = "    "


def daily_routes(ruleset: nodes.Ruleset) -> dict[str, time]:
    """Return the hour of each daily route."""
    return {
        str(post.route): post.timing.at
        for post in ruleset.posts
        if isinstance(post.timing, nodes.Daily)
    }


def change_hours(
    ruleset: nodes.Ruleset, files: Mapping[str, str], hours: Mapping[str, time]
) -> dict[str, str]:
    """Return the files with these hours (route -> hour), or unchanged if they have them.

    Times of tests that refer to the old hour are moved to the new one. A test's look at the run
    moves only to a later time; one just before the run stays before it.
    """
    lines = {path: text.split("\n") for path, text in files.items()}
    changed: dict[str, Hours] = {}
    for post in ruleset.posts:
        hour = hours.get(str(post.route))
        if hour is None or not isinstance(post.timing, nodes.Daily) or post.timing.at == hour:
            continue
        old, new = (f"{at:%H:%M}" for at in (post.timing.at, hour))
        changed.setdefault(post.record, {})[str(post.route)] = old, new
        span = post.timing.span
        line = lines[span.file][span.line - 1]
        lines[span.file][span.line - 1] = _DAILY.sub(rf"daily\g<1>at {new} by", line, count=1)
    record_of = {sample.name: sample.record for sample in ruleset.samples}
    spans = [(sample.record, sample.span) for sample in ruleset.samples]
    spans += [(record_of.get(test.given, ""), test.span) for test in ruleset.tests]
    for record, span in spans:
        if record in changed:
            _move(lines[span.file], span, changed[record])
    return {path: "\n".join(text) for path, text in lines.items()}


def _move(lines: list[str], span: Span, hours: Hours) -> None:
    """Move the times of one sample or test."""
    waits: dict[str, tuple[str, str]] = {}  # day -> the hours of a wait that ends there

    def until(found: re.Match[str]) -> str:
        route, hour = found["route"], found["hour"]
        moved = [new for name, (old, new) in hours.items() if old == hour and route in (None, name)]
        if moved:
            waits[found["day"]] = hour, moved[0]
        return f"{found['before']}{found['day']} {moved[0] if moved else hour}"

    def at(found: re.Match[str]) -> str:
        hour = found["hour"]
        old, new = waits.get(found["day"], ("", ""))
        if new <= hour < old:
            later = _before(hour, old, new)
        else:
            later = max([hour, *(new for old, new in hours.values() if old == hour)])
        return f"{found['before']}{found['day']} {later}"

    within = range(span.line - 1, min(span.end_line, len(lines)))
    for pattern, move in ((_UNTIL, until), (_AT, at)):
        for no in within:
            lines[no] = pattern.sub(move, lines[no])


def _before(hour: str, old: str, new: str) -> str:
    """Return a time as long before the new hour as it was before the old one, on its day."""
    seen, before, after = (int(word[:2]) * 60 + int(word[3:]) for word in (hour, old, new))
    minutes = max(0, seen - before + after)
    return f"{minutes // 60:02}:{minutes % 60:02}"


@dataclass(frozen=True, slots=True)
class Merged:
    """A text with both changes; `clashes` are first lines, from 1, of places that both changed.

    There the text has my version.
    """

    text: str
    clashes: tuple[int, ...]


def merge_texts(before: str, mine: str, theirs: str) -> Merged:
    """Return my text with their changes since `before`.

    Adjacent changes count as one place, because each author may have meant the other line, too.
    """
    old = before.splitlines(keepends=True)
    sides = tuple(_hunks(old, text.splitlines(keepends=True)) for text in (mine, theirs))
    done, lines, clashes = 0, list[str](), list[int]()
    for first, end in _places(sides):
        lines += old[done:first]
        own, other = (_said(hunks, old, first, end) for hunks in sides)
        same = old[first:end]
        if own not in (same, other) and other != same:
            clashes.append(len(lines) + 1)
        lines += other if own == same else own
        done = end
    return Merged("".join(lines + old[done:]), tuple(clashes))


class _Hunk(NamedTuple):
    """The lines of the old text from `first` to `end`, and a side's replacement."""

    first: int
    end: int
    lines: Sequence[str]


def _hunks(old: list[str], new: list[str]) -> list[_Hunk]:
    changes = difflib.SequenceMatcher(None, old, new).get_opcodes()
    return [_Hunk(i, j, new[k:m]) for tag, i, j, k, m in changes if tag != "equal"]


def _places(sides: Sequence[Sequence[_Hunk]]) -> Iterator[tuple[int, int]]:
    """Yield the changed parts of the old text in order; adjacent parts are joined."""
    place: tuple[int, int] | None = None
    for hunk in sorted(hunk for hunks in sides for hunk in hunks):
        if place is not None and hunk.first <= place[1]:
            place = (place[0], max(place[1], hunk.end))
            continue
        if place is not None:
            yield place
        place = (hunk.first, hunk.end)
    if place is not None:
        yield place


def _said(hunks: Sequence[_Hunk], old: list[str], first: int, end: int) -> list[str]:
    """Return a side's replacement for these lines."""
    lines: list[str] = []
    for hunk in hunks:
        if first <= hunk.first and hunk.end <= end:
            lines += [*old[first : hunk.first], *hunk.lines]
            first = hunk.end
    return lines + old[first:end]


def add_map_entries(
    ruleset: nodes.Ruleset,
    files: Files,
    record: str,
    path: str,
    pairs: Mapping[str, str],
    note: str,
) -> dict[str, str] | None:
    """Return the files with a map from written values to intended ones; `path`: `channel`,
    `lines.sku`.

    None where the field is no text of the record, is in no expression, or has values that a rule
    file cannot contain.
    """
    pairs = {b: a for b, a in pairs.items() if f"{b}{a}".isprintable() and '"' not in f"{b}{a}"}
    index = Index(ruleset)
    owner, name = _owner(index, record, path)
    field = next((f for f in owner.fields if f.name == name), None) if owner else None
    if owner is None or not isinstance(field, nodes.Field) or field.type != "text" or not pairs:
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


def _owner(index: Index, record: str, path: str) -> tuple[nodes.Record | None, str]:
    first, _, rest = path.partition(".")
    return (index.line_records.get(record), rest) if rest else (index.records.get(record), first)


def _asked(index: Index, record: str, name: str, *, line: bool) -> Iterator[nodes.Name]:
    """Yield every use of the field, except in messages, which show the written value."""
    wanted = ("line", name) if line else (name,)
    for place in places(index):
        if place.scope.record == record and place.what != "message":
            found = (part for part in nodes.walk(place.expr) if isinstance(part, nodes.Name))
            yield from (name for name in found if name.path == wanted)


def _says(files: Files, name: nodes.Name) -> bool:
    """Check whether the name is written there alone; an implied use has a longer span."""
    span = name.span
    text = files.get(span.file, "").split("\n")[span.line - 1]
    return span.line == span.end_line and text[span.column - 1 : span.end_column - 1] == ".".join(
        name.path
    )


def _more_rows(files: Files, table: nodes.Map, pairs: Mapping[str, str]) -> dict[str, str]:
    """Return the files with the missing rows below the existing map's rows."""
    changed = dict(files)
    last = table.rows[-1].span
    lines = changed[last.file].split("\n")
    known = {row.key for row in table.rows}
    lines[last.line : last.line] = _rows({k: v for k, v in pairs.items() if k not in known})
    changed[last.file] = "\n".join(lines)
    return changed


def _rows(pairs: Mapping[str, str]) -> list[str]:
    return [f'{INDENT}"{before}" -> "{after}"' for before, after in sorted(pairs.items())]


def _place(span: Span) -> tuple[str, int, int]:
    return span.file, span.line, span.column


def _replace(files: dict[str, str], span: Span, text: str) -> None:
    lines = files[span.file].split("\n")
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.column - 1] + text + line[span.end_column - 1 :]
    files[span.file] = "\n".join(lines)


def _insert(files: dict[str, str], after: Span, text: str) -> None:
    """Insert a line below a span; earlier replacements kept the line numbers."""
    lines = files[after.file].split("\n")
    last = after.line if after.end_column == 1 else after.end_line
    lines.insert(max(last, after.line), text)
    files[after.file] = "\n".join(lines)


def loosen_match(
    ruleset: nodes.Ruleset, files: Files, table: str, match: tuple[str, ...], note: str
) -> dict[str, str] | None:
    """Return the files with a map that matches more spellings, or None if it does already."""
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


def soften_check(
    ruleset: nodes.Ruleset, files: Files, check: str, note: str
) -> dict[str, str] | None:
    """Return the files with a check that warns instead of holding, or None without one."""
    found = next((c for c in ruleset.checks if c.name == check), None)
    if found is None or found.action.kind != "hold":
        return None
    changed = dict(files)
    _replace(changed, found.action.span, "warn")
    lines = changed[found.span.file].split("\n")
    lines.insert(found.span.line - 1, f"# {note}")
    changed[found.span.file] = "\n".join(lines)
    return changed
