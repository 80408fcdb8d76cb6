"""Create the folder of a new target or source, begun from a connector that exists."""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

from connectors.contract import Source, Target
from connectors.contract.schema import DocumentSchema, FieldSchema, KindSchema
from connectors.kit.preflight import meaning_of

SKELETONS = Path(__file__).parent / "skeletons"

NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")
"""What a connector may be called: it is a word of rule files and a folder."""

_NUMERIC = {"whole": "1", "decimal": "1", "money": "99.00", "quantity": "2"}

_FIXED = {"date": "2026-11-19", "moment": "2026-11-19T10:00:00+08:00", "yesno": "no"}

_DOCUMENTS = '''"""The document types that {title} takes, as data.

Here: fields, limits and which field means what; `wire` is the word of the sheet. Not here: how a
document becomes bytes (payload.py).
"""

from decimal import Decimal

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema

__all__ = ["Amounts", "Books", "DOCUMENTS", "Decimal", "DocumentSchema", "FieldSchema"]

DOCUMENTS = {documents}
'''

_KINDS = '''"""The kinds of record that {title} delivers, as data.

Here: fields and what they mean. Not here: how a delivery is read (connector.py).
"""

from connectors.contract.schema import FieldSchema, KindSchema

KINDS = {kinds}
'''


class TakenError(Exception):
    """A folder that is there already."""


def new_target(
    name: str, model: Target, into: Path, *, stand_ins: Path | None = None
) -> list[Path]:
    """Create `targets/NAME` in a folder and `simulators/NAME` beside it; return the new files.

    `stand_ins` is the folder that holds `simulators` when it is another one, as in a checkout.
    """
    words = _words(name, model.name, model.form.gives, stand_ins)
    documents = tuple(_renamed(document, name) for document in model.documents)
    own_files = {
        "documents.py": _DOCUMENTS.format(title=words["TITLE"], documents=_code(documents)),
        "sample.toml": _target_sample(name, documents[0]),
    }
    words["PARTY"] = _party(documents[0])
    places = {into / "targets": "target", (stand_ins or into) / "simulators": "simulator"}
    return _write_folders(name, words, places, own_files)


def _words(name: str, model_name: str, gives: str, stand_ins: Path | None) -> dict[str, str]:
    """Return the replacement of each placeholder in the skeletons."""
    title = name.replace("_", " ").title()
    return {
        "NAME": name,
        "TITLE": title,
        "CLASS": title.replace(" ", ""),
        "LIKE": model_name,
        "GIVES": gives,
        "STAND_IN": f"{stand_ins.name}/simulators/{name}" if stand_ins else f"simulators/{name}",
    }


def _renamed(document: DocumentSchema, target: str) -> DocumentSchema:
    """Return the document type for the new target, which can only be created so far."""
    return DocumentSchema(
        target=target,
        name=document.name,
        title=document.title,
        header=document.header,
        lines=document.lines,
        number_field=document.number_field,
        number_max=document.number_max,
        date_field=document.date_field,
        party_field=document.party_field,
        total_field=document.total_field,
        one_row=document.one_row,
        amounts=document.amounts,
        books=document.books,
    )


