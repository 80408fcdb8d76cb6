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


def found(side: ModuleType, name: str) -> Iterator[Any]:
    """What the `connector` module of each folder of a side offers under this name."""
    for absent in http.missing_folders():
        raise BrokenConnectorError(
            f"There is no folder {absent}, which {FOLDERS_VARIABLE} names.",
            f"Make it, or take it out of {FOLDERS_VARIABLE}.",
        )
    own, seen = str(Path(connectors.__path__[0])), set[str]()
    for place in side.__path__:
        for folder in pkgutil.iter_modules([place]):
            if not folder.ispkg:
                continue
            if folder.name in seen:
                raise BrokenConnectorError(
                    f"There are two connectors {folder.name}; one of them lies in {place}.",
                    "Give it a name of its own.",
                )
            seen.add(folder.name)
            yield _connector(f"{side.__name__}.{folder.name}.connector", name, place, own)


def _connector(module: str, name: str, place: str, own: str) -> object:
    """One connector. What is wrong with one of ours is a fault of the product, and is not told as
    anybody else's.
    """
    folder = module.split(".")[2]
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        if Path(place).is_relative_to(own):
            raise
        raise BrokenConnectorError(
            f"The connector {folder} in {place} cannot be loaded: {error}.",
            f"Repair it, or take its folder out of {FOLDERS_VARIABLE}.",
        ) from error
    if (called := getattr(found, "name", None)) != folder:  # it would take the place of another
        raise BrokenConnectorError(
            f"The connector {folder} in {place} calls itself {called}.",
            "Give the connector the name of its folder.",
        )
    return found


