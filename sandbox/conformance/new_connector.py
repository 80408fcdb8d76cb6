"""A folder for a connector of one's own, begun from one that is there."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Source, Target
from connectors.contract.schema import DocumentSchema, FieldSchema, KindSchema
from connectors.kit.preflight import meaning_of
from connectors.registry import sources, targets
from connectors.transport.http import Http
from sandbox.conformance.source_suite import EARLY, Scheme, SourceSuite
from sandbox.conformance.target_bench import Bench, Posted, Process, Refusals, Sample, refusals_of

SKELETONS = Path(__file__).parent / "skeletons"

NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")
"""What a connector may be called: it is a word of rule files and a folder."""

_NUMERIC = {"whole": "1", "decimal": "1", "money": "99.00", "quantity": "2"}

_FIXED = {"date": "2026-11-19", "moment": "2026-11-19T10:00:00+08:00", "yesno": "no"}

_DOCUMENTS = '''"""The document types that {title} takes, as data.

Here: fields, limits and which field means what; `wire` is the word of the sheet. Not here: how a
document becomes bytes (payload.py).
"""

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema

__all__ = ["Amounts", "Books", "DOCUMENTS", "DocumentSchema", "FieldSchema"]

DOCUMENTS = {documents}
'''

_KINDS = '''"""The kinds of record that {title} delivers, as data.

