"""Find every connector by name: each folder in `sources` and `targets` is one.

It also lists the schemas of systems that are described and have no connector yet.
"""

import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final
from zoneinfo import ZoneInfo

import connectors.sources
import connectors.targets
from connectors.contract import (
    Accepted,
    ConnectionForm,
    ConnectionSide,
    Setting,
    Source,
    SourceRefusal,
    Target,
    schema,
)
from connectors.contract.pulls import READING, Pulls
from connectors.contract.schema import DocumentSchema, KindSchema
from connectors.transport import http
from connectors.transport.http import FOLDERS_VARIABLE, BrokenConnectorError


def load_connectors(side: ModuleType, name: str) -> Iterator[Any]:
    """Yield this attribute of the `connector` module of each folder of a side.

    Raise BrokenConnectorError for a missing folder, a duplicate name or a connector that cannot be
    used.
    """
    for absent in http.missing_folders():
        raise BrokenConnectorError(
            f"There is no folder {absent}, which {FOLDERS_VARIABLE} names.",
            f"Make it, or take it out of {FOLDERS_VARIABLE}.",
        )
    own_root, names = str(Path(connectors.__path__[0])), set[str]()
    for folder_path in side.__path__:
        for package in pkgutil.iter_modules([folder_path]):
            if not package.ispkg:
                continue
            if package.name in names:
                raise BrokenConnectorError(
                    f"There are two connectors {package.name}; one of them lies in {folder_path}.",
                    "Give it a name of its own.",
                )
            names.add(package.name)
            yield _load_connector(
                f"{side.__name__}.{package.name}.connector", name, folder_path, own_root
            )


def _load_connector(module: str, name: str, folder_path: str, own_root: str) -> object:
    """Return one connector. An import error in the product's own connectors is raised unchanged."""
    folder = module.split(".")[2]
    try:
        connector = getattr(import_module(module), name)
    except Exception as error:
        if Path(folder_path).is_relative_to(own_root):
            raise
        raise BrokenConnectorError(
            f"The connector {folder} in {folder_path} cannot be loaded: {error}.",
            f"Repair it, or take its folder out of {FOLDERS_VARIABLE}.",
        ) from error
    own_name = getattr(connector, "name", None)
    if own_name != folder:  # it would take the place of another
        raise BrokenConnectorError(
            f"The connector {folder} in {folder_path} calls itself {own_name}.",
            "Give the connector the name of its folder.",
        )
    return connector


