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

WORLDS = "worlds.jsonl"
"""The worlds that lines name by revision; it lies beside the records."""

BLOCK = 1 << 20

LONGEST = 1 << 24

LARGEST_LIST = 1 << 25

_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

_LISTS = (".json", ".json.gz")

_MARK = b"\xef\xbb\xbf"  # some programs begin UTF-8 so

_ENDINGS = f"Record files end in {', '.join((*_LINES, *_LISTS))}."

_LIST = 'Write [{"body": {…}}, …], or one record a line in a .jsonl file.'

RECORDS = "records.jsonl"


class UnreadableError(ValueError):
    """A file that cannot be read at all; the text says which and why, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file; `share` is how much of all the files lies up to their end, `at`
    and `size` say where on disk they lie as they are, where they do.
    """

    file: str
    first: int
    raw: bytes
    share: float
    at: int | None = None
    size: int = 0

    def without_text(self) -> "Block":
        """The same for another process, which reads the lines again where that is quicker than to
        be handed them.
        """
        return self if self.at is None else replace(self, raw=b"", size=len(self.raw))

    def text(self) -> bytes:
        """The lines; UnreadableError where the file changed meanwhile."""
        if self.at is None or self.raw:
            return self.raw
        with _opened(Path(self.file)) as (raw, _):
            raw.seek(self.at)
            found = raw.read(self.size)
        if len(found) < self.size:
            raise UnreadableError(f"{self.file} became shorter while it was read.")
        return found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file as it lies on disk, and the text in it; a broken one is told by its name."""
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
class Stored:
    """The files of RECORDS in their order, how large they are, and the worlds beside them."""

    files: tuple[Path, ...]
    size: int
    worlds: Path | None

    @staticmethod
    def at(path: Path) -> "Stored":
        """What lies at a path: one file, or all the files below a folder."""
        found = [path]
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.name.endswith((*_LINES, *_LISTS)))
            found = sorted(p for p in inside if p.is_file() and p.name != WORLDS)
            if not found:
                raise UnreadableError(f"{path} holds no record file.", _ENDINGS)
        elif not path.name.endswith((*_LINES, *_LISTS)):
            raise UnreadableError(f"{path} is no record file.", _ENDINGS)
        worlds = (path if path.is_dir() else path.parent) / WORLDS
        size = sum(p.stat().st_size for p in found)
        return Stored(tuple(found), size, worlds if worlds.is_file() else None)

    def blocks(self) -> Iterator[Block]:
        """All lines, in the order of files and lines."""
        before = 0
        for path in self.files:
            with _opened(path) as (raw, text):
                read = _list if path.name.endswith(_LISTS) else _lines
                at = 0 if text is raw and read is _lines else None
                for first, lines in read(text, path):
                    share = (before + raw.tell()) / max(self.size, 1)
                    if at is not None:
                        at = raw.tell() - len(lines)
                    yield Block(str(path), first, lines, min(share, 1.0), at)
            before += path.stat().st_size


def _list(text: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """A JSON list as lines; their numbers count its records."""
    held = text.read(LARGEST_LIST + 1)
    if len(held) > LARGEST_LIST:
        hint = "Write one record a line (.jsonl): that is read piece by piece."
        raise UnreadableError(f"{path}: a list of more than {LARGEST_LIST >> 20} MB.", hint)
    try:
        rows = msgspec.json.decode(held.removeprefix(_MARK), type=list[msgspec.Raw])
        flat = [msgspec.json.format(bytes(row), indent=-1) for row in rows]
    except ValueError as error:
        raise UnreadableError(f"{path} is no list of records: {error}.", _LIST) from error
    for start in range(0, len(flat), 500):
        yield start + 1, b"\n".join(flat[start : start + 500])


def _lines(text: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    first = 1
    while block := text.read(BLOCK):
        if not block.endswith(b"\n"):
            rest = text.readline(LONGEST)
            if len(rest) == LONGEST and not rest.endswith(b"\n"):
                raise UnreadableError(f"{path}: a line is longer than {LONGEST >> 20} MB.")
            block += rest
        yield first, block.removeprefix(_MARK) if first == 1 else block
        first += block.count(b"\n")


@dataclass(slots=True)
class Written:
    """How many records were written, and of how many nothing is kept to judge by."""

    records: int = 0
    gone: int = 0


def write(
    folder: Path,
    judgings: Iterable[Judging],
    *,
    stand: Callable[[int], World],
    targets: Mapping[str, str],
) -> Written:
    """Write all judgings; `stand` gives the world of a revision, `targets` a name for each word."""
    written, told = Written(), set()
    before = _Plain({}, {}, {}, [])
    with (
        (folder / RECORDS).open("w", encoding="utf-8") as records,
        (folder / WORLDS).open("w", encoding="utf-8") as worlds,
    ):
        for one in judgings:
            if one.body is None or one.facts is None:
                written.gone += 1
                continue
            if one.revision not in told:
                told.add(one.revision)
                now = _plain(stand(one.revision))
                worlds.write(dumps({"revision": one.revision, **_news(before, now)}) + "\n")
                before = now
            records.write(dumps(_line(one, targets)) + "\n")
            written.records += 1
    return written


class _Plain(NamedTuple):
    """What of a world a line of worlds.jsonl has."""

    maps: Mapping[str, Mapping[str, object]]
    units: Mapping[str, object]
    targets: Mapping[str, object]
    later: Sequence[object]


def _plain(world: World) -> _Plain:
    """All entries and targets of a world, as a line of worlds.jsonl has them."""
    return _Plain(
        maps={
            name: {key: _entry(entry) for key, entry in table.entries.items()}
            for name, table in world.maps.items()
        },
        units={key: _unit(entry) for key, entry in world.units.items()},
        targets=dict(world.targets),
        later=[_later(one) for one in world.later],
    )


def _entry(entry: Entry) -> tuple[int, str]:
    return entry.id, entry.value


def _unit(entry: UnitEntry) -> tuple[int, int, int, str]:
    return entry.id, entry.num, entry.den, entry.to


def _later(one: Later) -> tuple[date, str, str, int, int, int, str]:
    if isinstance(one.entry, UnitEntry):
        return one.day, one.table, one.key, *_unit(one.entry)
    return one.day, one.table, one.key, one.entry.id, 0, 0, one.entry.value


def _news(before: _Plain, now: _Plain) -> dict[str, object]:
    """What differs from the line above; null takes away."""
    maps = {
        name: changed
        for name in {**before.maps, **now.maps}
        if (changed := _changed(before.maps.get(name, {}), now.maps.get(name, {})))
        or name not in before.maps
    }
    units, targets = _changed(before.units, now.units), _changed(before.targets, now.targets)
    parts = {"maps": maps, "units": units, "targets": targets}
    found: dict[str, object] = {part: rows for part, rows in parts.items() if rows}
    return found if before.later == now.later else {**found, "later": now.later}


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    fresh = {key: value for key, value in now.items() if before.get(key) != value}
    return {**{key: None for key in before if key not in now}, **fresh}


def _line(one: Judging, targets: Mapping[str, str]) -> dict[str, object]:
    return {
        "kind": one.kind,
        "source": one.source,
        "version": one.version,
        "now": one.at,
        "revision": one.revision,
        "known": sorted(word for word, name in targets.items() if name in one.known),
        "states": one.states,
        "facts": one.facts,
        "body": one.body,
    }
