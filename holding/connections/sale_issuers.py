"""Derive from the connections' settings who issues the e-Invoice of a sale, and which postings are
barred.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionForm, schema
from connectors.contract.schema import Issuer
from holding.db.models import Connection
from holding.db.refusal import in_a_row
from rules.decisions.barred_documents import MODULE

SOURCE_SETTINGS: Final = frozenset({schema.ISSUER})
"""Settings of a source that a change of makes its records due again."""


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """Who makes the e-Invoice of a sale, and which documents are barred: route or target -> why."""

    issuer: str = Issuer.US.value
    barred: Mapping[str, str] = field(default_factory=dict)


_CONNECTIONS = (
    select(Connection).where(Connection.company_id == bindparam("company")).order_by(Connection.id)
)

OURS: Final = SaleFacts()
"""The facts of a sale of the company's own shop."""


def target_settings(connector: str) -> frozenset[str]:
    """Return the settings of a target that decide which of its documents are barred."""
    form = registry.form_of("target", connector)
    stated = form.e_invoices if form else None
    field_setting = stated.field_setting if stated else ""
    return frozenset({schema.NONE_HERE, schema.MODULE, *([field_setting] if field_setting else ())})


def sale_facts(
    connector: str,
    settings: Mapping[str, Any],
    kind: str,
    targets: Mapping[str, Connection],
    *,
    marketplace: str = "",
) -> SaleFacts:
    """Return the facts of a sale.

    `targets` are the target connections by the words of rules, `marketplace` the name that the
    record states.
    """
    answers = {word: (row.connector, row.settings) for word, row in targets.items()}
    return _facts((connector, settings), kind, marketplace, answers)


def is_barred(
    source: Connection,
    kind: str,
    body: Mapping[str, Any],
    target: tuple[str, Mapping[str, Any]],
    doc_type: str,
) -> bool:
    """Check whether a document may not go from a source's record to a target.

    `target` is the connector with its settings.
    """
    source_system = (source.connector, source.settings)
    barred = _facts(source_system, kind, marketplace_of(body), {"": target}).barred
    return "" in barred or f".{doc_type}" in barred


def marketplace_of(body: Mapping[str, Any]) -> str:
    """Return the marketplace that a record names, or an empty string."""
    return str(body.get(schema.MARKETPLACE) or "").strip()


def _facts(
    source: tuple[str, Mapping[str, Any]],
    kind: str,
    marketplace: str,
    targets: Mapping[str, tuple[str, Mapping[str, Any]]],
) -> SaleFacts:
    connector, settings = source
    form = _source_form(connector)
    if form is None:
        return OURS
    of_marketplace = form.is_of_marketplace(kind, marketplace)
    issuer = schema.issuer_of(settings, of_marketplace=of_marketplace)
    if issuer is Issuer.US and not of_marketplace:
        return OURS
    barred: dict[str, str] = {}
    for word, (target, stored) in targets.items():
        if of_marketplace and books_marketplaces(stored):
            barred[word] = MODULE
        if issuer is not Issuer.US:
            types = _e_invoice_types(target, stored)
            barred |= {f"{word}.{doc_type}": issuer.value for doc_type in types}
    return SaleFacts(issuer.value, barred)


def books_marketplaces(settings: Mapping[str, Any]) -> bool:
    """Check whether a module of the accounting system books marketplace sales itself."""
    return settings.get(schema.MODULE) == schema.MODULE_ON


@dataclass(frozen=True, slots=True)
class DoubleBooking:
    """A target whose own module books marketplace sales, or may, beside marketplace sources.

    `is_on` is false if it is unknown whether the module is on.
    """

    target: str
    sources: tuple[str, ...]
    is_on: bool

    @property
    def words(self) -> str:
        """The problem in words."""
        names = in_a_row(self.sources)
        if self.is_on:
            return (
                f"The marketplace module of {self.target} is on, and Clearpost posts the sales of"
                f" {names} there: each sale would be booked twice, so they are held."
            )
        return (
            f"It is not known whether the marketplace module of {self.target} is on. If it is, each"
            f" sale of {names} is booked twice."
        )

    @property
    def todo(self) -> str:
        """The advice to the administrator, in words."""
        if self.is_on:
            return (
                f"Switch the module off in AutoCount, then set it to “Off” under Settings of"
                f" {self.target}; or switch off the deliveries of {in_a_row(self.sources)}."
            )
        return (
            f"Look in AutoCount under Marketplace, and answer it under Settings of {self.target}."
        )


@dataclass(frozen=True, slots=True)
class OpenAnswers:
    """What an administrator still has to answer about marketplace sales.

    `unknown`: sources without an answer about who issues the e-Invoices.
    """

    unknown: tuple[str, ...]
    bookings: tuple[DoubleBooking, ...]

    def of(self, name: str) -> "OpenAnswers":
        """Return the part that concerns one connection."""
        bookings = (
            booking for booking in self.bookings if name in (booking.target, *booking.sources)
        )
        return OpenAnswers(
            tuple(unknown_name for unknown_name in self.unknown if unknown_name == name),
            tuple(bookings),
        )


def find_open_answers(session: Session, company_id: int) -> OpenAnswers:
    """Return what is not answered, or answered so that sales would be booked twice.

    Sources that deliver nothing are left out.
    """
    rows = session.scalars(_CONNECTIONS, {"company": company_id}).all()
    sources = [
        row
        for row in rows
        if row.side == "source"
        and of_marketplace(row.connector)
        and schema.takes_deliveries(row.settings)
    ]
    names = tuple(row.name for row in sources)
    unknown = (
        row.name
        for row in sources
        if sale_facts(row.connector, row.settings, "", {}).issuer == Issuer.UNKNOWN
    )
    bookings = (
        DoubleBooking(row.name, names, is_on=books_marketplaces(row.settings))
        for row in rows
        if names and row.side == "target" and _may_book(row)
    )
    return OpenAnswers(tuple(unknown), tuple(bookings))


def _may_book(target: Connection) -> bool:
    form = registry.form_of("target", target.connector)
    has_module = form is not None and any(
        setting.name == schema.MODULE for setting in form.settings
    )
    answer = str(target.settings.get(schema.MODULE) or "")
    return has_module and answer in ("", schema.MODULE_ON)


def of_marketplace(connector: str) -> bool:
    """Check whether all records of a source come from a marketplace."""
    form = _source_form(connector)
    return form is not None and form.marketplace


def _source_form(connector: str) -> ConnectionForm | None:
    source = registry.sources().get(connector)
    return source.form if source else None


def _e_invoice_types(connector: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Return the document types that the target issues e-Invoices for under these settings."""
    target = registry.targets().get(connector)
    stated = target.form.e_invoices if target else None
    for doc_type in stated.types if stated else ():
        if stated is not None and stated.type_in(doc_type, settings):
            yield doc_type
