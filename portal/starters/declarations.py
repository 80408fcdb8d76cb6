"""Change some declarations of a rules file and keep the others that two templates share."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

_HEAD: Final = re.compile(
    r'test ".*"|(?:record|check|sample|map|const|source|target|role|retry) \w+'
    r'|[^#\n"]+?(?=(?: as ".*)?\s*(?:#.*)?$)'
)
"""What names a declaration in its first line."""

TITLE: Final = "language 1"
"""The first declaration of a file, below its title; a change without a title keeps the title."""

_FIELD: Final = re.compile(r"    (\w+)")


@dataclass(frozen=True, slots=True)
class Part:
    """A declaration of a file, or a field of a record: its name and its text with the comments
    above it.
    """

    name: str
    text: str


def split_declarations(text: str) -> list[Part]:
    """Return the declarations of a rules file; the first is `language`, below the file's title."""
    blocks: list[list[str]] = [[]]
    for line in text.rstrip("\n").split("\n"):
        starts = bool(line) and line[0] not in " \t#"
        if starts:
            above = blocks[-1]
            kept = len(above)
            while kept and (not above[kept - 1] or above[kept - 1][0] == "#"):
                kept -= 1
            blocks[-1:] = [above[:kept], above[kept:]] if kept else [above]
        blocks[-1].append(line)
    return [_name_block(lines) for lines in blocks]


def _name_block(lines: list[str]) -> Part:
    """Return a declaration with the name that its first line gives it."""
    first = next((line for line in lines if line and line[0] not in " \t#"), "")
    head = _HEAD.match(first)
    return Part(head[0] if head else "", "\n".join(lines).strip("\n"))


def split_fields(text: str) -> tuple[str, list[Part]]:
    """Return the first line of a record, with the comments above it, and its fields."""
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if line.startswith(" ")), len(lines))
    fields: list[list[str]] = []
    for line in lines[start:]:
        if _FIELD.match(line):
            fields.append([])
        fields[-1].append(line)
    parts = [Part(_FIELD.findall(field[0])[0], "\n".join(field)) for field in fields]
    return "\n".join(lines[:start]), parts


def merge_declarations(text: str, changes: str) -> str:
    """Return a rules file with declarations replaced by the declarations of equal name in
    `changes`.

    A new declaration follows the declaration before it in `changes`. A record keeps its fields;
    changed fields replace or follow them likewise.
    """
    return _join(_merge(split_declarations(text), split_declarations(changes)))


def _join(parts: Iterable[Part]) -> str:
    """Join the declarations to the text of a file. Roles follow each other without blank lines."""
    text, before = "", ""
    for part in parts:
        both_roles = part.name.startswith("role ") and before.startswith("role ")
        text += ("\n" if both_roles else "\n\n" if before else "") + part.text
        before = part.name
    return f"{text}\n"


def _merge(parts: list[Part], changes: Iterable[Part]) -> list[Part]:
    """Return the parts with the changes in their places."""
    merged, place = list(parts), 0
    for change in changes:
        names = [part.name for part in merged]
        if change.name in names:
            place = names.index(change.name)
            merged[place] = _change_part(merged[place], change)
        else:
            merged.insert(place, change)
        place += 1
    return merged


def _change_part(part: Part, change: Part) -> Part:
    """Return a declaration changed by another declaration of equal name."""
    if part.name == TITLE and change.text == TITLE:
        return part
    if not part.name.startswith("record "):
        return change
    (head, fields), (_, changed) = split_fields(part.text), split_fields(change.text)
    merged = _merge(fields, changed)
    return Part(part.name, "\n".join((head, *(field.text for field in merged))))


def leave_out(text: str, names: Collection[str]) -> str:
    """Return a rules file without these declarations and fields (`record.field`)."""
    kept: list[Part] = []
    for part in split_declarations(text):
        if part.name in names:
            continue
        record = part.name.removeprefix("record ")
        if record != part.name:
            head, fields = split_fields(part.text)
            stay = (one.text for one in fields if f"{record}.{one.name}" not in names)
            part = Part(part.name, "\n".join((head, *stay)))
        kept.append(part)
    return _join(kept)


def list_names(text: str) -> set[str]:
    """Return the names of the declarations in a rules file, and of fields as `record.field`."""
    parts = split_declarations(text)
    fields = {
        f"{part.name.removeprefix('record ')}.{field.name}"
        for part in parts
        if part.name.startswith("record ")
        for field in split_fields(part.text)[1]
    }
    return fields | {part.name for part in parts}