_SOURCES: tuple[Source, ...] = tuple(load_connectors(connectors.sources, "SOURCE"))
_TARGETS: tuple[Target, ...] = tuple(load_connectors(connectors.targets, "TARGET"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """A way into an accounting system that Clearpost does not support.

    `title` is its usual name, `why` half a sentence with the reason, and `instead` the connectors
    into that `system`.
    """

    title: str
    system: str
    why: str
    instead: tuple[str, ...]


AUTOCOUNT: Final = "AutoCount"

_REFUSED: Mapping[str, tuple[str, str]] = {
    "autocount_sdk": (
        "the AutoCount SDK",
        "it runs inside AutoCount on its own Windows machine, where Clearpost has no program",
    ),
    "autocount_plugin": (
        "a plug-in of AutoCount",
        "a plug-in writes to the books on that machine, and leaves nothing to compare with",
    ),
    "autocount_middleware": (
        "a middleware before AutoCount",
        "what a third program took in says nothing of what stands in the books",
    ),
}
"""Ways into AutoCount that people ask for: what each is, and why it is not offered."""


def not_offered(connector: str) -> NotOffered | None:
    """Return why an unsupported connector is not offered; None for an unknown name."""
    if connector not in _REFUSED:
        return None
    title, why = _REFUSED[connector]
    instead = (target.name for target in _TARGETS if target.form.system == AUTOCOUNT)
    return NotOffered(title=title, system=AUTOCOUNT, why=why, instead=tuple(instead))


def sources() -> Mapping[str, Source]:
    """Return the sources by name."""
    return MappingProxyType({source.name: source for source in _SOURCES})


def targets() -> Mapping[str, Target]:
    """Return the targets by name."""
    return MappingProxyType({target.name: target for target in _TARGETS})


def form_of(side: ConnectionSide, connector: str) -> ConnectionForm | None:
    """Return a connector's form with the settings common to its side; None if unknown."""
    implementation: Source | Target | None
    implementation = sources().get(connector) if side == "source" else targets().get(connector)
    if implementation is None:
        return None
    common_settings = _OF_TARGETS
    if side == "source":
        kinds = schema.record_kinds_setting(kind.kind for kind in sources()[connector].kinds)
        pull_settings = _OF_PULLS if isinstance(implementation, Pulls) else ()
        field_names = {field.name for kind in sources()[connector].kinds for field in kind.fields}
        company_settings = (schema.OWN_COMPANY,) if schema.COMPANY_CODE in field_names else ()
        issuer = implementation.form.issuer_setting
        common_settings = (
            issuer,
            *pull_settings,
            schema.TAKING,
            kinds,
            *company_settings,
            schema.ZONE,
        )
    elif implementation.form.system == AUTOCOUNT:
        common_settings = (schema.MARKETPLACE_MODULE, *_OF_TARGETS)
    return replace(implementation.form, settings=(*implementation.form.settings, *common_settings))


_OF_TARGETS: tuple[Setting, ...] = (
    schema.ZONE,
    schema.CURRENCY,
    schema.CALLS,
    schema.MONTHLY,
)
_OF_PULLS = (*READING, schema.CALLS)


def schemas() -> tuple[tuple[DocumentSchema, ...], tuple[KindSchema, ...]]:
    """Return all document types and all record kinds, for the checker of rule files."""
    kinds = (kind for source in _SOURCES for kind in source.kinds)
    return _documents().every, tuple(kinds)


@dataclass(frozen=True, slots=True)
class _Documents:
    """The document types of these targets, in order and by target and name.

    Types without a connector come last. A page looks up hundreds of types, so they are cached.
    """

    source_targets: tuple[Target, ...]
    every: tuple[DocumentSchema, ...]
    named: Mapping[tuple[str, str], DocumentSchema]


_documents_cache: list[_Documents] = []


def _documents() -> _Documents:
    for cached in _documents_cache:
        if cached.source_targets is _TARGETS:
            return cached
    posted = (
        schema_type
        for target in _TARGETS
        for schema_type in _with_e_invoices(target, target.documents)
    )
    described = (
        schema_type
        for target in _TARGETS
        for schema_type in _with_e_invoices(target, unposted(target.name))
    )
    all_documents = (*posted, *described)
    by_name: dict[tuple[str, str], DocumentSchema] = {}
    for document_type in all_documents:
        by_name.setdefault((document_type.target, document_type.name), document_type)
    cached = _Documents(_TARGETS, all_documents, MappingProxyType(by_name))
    _documents_cache[:] = [cached]
    return cached


def _with_e_invoices(
    target: Target, documents: Iterable[DocumentSchema]
) -> Iterator[DocumentSchema]:
    """Yield the documents, each with the type of the e-Invoice that the target makes for it."""
    e_invoices = target.form.e_invoices
    for document_type in documents:
        type_ = e_invoices.type_in(document_type.name, {}) if e_invoices else ""
        yield replace(document_type, e_invoice=type_) if type_ else document_type


def unposted(target: str) -> tuple[DocumentSchema, ...]:
    """Return the document types of a target that rules may name and no connector posts yet."""
    described: tuple[DocumentSchema, ...] = getattr(targets()[target], "unposted", ())
    return tuple(replace(document, connected=False) for document in described)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherWay:
    """How documents reach a `system` whose target does not take their type.

    `by` are the titles of the connectors that post them; empty if only a person can enter them.
    """

    document: DocumentSchema
    system: str
    by: tuple[str, ...]


def other_ways(target: str) -> tuple[OtherWay, ...]:
    """Return the document types that rules may name for this target although it does not take them.

    Each comes with the other connectors into its accounting system that do take it. Empty for an
    unknown target.
    """
    if target not in targets():
        return ()
    form = targets()[target].form
    system = form.system or form.title
    sibling_targets = [
        sibling
        for sibling in _TARGETS
        if sibling.name != target and form.system and sibling.form.system == system
    ]
    return tuple(
        OtherWay(
            document=document_type,
            system=system,
            by=tuple(
                sibling.form.title
                for sibling in sibling_targets
                if document_type.name in {document.name for document in sibling.documents}
            ),
        )
        for document_type in unposted(target)
    )


def document(target: str, name: str) -> DocumentSchema | None:
    """Return the schema of one document type of a target, or None."""
    return _documents().named.get((target, name))


def read_file(name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
    """Read an uploaded file in this time zone with the source that knows its suffix."""
    readers = readers_of(name)
    if readers:
        return readers[0].read(name, raw, zone)
    suffixes = ", ".join(suffix for source in _SOURCES for suffix in source.suffixes)
    return SourceRefusal(
        415, "unknown_file", f"{name} is not a file that can be read.", f"Use {suffixes}."
    )


def readers_of(name: str) -> list[Source]:
    """Return the sources that know a file's suffix, longest suffix first.

    `x.shopify.json` belongs to Shopify before it belongs to a source that reads `.json`.
    """
    lower = name.lower()
    matches = [
        (len(suffix), source)
        for source in _SOURCES
        for suffix in source.suffixes
        if lower.endswith(suffix)
    ]
    return [source for _, source in sorted(matches, key=lambda match: -match[0])]


@cache
def titles() -> dict[str, str]:
    """Return connector name -> title: the brand, or the whole title if a brand has several
    connectors.

    A name that is also a plain word (`sql`) cannot be recognised in a text and has no title.
    """
    forms = {name: connector.form for name, connector in sources().items()}
    forms |= {name: connector.form for name, connector in targets().items()}
    titles_by_name: dict[str, str] = {}
    for name, form in forms.items():
        brand = form.title.partition(" ")[0]
        if "_" in name:
            titles_by_name[name] = form.title
        elif brand.lower() == name:
            titles_by_name[name] = brand
    return titles_by_name


def insert_titles(text: str) -> str:
    """Return a text with the name of each system replaced by its title.

    >>> insert_titles("aiaccount has INV-1; see netshop.rules and api.aiaccount.example")
    'AiAccount has INV-1; see netshop.rules and api.aiaccount.example'
    """
    return replace_names(text, find_names(text))


def replace_names(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a text with the names at these spans, in order, replaced by their titles."""
    parts, position = [], 0
    for start, end in spans:
        parts += [text[position:start], title(text[start:end])]
        position = end
    return "".join([*parts, text[position:]])


def title(name: str) -> str:
    """Return the title of a connector name, which may begin with a capital letter."""
    return titles()[name[0].lower() + name[1:]]


def find_names(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) span of each connector name that is a word of its own.

    A name at the beginning of a sentence may be capitalised.
    """
    names = [name for name in titles() if name[1:] in text]
    spans = [match.span() for name in names for match in _word(name).finditer(text)]
    return sorted((start - 1, end) for start, end in spans)


@cache
def _word(name: str) -> re.Pattern[str]:
    """Return a pattern for a name. It begins with the second letter: a fixed prefix is found
    faster.
    """
    tail = name[1:]
    first_letters = f"[{name[0].upper()}{name[0]}]{tail}"
    # text in quotation marks is a user's own input
    return re.compile(
        rf"{tail}(?<={first_letters})(?<![\w./@:&=#-]{first_letters})(?![\w@/=-]|\.\w|(?<=“{first_letters})”)"
    )
