"""Read record files (.jsonl, .jsonl.gz, .json, or a folder) in blocks of lines, and write them."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from holding.programs.posted_differences import Judging
from rules.facts import Entry, Later, UnitEntry, World
from rules.values.canonical import dumps

WORLDS_FILE = "worlds.jsonl"
"""The file next to the records with the worlds that lines name by revision."""

BLOCK = 1 << 20

MAX_LINE_BYTES = 1 << 24

MAX_LIST_BYTES = 1 << 25

_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

_LISTS = (".json", ".json.gz")

_MARK = b"\xef\xbb\xbf"  # byte order mark, which some programs write

_ENDINGS = f"Record files end in {', '.join((*_LINES, *_LISTS))}."

_LIST = 'Write [{"body": {…}}, …], or one record a line in a .jsonl file.'

RECORDS_FILE = "records.jsonl"


class UnreadableError(ValueError):
    """Report a file that cannot be read at all: which file and why; `hint` is what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive whole lines of a file.

    `share` is the part of all files up to the block's end. For a file that is not compressed, `at`
    and `size` are the block's place on disk in bytes.
    """

    file: str
    first: int
    raw: bytes
    share: float
    at: int | None = None
    size: int = 0

    def without_text(self) -> "Block":
        """Return the block without its lines, so that another process reads them from disk.

        Reading is quicker than passing the lines between processes.
        """
        return self if self.at is None else replace(self, raw=b"", size=len(self.raw))

    def text(self) -> bytes:
        """Return the lines; a file that became shorter raises UnreadableError."""
        if self.at is None or self.raw:
            return self.raw
        with _open_text(Path(self.file)) as (raw, _):
            raw.seek(self.at)
            lines = raw.read(self.size)
        if len(lines) < self.size:
            raise UnreadableError(f"{self.file} became shorter while it was read.")
        return lines


@contextmanager
def _open_text(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open the file; yield its raw stream and its text stream. A fault names the file."""
    try:
        with path.open("rb") as raw:
            if path.suffix != ".gz":
                yield raw, raw
                return
            with gzip.open(raw) as text:
                yield raw, text  # type: ignore[misc]  # GzipFile reads like a BinaryIO
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"{path} cannot be read: {reason}") from error


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """The files of RECORDS in their order, their total size in bytes, and the worlds file."""

    files: tuple[Path, ...]
    size: int
    worlds: Path | None

    @staticmethod
    def at(path: Path) -> "RecordFiles":
        """Return the record file at a path, or all record files below a folder."""
        files = [path]
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.name.endswith((*_LINES, *_LISTS)))
            files = sorted(file for file in inside if file.is_file() and file.name != WORLDS_FILE)
            if not files:
                raise UnreadableError(f"{path} holds no record file.", _ENDINGS)
        elif not path.name.endswith((*_LINES, *_LISTS)):
            raise UnreadableError(f"{path} is no record file.", _ENDINGS)
        worlds = (path if path.is_dir() else path.parent) / WORLDS_FILE
        size = sum(file.stat().st_size for file in files)
        return RecordFiles(tuple(files), size, worlds if worlds.is_file() else None)

    def blocks(self) -> Iterator[Block]:
        """Yield all lines, in the order of files and lines."""
        earlier_bytes = 0
        for path in self.files:
            with _open_text(path) as (raw, text):
                read_lines = _read_list if path.name.endswith(_LISTS) else _read_lines
                at = 0 if text is raw and read_lines is _read_lines else None
                for first, lines in read_lines(text, path):
                    share = (earlier_bytes + raw.tell()) / max(self.size, 1)
                    if at is not None:
                        at = raw.tell() - len(lines)
                    yield Block(str(path), first, lines, min(share, 1.0), at)
            earlier_bytes += path.stat().st_size