def _code(value: object, depth: int = 0) -> str:
    """Return a declaration as Python source, without its default values."""
    indent, inner_indent = "    " * depth, "    " * (depth + 1)
    if is_dataclass(value) and not isinstance(value, type):
        defaults = {value_of_field.name: value_of_field.default for value_of_field in fields(value)}
        values = {name: getattr(value, name) for name in defaults}
        arguments = [
            f"{name}={_code(value_of_field, depth + 1)}"
            for name, value_of_field in values.items()
            if value_of_field != defaults[name]
        ]
        short = f"{type(value).__name__}({', '.join(arguments)})"
        if len(indent) + len(short) < 96 and "\n" not in short:
            return short
        return (
            f"{type(value).__name__}(\n"
            + "".join(f"{inner_indent}{value_of_field},\n" for value_of_field in arguments)
            + f"{indent})"
        )
    if isinstance(value, tuple) and value:
        return (
            "(\n"
            + "".join(
                f"{inner_indent}{_code(value_of_field, depth + 1)},\n" for value_of_field in value
            )
            + f"{indent})"
        )
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _target_sample(name: str, document: DocumentSchema) -> str:
    """Return a sample document with the fields that a rule must fill and that the suite checks."""
    rates = [
        field for field in document.header if field.type in ("decimal", "money") and field.places
    ]
    required_names = {field.name for field in document.header if field.required or field.needed}
    header = {
        field.name: _value(field, document)
        for field in document.header
        if field.name in required_names | {document.party_field}
        and field.name != document.number_field
    }
    line = {
        field.name: _value(field, document)
        for field in document.lines
        if field.required or field.needed
    }
    amount = document.amounts.amount if document.amounts else ""
    other = {**line, **({amount: "199.00"} if amount in line else {})}
    text_lines = [
        f'secret = "{name}-demo-key-5Tk2"',
        f'document = "{document.name}"',
        'currency = "MYR"',
        'amount = "99.00"',
        'other_amount = "199.00"',
        f'party = "{document.party_field}"',
        f'day = "{document.date_field}"',
        f'rate = "{rates[0].name if rates else ""}"',
        'stored = ["timeout_after", "error_500_after", "html_502_after", "cut_body"]',
        'not_stored = ["timeout_before", "html_502", "unavailable"]',
        "",
        "[settings]",
        'company_id = "C-1"',
        'locked_through = "none"',
        'zone = "Asia/Kuala_Lumpur"',
        'base_currency = "MYR"',
        "",
        "[fields]",
        *_toml(header),
    ]
    if document.lines:
        text_lines += ["", "[[lines]]", *_toml(line), "", "[[other_lines]]", *_toml(other)]
    return "\n".join(text_lines) + "\n"


def _value(field: FieldSchema, document: DocumentSchema) -> str:
    if field.name == document.party_field:
        return _party(document)
    if field.refers == "currency":
        return "MYR"
    sample_text = _NUMERIC.get(field.type) or _FIXED.get(field.type)
    return sample_text or "SAMPLE"[: field.max_length or 6]


def _party(document: DocumentSchema) -> str:
    """Return the customer or supplier of the sample; blank if the document names none."""
    lengths = [field.max_length for field in document.header if field.name == document.party_field]
    return "Aisyah Rahman"[: lengths[0] or 100] if lengths else ""


def _toml(values: Mapping[str, str]) -> list[str]:
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]


def _write_folders(
    name: str, words: Mapping[str, str], places: Mapping[Path, str], own_files: Mapping[str, str]
) -> list[Path]:
    """Write the skeleton of each place into its folder NAME, the connector's with its own files.

    Raise TakenError, and write nothing, if one of the folders exists.
    """
    for place in places:
        if (place / name).exists():
            raise TakenError(f"{place / name} is there already.")
    created = []
    for place, skeleton in places.items():
        files = {
            path.name.removesuffix(".txt"): path.read_text("utf-8")
            for path in sorted((SKELETONS / skeleton).glob("*.txt"))
        }
        if place.name != "simulators":
            files |= own_files
        folder = place / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            for word, replacement in words.items():
                text = text.replace(f"@{word}@", replacement)
            (folder / file).write_text(text, "utf-8")
            created.append(folder / file)
    return created


def new_source(
    name: str, model: Source, into: Path, *, stand_ins: Path | None = None
) -> list[Path]:
    """Create `sources/NAME` in a folder and `simulators/NAME` beside it; return the new files.

    `stand_ins` is the folder that holds `simulators` when it is another one, as in a checkout.
    """
    words = _words(name, model.name, model.form.gives, stand_ins)
    kind = model.kinds[0]
    kind_schema = KindSchema(
        source=name,
        kind=kind.kind,
        fields=tuple(_with_meaning(field, of_line=False) for field in kind.fields),
        lines=tuple(_with_meaning(field, of_line=True) for field in kind.lines),
    )
    own_files = {"kinds.py": _KINDS.format(title=words["TITLE"], kinds=_code((kind_schema,)))}
    places = {into / "sources": "source", (stand_ins or into) / "simulators": "shop"}
    return _write_folders(name, words, places, own_files)


def _with_meaning(field: FieldSchema, *, of_line: bool) -> FieldSchema:
    """Return the field with its meaning, even if all sources share it."""
    return replace(field, meaning=meaning_of(field, of_line=of_line))


def open_places(folder: Path) -> list[str]:
    """Return the functions of a connector that are still to be written, as their errors name
    them.
    """
    places = []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.FunctionDef(
                    body=[*_, ast.Raise(exc=ast.Call(func, [ast.Constant(place)]))]
                ):
                    if isinstance(func, ast.Name) and func.id == NotImplementedError.__name__:
                        places.append(str(place))
    return places