_SOURCES: tuple[Source, ...] = tuple(found(connectors.sources, "SOURCE"))
_TARGETS: tuple[Target, ...] = tuple(found(connectors.targets, "TARGET"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """A way into an accounting system that is not there: `title` as people call it, `why` in half a
    sentence, and `instead` the connectors into the same `system`.
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
    """Why a connector that somebody asks for is not there; None where nobody ever heard of it."""
    if connector not in _REFUSED:
        return None
    title, why = _REFUSED[connector]
    instead = (one.name for one in _TARGETS if one.form.system == AUTOCOUNT)
    return NotOffered(title=title, system=AUTOCOUNT, why=why, instead=tuple(instead))


def sources() -> Mapping[str, Source]:
    """The sources by name."""
    return MappingProxyType({source.name: source for source in _SOURCES})


def targets() -> Mapping[str, Target]:
    """The targets by name."""
    return MappingProxyType({target.name: target for target in _TARGETS})


def form_of(side: ConnectionSide, connector: str) -> ConnectionForm | None:
    """What a connector asks, with what every one of its side asks besides; None: not known."""
    found: Source | Target | None
    found = sources().get(connector) if side == "source" else targets().get(connector)
    if found is None:
        return None
    common = _OF_TARGETS
    if side == "source":
        kinds = schema.record_kinds_setting(kind.kind for kind in sources()[connector].kinds)
        pulled = _OF_PULLS if isinstance(found, Pulls) else ()
        named = {field.name for kind in sources()[connector].kinds for field in kind.fields}
        bound = (schema.OWN_COMPANY,) if schema.COMPANY_CODE in named else ()
        issuer = found.form.issuer_setting
        common = (issuer, *pulled, schema.TAKING, kinds, *bound, schema.ZONE)
    elif found.form.system == AUTOCOUNT:
        common = (schema.MARKETPLACE_MODULE, *_OF_TARGETS)
    return replace(found.form, settings=(*found.form.settings, *common))


_OF_TARGETS: tuple[Setting, ...] = (
    schema.ZONE,
    schema.CURRENCY,
    schema.CALLS,
    schema.MONTHLY,
)
_OF_PULLS = (*READING, schema.CALLS)


def schemas() -> tuple[tuple[DocumentSchema, ...], tuple[KindSchema, ...]]:
    """All document types and all record kinds, for the checker of rule files."""
    kinds = (kind for source in _SOURCES for kind in source.kinds)
    return _documents().every, tuple(kinds)


@dataclass(frozen=True, slots=True)
class _Documents:
    """The document types of these targets, those that are only described last; and by target and
    name. A page asks for hundreds, so they are put together once.
    """

    of: tuple[Target, ...]
    every: tuple[DocumentSchema, ...]
    named: Mapping[tuple[str, str], DocumentSchema]


_documents_made: list[_Documents] = []


def _documents() -> _Documents:
    for made in _documents_made:
        if made.of is _TARGETS:
            return made
    now = (one for target in _TARGETS for one in _with_e_invoices(target, target.documents))
    later = (one for target in _TARGETS for one in _with_e_invoices(target, unposted(target.name)))
    every = (*now, *later)
    named: dict[tuple[str, str], DocumentSchema] = {}
    for each in every:
        named.setdefault((each.target, each.name), each)
    made = _Documents(_TARGETS, every, MappingProxyType(named))
    _documents_made[:] = [made]
    return made


def _with_e_invoices(
    target: Target, documents: Iterable[DocumentSchema]
) -> Iterator[DocumentSchema]:
    """Return the documents, each with the type of the e-Invoice that the target makes of it."""
    stated = target.form.e_invoices
    for one in documents:
        type_ = stated.type_in(one.name, {}) if stated else ""
        yield replace(one, e_invoice=type_) if type_ else one


def unposted(target: str) -> tuple[DocumentSchema, ...]:
    """The document types of a target that are described for rules, and that nothing posts yet."""
    described: tuple[DocumentSchema, ...] = getattr(targets()[target], "unposted", ())
    return tuple(replace(document, connected=False) for document in described)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherWay:
    """How documents of a type that a target does not take come into its `system` all the same: by
    the connectors `by`, as people call them, or where there is none by hand.
    """

    document: DocumentSchema
    system: str
    by: tuple[str, ...]


def other_ways(target: str) -> tuple[OtherWay, ...]:
    """The ways of all types of document that rules may name for a target and that it does not take,
    as the connectors of the same system declare them; none of what is no target.
    """
    if target not in targets():
        return ()
    form = targets()[target].form
    system = form.system or form.title
    beside = [
        one for one in _TARGETS if one.name != target and form.system and one.form.system == system
    ]
    return tuple(
        OtherWay(
            document=one,
            system=system,
            by=tuple(
                each.form.title
                for each in beside
                if one.name in {document.name for document in each.documents}
            ),
        )
        for one in unposted(target)
    )


def document(target: str, name: str) -> DocumentSchema | None:
    """The schema of one document type of a target, if it is known."""
    return _documents().named.get((target, name))


def read_file(name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
    """Read a file given by hand, by the source that knows its ending; it is in this zone."""
    readers = readers_of(name)
    if readers:
        return readers[0].read(name, raw, zone)
    known = ", ".join(suffix for source in _SOURCES for suffix in source.suffixes)
    return SourceRefusal(
        415, "unknown_file", f"{name} is not a file that can be read.", f"Use {known}."
    )


def readers_of(name: str) -> list[Source]:
    """The sources that know the ending of a file, the one that knows most of it first: an
    `x.shopify.json` is no `x.json` of somebody else.
    """
    lower = name.lower()
    known = [
        (len(suffix), source)
        for source in _SOURCES
        for suffix in source.suffixes
        if lower.endswith(suffix)
    ]
    return [source for _, source in sorted(known, key=lambda one: -one[0])]


@cache
def titles() -> dict[str, str]:
    """By the name of a connector what people call it: its brand, or where one brand has several
    ways (`autocount_excel`) all of its title. A name that is a word of the language as well (`sql`)
    could be told of nothing else, and is not here.
    """
    forms = {name: one.form for name, one in sources().items()}
    forms |= {name: one.form for name, one in targets().items()}
    found: dict[str, str] = {}
    for name, form in forms.items():
        brand = form.title.partition(" ")[0]
        if "_" in name:
            found[name] = form.title
        elif brand.lower() == name:
            found[name] = brand
    return found


def titled(text: str) -> str:
    """A text with every system by its title.

    >>> titled("aiaccount has INV-1 of netshop; see netshop.rules and api.aiaccount.example")
    'AiAccount has INV-1 of NetShop; see netshop.rules and api.aiaccount.example'
    """
    return retold(text, named(text))


def retold(text: str, places: Iterable[tuple[int, int]]) -> str:
    """A text with the titles of the names at these places, in their order."""
    made, done = [], 0
    for start, end in places:
        made += [text[done:start], title(text[start:end])]
        done = end
    return "".join([*made, text[done:]])


def title(name: str) -> str:
    """The title of a name that has one, written small or as the first of a sentence."""
    return titles()[name[0].lower() + name[1:]]


def named(text: str) -> list[tuple[int, int]]:
    """Where a text has such names, each as a word of its own, also as the first of a sentence: from
    where to where.
    """
    names = [name for name in titles() if name[1:] in text]
    found = [each.span() for name in names for each in _word(name).finditer(text)]
    return sorted((start - 1, end) for start, end in found)


@cache
def _word(name: str) -> re.Pattern[str]:
    """A name from its second letter on: what begins with fixed letters is found much faster."""
    rest = name[1:]
    one = f"[{name[0].upper()}{name[0]}]{rest}"
    # between quotation marks stands what somebody typed
    return re.compile(rf"{rest}(?<={one})(?<![\w./@:&=#-]{one})(?![\w@/=-]|\.\w|(?<=“{one})”)")
