"""Writes the reference page of every source: docs/sources/NAME.md.

Here: what a source declares (settings, key, kinds, fields, words), and the recorded calls of
tests/connectors/wire, read by the source itself. Not here: how one is set up (its README). A page
is never edited: python tools/source_pages.py
"""

import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from connectors import registry  # noqa: E402
from connectors.contract import Accepted, IncomingRecord, SignsMore, Source  # noqa: E402
from connectors.contract.pulls import Page, Pulls  # noqa: E402
from connectors.contract.schema import FieldSchema, KindSchema  # noqa: E402
from connectors.kit.preflight import meaning_of  # noqa: E402
from connectors.transport.http import Http  # noqa: E402

FOLDER = ROOT / "docs" / "sources"
WIRE = ROOT / "tests" / "connectors" / "wire"
SECRET = "hush"  # noqa: S105 - the examples say so
SIGNED_AT = datetime.fromtimestamp(1763600000, UTC)
ZONE = ZoneInfo("Asia/Kuala_Lumpur")
BASE = "https://clearpost.example"
SETTINGS = {
    "lazada": {"app_key": "123456"},
    "shopee": {"partner_id": "2001234", "shop_id": "88"},
    "shopify": {"base_url": "https://kedai-maju.myshopify.com"},
}
"""What the connections of the examples are set to, where senders sign that, too."""
TYPES = {
    "text": "text",
    "whole": "whole number",
    "decimal": "number",
    "money": "amount",
    "quantity": "quantity",
    "date": "day",
    "moment": "moment",
    "yesno": "yes or no",
}


class Example:
    """One recorded call: its headers, and its body as it travels."""

    def __init__(self, source: str, file: Path) -> None:
        every = (WIRE / source / "every-request.txt").read_text("utf-8")
        told = file.read_text("utf-8").partition("\n>>> ")[2].partition("\n<<< ")[0]
        head, _, self.body = told.partition("\n\n")
        self.path, _, own = head.partition("\n")
        lines = (*every.splitlines(), *own.splitlines())
        self.headers = dict(line.split(": ", 1) for line in lines if line)


def pages() -> dict[str, str]:
    """All pages by the name of their source."""
    return {name: page(source) for name, source in sorted(registry.sources().items())}


def page(source: Source) -> str:
    """The page of one source."""
    parts = [*_head(source), *_address(source), *_settings(source)]
    records = read(source)
    for example in examples(source)[:1]:
        parts += _request(source, example)
    parts += _tables(source)
    for kind in source.kinds:
        parts += _kind(kind, records.get(kind.kind))
    for title, words in getattr(source, "words", {}).items():
        parts += [f"## {title}", _table(("there", "here"), words.items())]
    return "\n\n".join(parts) + "\n"


def examples(source: Source) -> list[Example]:
    """The recorded calls of a source, the plainest first: it has the name of its first kind."""
    files = sorted((WIRE / source.name).glob("*.http"))
    first = source.kinds[0].kind
    return [Example(source.name, file) for file in sorted(files, key=lambda f: f.stem != first)]


def read(source: Source) -> dict[str, IncomingRecord]:
    """A record of every kind, as the source reads it out of the recorded calls."""
    found: dict[str, IncomingRecord] = {}
    for example in examples(source):
        raw = example.body.encode()
        told = _bound(source).accept(example.headers, raw, [SECRET], SIGNED_AT, ZONE)
        for record in told.records if isinstance(told, Accepted) else ():
            found.setdefault(record.kind, record)
    files = [*(WIRE / source.name).glob("*.csv")]
    files += [one for suffix in source.suffixes for one in (WIRE / source.name).glob(f"*{suffix}")]
    for file in sorted(set(files)):
        told = source.read(file.name, file.read_bytes(), ZONE)
        for record in told.records if isinstance(told, Accepted) else ():
            found.setdefault(record.kind, record)
    for record in _in_tables(source):
        found.setdefault(record.kind, record)
    return found


def _in_tables(source: Source) -> Iterator[IncomingRecord]:
    """What a source that asks a database reads out of the tables of its example."""
    tables = WIRE / source.name / "shop.sql"
    if not (tables.exists() and isinstance(source, Pulls)):
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLEARPOST_SQL_FOLDER"] = folder
        shop = sqlite3.connect(Path(folder) / "shop.db")
        shop.executescript(tables.read_text("utf-8"))
        shop.close()
        settings = {"base_url": "sqlite:///shop.db", **_example_settings(source)}
        cursor, more = source.begin(datetime(2025, 1, 1, tzinfo=UTC)), True
        while more:
            told = source.page(cursor, settings, "", ZONE, Http())
            if not isinstance(told, Page):
                raise SystemExit(told.words)
            yield from (record for one in told.found for record in one.records)
            cursor, more = told.after, told.more
        del os.environ["CLEARPOST_SQL_FOLDER"]


