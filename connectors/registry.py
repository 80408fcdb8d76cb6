"""Every connector by its name.

Here: the two lists, what each asks of who connects it, and the schemas of all as data, also of what
is described and not carried yet. Not here: anything a single connector knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from zoneinfo import ZoneInfo

from connectors.contract import Accepted, ConnectionForm, Setting, Source, SourceRefusal, Target
from connectors.contract import declared_settings as declared
from connectors.contract.pulls import Pulls
from connectors.contract.schema import DocumentSchema, KindSchema
from connectors.sources.intake.connector import Intake
from connectors.sources.lazada.connector import Lazada
from connectors.sources.netshop.connector import NetShop
from connectors.sources.shopee.connector import Shopee
from connectors.sources.shopify.connector import Shopify
from connectors.sources.woocommerce.connector import WooCommerce
from connectors.sources.workbook.connector import Workbook
from connectors.targets.aiaccount.connector import AiAccount
from connectors.targets.autocount.connector import AutoCount
from connectors.targets.autocount.documents import UNPOSTED as AUTOCOUNT_DOCUMENTS
from connectors.targets.autocount_aotg.connector import AutoCountOnTheGo
from connectors.targets.autocount_excel.connector import AutoCountExcel
from connectors.targets.quickbooks.connector import QuickBooks
from connectors.targets.quickbooks.documents import UNPOSTED as QUICKBOOKS_DOCUMENTS

_SOURCES: tuple[Source, ...] = (
    Intake(),
    Shopify(),
    Shopee(),
    Lazada(),
    WooCommerce(),
    NetShop(),
    Workbook(),
)
_TARGETS: tuple[Target, ...] = (
    AiAccount(),
    AutoCount(),
    AutoCountOnTheGo(),
    AutoCountExcel(),
    QuickBooks(),
)

_LATER_DOCUMENTS: tuple[DocumentSchema, ...] = (
    *AUTOCOUNT_DOCUMENTS,
    *QUICKBOOKS_DOCUMENTS,
)
"""Described for rules that are written and tested now; nothing posts them yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """A way into an accounting system that is not there: `title` as people call it, `why` in half a
    sentence, and `instead` the connectors into the same `system`.
    """

    title: str
    system: str
    why: str
    instead: tuple[str, ...]


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
    system = "AutoCount"
    instead = (one.name for one in _TARGETS if one.form.system == system)
    return NotOffered(title=title, system=system, why=why, instead=tuple(instead))


def sources() -> Mapping[str, Source]:
    """The sources by name."""
    return MappingProxyType({source.name: source for source in _SOURCES})


def targets() -> Mapping[str, Target]:
    """The targets by name."""
    return MappingProxyType({target.name: target for target in _TARGETS})


def form_of(side: str, connector: str) -> ConnectionForm | None:
    """What a connector asks, with what every one of its side asks besides; None: not known."""
    found: Source | Target | None
    found = sources().get(connector) if side == "source" else targets().get(connector)
    if found is None:
        return None
    common = _OF_TARGETS
    if side == "source":
        kinds = declared.record_kinds(kind.kind for kind in sources()[connector].kinds)
        pulled = _OF_PULLS if isinstance(found, Pulls) else ()
        named = {field.name for kind in sources()[connector].kinds for field in kind.fields}
        bound = (declared.OWN_COMPANY,) if declared.COMPANY_CODE in named else ()
        common = (*pulled, declared.TAKING, kinds, *bound, declared.ZONE)
    return replace(found.form, settings=(*found.form.settings, *common))


_OF_TARGETS: tuple[Setting, ...] = (
    declared.ZONE,
    declared.CURRENCY,
    declared.CALLS,
    declared.MONTHLY,
)
_OF_PULLS = (*declared.READING, declared.CALLS)


def schemas() -> tuple[tuple[DocumentSchema, ...], tuple[KindSchema, ...]]:
    """All document types and all record kinds, for the checker of rule files."""
    documents = (document for target in _TARGETS for document in target.documents)
    kinds = (kind for source in _SOURCES for kind in source.kinds)
    return (
        (*documents, *(replace(document, connected=False) for document in _LATER_DOCUMENTS)),
        tuple(kinds),
    )


def document(target: str, name: str) -> DocumentSchema | None:
    """The schema of one document type of a target, if it is known."""
    documents, _ = schemas()
    return next((d for d in documents if (d.target, d.name) == (target, name)), None)


def read_file(name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
    """Read a file given by hand, by the source that knows its ending; it is in this zone."""
    for source in _SOURCES:
        if name.lower().endswith(source.suffixes):
            return source.read(name, raw, zone)
    known = ", ".join(suffix for source in _SOURCES for suffix in source.suffixes)
    return SourceRefusal(
        415, "unknown_file", f"{name} is no file that can be read.", f"Use {known}."
    )