Here: fields and what they mean. Not here: how a delivery is read (connector.py).
"""

from connectors.contract.schema import FieldSchema, KindSchema

KINDS = {kinds}
'''

NOTHING = "nothing"


class TakenError(Exception):
    """A folder that is there already."""


def new_target(name: str, like: Target, into: Path) -> list[Path]:
    """Make `targets/NAME` and `simulators/NAME` in a folder; the files that were written."""
    words = _words(name, like.name, like.form.gives)
    documents = tuple(_renamed(one, name) for one in like.documents)
    own = {
        "documents.py": _DOCUMENTS.format(title=words["TITLE"], documents=_code(documents)),
        "sample.toml": _target_sample(name, documents[0]),
    }
    words["PARTY"] = _party(documents[0])
    return _written(into, name, words, {"targets": "target", "simulators": "simulator"}, own)


def _words(name: str, like: str, gives: str) -> dict[str, str]:
    title = name.replace("_", " ").title()
    return {
        "NAME": name,
        "TITLE": title,
        "CLASS": title.replace(" ", ""),
        "LIKE": like,
        "GIVES": gives,
    }


def _renamed(document: DocumentSchema, target: str) -> DocumentSchema:
    """The same document of the new target, which can do nothing to it afterwards yet."""
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
    """A declaration as Python, without what it leaves as it is."""
    here, inner = "    " * depth, "    " * (depth + 1)
    if is_dataclass(value) and not isinstance(value, type):
        plain = {one.name: one.default for one in fields(value)}
        given = {name: getattr(value, name) for name in plain}
        said = [
            f"{name}={_code(one, depth + 1)}" for name, one in given.items() if one != plain[name]
        ]
        short = f"{type(value).__name__}({', '.join(said)})"
        if len(here) + len(short) < 96 and "\n" not in short:
            return short
        return (
            f"{type(value).__name__}(\n" + "".join(f"{inner}{one},\n" for one in said) + f"{here})"
        )
    if isinstance(value, tuple) and value:
        return "(\n" + "".join(f"{inner}{_code(one, depth + 1)},\n" for one in value) + f"{here})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _target_sample(name: str, document: DocumentSchema) -> str:
    """A document that has what a rule must fill, and the fields that the suite tries."""
    rates = [one for one in document.header if one.type in ("decimal", "money") and one.places]
    asked = {one.name for one in document.header if one.required or one.needed}
    head = {
        one.name: _value(one, document)
        for one in document.header
        if one.name in asked | {document.party_field} and one.name != document.number_field
    }
    line = {one.name: _value(one, document) for one in document.lines if one.required or one.needed}
    amount = document.amounts.amount if document.amounts else ""
    other = {**line, **({amount: "199.00"} if amount in line else {})}
    said = [
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
        *_toml(head),
    ]
    if document.lines:
        said += ["", "[[lines]]", *_toml(line), "", "[[other_lines]]", *_toml(other)]
    return "\n".join(said) + "\n"


def _value(one: FieldSchema, document: DocumentSchema) -> str:
    if one.name == document.party_field:
        return _party(document)
    if one.refers == "currency":
        return "MYR"
    known = _NUMERIC.get(one.type) or _FIXED.get(one.type)
    return known or "SAMPLE"[: one.max_length or 6]


def _party(document: DocumentSchema) -> str:
    """The customer or supplier of the sample; blank where the document names none."""
    lengths = [one.max_length for one in document.header if one.name == document.party_field]
    return "Aisyah Rahman"[: lengths[0] or 100] if lengths else ""


def _toml(values: Mapping[str, str]) -> list[str]:
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]


def _written(
    into: Path, name: str, words: Mapping[str, str], sides: Mapping[str, str], own: dict[str, str]
) -> list[Path]:
    for side in sides:
        if (into / side / name).exists():
            raise TakenError(f"{into / side / name} is there already.")
    made = []
    for side, skeleton in sides.items():
        files = {
            path.name.removesuffix(".txt"): path.read_text("utf-8")
            for path in sorted((SKELETONS / skeleton).glob("*.txt"))
        }
        if side != "simulators":
            files |= own
        folder = into / side / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            for word, said in words.items():
                text = text.replace(f"@{word}@", said)
            (folder / file).write_text(text, "utf-8")
            made.append(folder / file)
    return made


def new_source(name: str, like: Source, into: Path) -> list[Path]:
    """Make `sources/NAME` and `simulators/NAME` in a folder; the files that were written."""
    words = _words(name, like.name, like.form.gives)
    kind = like.kinds[0]
    kept = KindSchema(
        source=name,
        kind=kind.kind,
        fields=tuple(_told(one, of_line=False) for one in kind.fields),
        lines=tuple(_told(one, of_line=True) for one in kind.lines),
    )
    own = {"kinds.py": _KINDS.format(title=words["TITLE"], kinds=_code((kept,)))}
    return _written(into, name, words, {"sources": "source", "simulators": "shop"}, own)


def _told(one: FieldSchema, *, of_line: bool) -> FieldSchema:
    """The field with its meaning, also where that is shared by all sources."""
    return replace(one, meaning=meaning_of(one, of_line=of_line))


def open_places(folder: Path) -> list[str]:
    """The functions of a connector that nobody has filled in yet, each as its error says it."""
    found = []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.FunctionDef(
                    body=[*_, ast.Raise(exc=ast.Call(func, [ast.Constant(said)]))]
                ):
                    if isinstance(func, ast.Name) and func.id == NotImplementedError.__name__:
                        found.append(str(said))
    return found


def test_a_place_is_filled_in(place: str) -> None:
    """Red until its function is written."""
    assert place == NOTHING, place


class TestSource(SourceSuite):
    """What it does."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The name of the connector."""
    parser.addoption("--connector", required=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A target that takes many documents in a call is tried so, too; each place that is still to
    be filled in is a test of its own, and each refusal that the connector tells of.
    """
    if "place" in metafunc.fixturenames:
        metafunc.parametrize("place", _open(metafunc.config) or [NOTHING])
    if "batch" in metafunc.fixturenames:
        most = targets()[_name(metafunc.config)].file_limits.documents
        metafunc.parametrize(
            "batch", [False, True] if most > 1 else [False], ids=("", "many")[:most]
        )
    told = _refusals(metafunc.config) if {"way", "literal"} & {*metafunc.fixturenames} else None
    if told is not None and "way" in metafunc.fixturenames:
        metafunc.parametrize("way", told.ways, ids=lambda way: way.error_class)
    if told is not None and "literal" in metafunc.fixturenames:
        metafunc.parametrize("literal", told.literal, ids=lambda one: one.error_class)


def _open(config: pytest.Config) -> list[str]:
    name = _name(config)
    sides = {"targets": targets(), "sources": sources()}
    (side,) = (one for one, known in sides.items() if name in known)
    return open_places(folder_of(side, name)) + open_places(folder_of("simulators", name))


def _name(config: pytest.Config) -> str:
    return str(config.getoption("--connector"))


def _refusals(config: pytest.Config) -> Refusals:
    return refusals_of(folder_of("targets", _name(config)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Iterator[None]:
    """A test that came to a place which nobody filled in has not been run; that place is red."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, NotImplementedError) and str(error) in _open(item.config):
        report.outcome = "skipped"  # type: ignore[attr-defined]
        report.longrepr = (str(item.path), None, f"waits for {error}")  # type: ignore[attr-defined]
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the places."""
    for place in _open(config):
        terminalreporter.write_line(f"TO FILL IN  {place}")


def folder_of(side: str, name: str) -> Path:
    """Where the files of a connector lie."""
    return Path(str(import_module(f"connectors.{side}.{name}").__file__)).parent


def sample_of(name: str) -> Sample:
    """What `sample.toml` of a target says."""
    told = tomllib.loads((folder_of("targets", name) / "sample.toml").read_text("utf-8"))
    (schema,) = (one for one in targets()[name].documents if one.name == told["document"])

    def make(
        number: str = "NS-1",
        *,
        lines: tuple[Mapping[str, str], ...] = tuple(told.get("lines", ())),
        amount: str = told["amount"],
        **changed: str,
    ) -> Posted:
        every = {schema.number_field: number, **told["fields"], **changed}
        fields = {name: value for name, value in every.items() if value != ""}
        return Posted(
            number=number,
            party=fields.get(schema.party_field, ""),
            currency=told["currency"],
            amount=Decimal(amount),
            document=schema.name,
            fields=fields,
            lines=lines,
        )

    more: dict[str, Any] = {"amount": told["other_amount"]}
    if "other_lines" in told:
        more["lines"] = tuple(told["other_lines"])
    names = ("party", "day", "rate", "secret", "settings")
    return Sample(
        make=make,
        more=more,
        stored=tuple(told["stored"]),
        not_stored=tuple(told["not_stored"]),
        **{name: told[name] for name in names},
    )


class OwnProcess(Process):
    """The stand-in of a target of one's own, with the settings of its sample."""

    own: Mapping[str, Any] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the sample, and where it listens."""
        return {**super().settings, **self.own}


@pytest.fixture(scope="session")
def standing_by(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnProcess]:
    """The stand-in, started once."""
    name = _name(request.config)
    found = OwnProcess(name, tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    found.own = sample_of(name).settings
    yield found
    found.kill()


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Any:
    """The target."""
    return targets()[_name(request.config)]


@pytest.fixture
def refusals(request: pytest.FixtureRequest) -> Refusals:
    """What it says of them."""
    return _refusals(request.config)


@pytest.fixture
def bench(target: Any, standing_by: OwnProcess) -> Bench:
    """The target beside its stand-in, with empty books."""
    found = Bench(target, standing_by, Http(read_seconds=20), sample_of(target.name))
    found.afresh()
    return found


@pytest.fixture
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """The source, and what its stand-in sends."""
    name = _name(request.config)
    sent = import_module(f"sandbox.simulators.{name}.deliveries")
    return Scheme(
        source=lambda: sources()[name],
        sign=sent.signed,
        body=sent.delivery(sent.STATES[0], EARLY, "99.00"),
        signature=sent.SIGNATURE,
        state=sent.delivery,
        states=sent.STATES,
    )