def _example_settings(source: Source) -> dict[str, str]:
    told: dict[str, str] = json.loads((WIRE / source.name / "settings.json").read_text("utf-8"))
    return told


def _tables(source: Source) -> Iterator[str]:
    file = WIRE / source.name / "shop.sql"
    if not file.exists():
        return
    yield "## The tables of the example"
    yield "A shop may have others: the queries say how its own are read."
    yield f"```sql\n{file.read_text('utf-8').strip()}\n```"
    yield "The connection that reads them is set to:"
    yield _table(
        ("setting", "value"), [(f"`{n}`", f"`{v}`") for n, v in _example_settings(source).items()]
    )


def _bound(source: Source) -> Source:
    """The source as the connection of the examples has it."""
    if not isinstance(source, SignsMore):
        return source
    return source.bound(SETTINGS.get(source.name, {}), f"{BASE}/hooks/kedai/{source.name}")


def _head(source: Source) -> Iterator[str]:
    yield f"# {source.form.title}"
    yield "Made by `tools/source_pages.py` from what the source declares. Change it there."
    yield f"{source.form.gives}. You need: {_small(source.form.needs)}."
    if isinstance(source, Pulls):
        echo = "so no change is an echo of its own."
        yield f"Clearpost only reads there. It writes nothing back, {echo}"
    if not source.suffixes:
        return
    yield f"Files that end in {', '.join(f'`{one}`' for one in source.suffixes)} are read as well."


def _address(source: Source) -> Iterator[str]:
    if not source.headers:
        return
    yield "## Address"
    yield "    POST https://YOUR-CLEARPOST/hooks/COMPANY/CONNECTION"
    yield (
        "The page of the connection shows it whole. 202: it is here; what does not fit in it is "
        "held and listed under `held`. 200: it was here before. 401: nobody has proved who calls. "
        "409: another content came under that id. 422: the body cannot be read, or a record has no "
        "id; the answer says where, and records that have one are taken."
    )


def _settings(source: Source) -> Iterator[str]:
    form = registry.form_of("source", source.name)
    rows = [(f"`{one.name}`", one.label, one.hint) for one in form.settings] if form else []
    yield "## Settings of the connection"
    yield _table(("name", "label", "what it is"), rows)
    if source.form.key:
        yield f"{source.form.key.label}: {source.form.key.hint}"
        if source.form.key.parts:
            parts = [(part.label, part.hint) for part in source.form.key.parts]
            yield _table(("field in the browser", "what it is"), parts)
        yield "\n".join(f"{n}. {step}" for n, step in enumerate(source.form.key.steps, 1))


def _path(example: Example) -> str:
    return example.path.partition(" ")[2]


def _request(source: Source, example: Example) -> Iterator[str]:
    yield "## A signed request"
    yield f"Signed with the secret `{SECRET}`, byte by byte as it stands here."
    if source.name in SETTINGS:
        own = ", ".join(f"`{name}` {told}" for name, told in SETTINGS[source.name].items())
        yield f"The connection has {own}, and the address {BASE}{_path(example)}."
    head = "\n".join(f"{name}: {value}" for name, value in example.headers.items())
    yield f"```http\nPOST {_path(example)}\n{head}\n\n{example.body}\n```"


def _kind(kind: KindSchema, record: IncomingRecord | None) -> Iterator[str]:
    yield f"## {kind.kind.replace('_', ' ').capitalize()}: `{kind.kind}`"
    yield _fields(kind.fields, of_line=False)
    if kind.lines:
        yield "Each of its `lines`:"
        yield _fields(kind.lines, of_line=True)
    if record is not None:
        told = json.dumps(record.body, ensure_ascii=False, indent=2)
        yield f"```json\n{told}\n```"


def _fields(fields: Sequence[FieldSchema], *, of_line: bool) -> str:
    rows = [
        (
            f"`{one.name}`",
            f"{TYPES[one.type]}{', required' if one.required else ''}",
            meaning_of(one, of_line=of_line),
        )
        for one in fields
    ]
    return _table(("field", "type", "meaning"), rows)


def _table(head: Sequence[str], rows: object) -> str:
    lines = [head, ["---"] * len(head), *rows]  # type: ignore[misc]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _small(text: str) -> str:
    return text[0].lower() + text[1:]


def main() -> int:
    """Write all pages; those of sources that are gone go, too."""
    made: Mapping[str, str] = pages()
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        if old.stem not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / f"{name}.md").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
