"""RECORDS on disk as blocks of whole lines: .jsonl, .jsonl.gz, a .json list, or a folder of them.

Here: Stored, and reading it block by block, so that memory stays flat. Not here: what a line says
(record_lines.py).
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

WORLDS = "worlds.jsonl"
"""The worlds that lines name by revision; it lies beside the records."""
BLOCK = 1 << 20
LONGEST = 1 << 24
LARGEST_LIST = 1 << 25
_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_LISTS = (".json", ".json.gz")
_MARK = b"\xef\xbb\xbf"  # some programs begin UTF-8 so


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


_ENDINGS = f"Record files end in {', '.join((*_LINES, *_LISTS))}."


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


_LIST = 'Write [{"body": {…}}, …], or one record a line in a .jsonl file.'