def _read_list(text: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a JSON list as lines, numbered from 1."""
    content = text.read(MAX_LIST_BYTES + 1)
    if len(content) > MAX_LIST_BYTES:
        hint = "Write one record a line (.jsonl): that is read piece by piece."
        raise UnreadableError(f"{path}: a list of more than {MAX_LIST_BYTES >> 20} MB.", hint)
    try:
        rows = msgspec.json.decode(content.removeprefix(_MARK), type=list[msgspec.Raw])
        lines = [msgspec.json.format(bytes(row), indent=-1) for row in rows]
    except ValueError as error:
        raise UnreadableError(f"{path} is no list of records: {error}.", _LIST) from error
    for start in range(0, len(lines), 500):
        yield start + 1, b"\n".join(lines[start : start + 500])


def _read_lines(text: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    first = 1
    while block := text.read(BLOCK):
        if not block.endswith(b"\n"):
            line_end = text.readline(MAX_LINE_BYTES)
            if len(line_end) == MAX_LINE_BYTES and not line_end.endswith(b"\n"):
                raise UnreadableError(f"{path}: a line is longer than {MAX_LINE_BYTES >> 20} MB.")
            block += line_end
        yield first, block.removeprefix(_MARK) if first == 1 else block
        first += block.count(b"\n")


@dataclass(slots=True)
class ExportCounts:
    """Count the written records, and those whose content is no longer stored."""

    records: int = 0
    gone: int = 0


def write(
    folder: Path,
    judgings: Iterable[Judging],
    *,
    stand: Callable[[int], World],
    targets: Mapping[str, str],
) -> ExportCounts:
    """Write all judgings; `targets` maps words to names."""
    counts, written_revisions = ExportCounts(), set()
    before = _PlainWorld({}, {}, {}, [])
    with (
        (folder / RECORDS_FILE).open("w", encoding="utf-8") as records,
        (folder / WORLDS_FILE).open("w", encoding="utf-8") as worlds,
    ):
        for judging in judgings:
            if judging.body is None or judging.facts is None:
                counts.gone += 1
                continue
            if judging.revision not in written_revisions:
                written_revisions.add(judging.revision)
                world = _plain_world(stand(judging.revision))
                worlds.write(
                    dumps({"revision": judging.revision, **_world_changes(before, world)}) + "\n"
                )
                before = world
            records.write(dumps(_record_line(judging, targets)) + "\n")
            counts.records += 1
    return counts


class _PlainWorld(NamedTuple):
    """The parts of a world that a line of worlds.jsonl has."""

    maps: Mapping[str, Mapping[str, object]]
    units: Mapping[str, object]
    targets: Mapping[str, object]
    later: Sequence[object]


def _plain_world(world: World) -> _PlainWorld:
    """Return all entries and targets of a world, as a line of worlds.jsonl has them."""
    return _PlainWorld(
        maps={
            name: {key: _entry_row(entry) for key, entry in table.entries.items()}
            for name, table in world.maps.items()
        },
        units={key: _unit_row(entry) for key, entry in world.units.items()},
        targets=dict(world.targets),
        later=[_later_row(later_entry) for later_entry in world.later],
    )


def _entry_row(entry: Entry) -> tuple[int, str]:
    return entry.id, entry.value


def _unit_row(entry: UnitEntry) -> tuple[int, int, int, str]:
    return entry.id, entry.num, entry.den, entry.to


def _later_row(later_entry: Later) -> tuple[date, str, str, int, int, int, str]:
    if isinstance(later_entry.entry, UnitEntry):
        return later_entry.day, later_entry.table, later_entry.key, *_unit_row(later_entry.entry)
    return (
        later_entry.day,
        later_entry.table,
        later_entry.key,
        later_entry.entry.id,
        0,
        0,
        later_entry.entry.value,
    )


def _world_changes(before: _PlainWorld, now: _PlainWorld) -> dict[str, object]:
    """Return what differs from the line above; null removes a row."""
    maps = {
        name: changed_rows
        for name in {**before.maps, **now.maps}
        if (changed_rows := _row_changes(before.maps.get(name, {}), now.maps.get(name, {})))
        or name not in before.maps
    }
    units, targets = (
        _row_changes(before.units, now.units),
        _row_changes(before.targets, now.targets),
    )
    parts = {"maps": maps, "units": units, "targets": targets}
    changed_parts: dict[str, object] = {part: rows for part, rows in parts.items() if rows}
    return changed_parts if before.later == now.later else {**changed_parts, "later": now.later}


def _row_changes(before: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    fresh = {key: value for key, value in now.items() if before.get(key) != value}
    return {**{key: None for key in before if key not in now}, **fresh}


def _record_line(judging: Judging, targets: Mapping[str, str]) -> dict[str, object]:
    return {
        "kind": judging.kind,
        "source": judging.source,
        "version": judging.version,
        "now": judging.at,
        "revision": judging.revision,
        "known": sorted(word for word, name in targets.items() if name in judging.known),
        "states": judging.states,
        "facts": judging.facts,
        "body": judging.body,
    }
