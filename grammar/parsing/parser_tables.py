"""Lark's parser of the language. Working out its tables takes longer than all of a short command.

Lives here: `parser`, which reads the tables that stand beside the grammar, and their file. A change
of the grammar rewrites it (tools/tables.py). Tables of another grammar, or of another Lark,
are left alone: then they are worked out. Not here: what is read (`parsing/parser.py`).
"""

import json
import zlib
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lark import PostLex
from lark.lexer import TerminalDef

_FILE = "clearpost.tables"
_LATER = {"postlex", "propagate_positions"}
"""Options that are told when the tables are read."""


def parser(postlex: PostLex) -> Lark:
    """The parser, from its tables where they fit."""
    text = _grammar()
    kept = _read(files("grammar.parsing").joinpath(_FILE).read_bytes())
    if kept["of"] != _name(text):
        return worked_out(text, postlex)
    data, memo = kept["data"], _numbered(kept["memo"])
    table = data["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {no: _numbered(row) for no, row in _numbered(table["states"]).items()}
    found: Lark = Lark._load_from_dict(data, memo, postlex=postlex, propagate_positions=True)  # type: ignore[no-untyped-call]
    return found


def worked_out(text: str, postlex: PostLex | None) -> Lark:
    """The parser of a grammar, which is looked through for what could be read in two ways."""
    return Lark(
        text,
        parser="lalr",
        start="declaration",
        strict=True,
        propagate_positions=True,
        maybe_placeholders=True,
        postlex=postlex,
    )


def write(folder: Path) -> None:
    """Put the tables of the grammar of now beside it."""
    text = _grammar()
    data, memo = worked_out(text, None).memo_serialize([TerminalDef, Rule])
    data["options"] = {name: v for name, v in data["options"].items() if name not in _LATER}
    told = json.dumps({"of": _name(text), "data": data, "memo": memo})
    (folder / _FILE).write_bytes(zlib.compress(told.encode("ascii"), 9))


def _grammar() -> str:
    return files("grammar.parsing").joinpath("clearpost.lark").read_text(encoding="utf-8")


def _read(raw: bytes) -> Any:
    return json.loads(zlib.decompress(raw))


def _name(text: str) -> str:
    """What tables are of: this grammar, read by this Lark."""
    return sha256(f"{lark.__version__}\n{text}".encode()).hexdigest()


def _numbered(row: dict[str, Any]) -> dict[int, Any]:
    """JSON has words for keys; these were numbers."""
    return {int(number): value for number, value in row.items()}
