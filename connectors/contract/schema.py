"""Define, as data, the fields of records and documents and the form of a connection."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from connectors.contract.errors import address_fault, columns_fault, query_fault

FieldType = Literal["text", "whole", "decimal", "money", "quantity", "date", "moment", "yesno"]

MASTER_DATA = (
    "account",
    "tax",
    "currency",
    "customer",
    "vendor",
    "item",
    "warehouse",
    "payment_method",
    "payment_term",
)
"""What a document can name in its target, in the order in which people are told of it."""

ConnectionSide = Literal["source", "target"]
"""Whether records come from a connection, or documents go to it."""

ValueKind = Literal[
    "text",
    "address",
    "whole",
    "day",
    "closed_day",
    "time",
    "choice",
    "some_of",
    "zone",
    "currency",
    "database",
    "query",
    "columns",
]
"""`closed_day` is a day, or `none` where nothing is closed; `time` is one of a day, as 02:30;
`some_of` are choices with commas; `database`, `query` and `columns` as database_settings.py has it.
"""

Way = Literal["api", "file"]

WAYS: Mapping[Way, str] = {"api": "API", "file": "Excel import"}
"""Way -> what people call it."""

_NO_DAY = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a connection: its name in commands and in storage, and the words of its field.

    `choices` maps stored values to words, for the kinds `choice` and `some_of`. `unset` is shown
    for a choice that was never made. `fields` lists the fields that the setting `columns` may fill.
    `zero`: a whole number may be 0. `prominent`: set-up shows the setting among the required
    settings, although it may stay blank.
    """

    name: str
    label: str
    hint: str = ""
    example: str = ""
    kind: ValueKind = "text"
    required: bool = False
    choices: Mapping[str, str] | None = None
    unset: str = "As the system does by default"
    fields: tuple[str, ...] = ()
    zero: bool = False
    prominent: bool = False

    @property
    def many(self) -> bool:
        """Whether its value is several of its choices."""
        return self.kind == "some_of"

    @property
    def long(self) -> bool:
        """Whether it is written in several lines."""
        return self.kind in ("query", "columns")

    @property
    def numeric(self) -> bool:
        """Whether it is written in digits."""
        return self.kind == "whole"


ZONE = Setting(
    name="zone",
    label="Time zone",
    hint="Leave it blank for the time zone of the company.",
    example="Asia/Kuala_Lumpur",
    kind="zone",
)

CURRENCY = Setting(
    name="base_currency",
    label="Currency of the books",
    hint="Leave it blank for the currency of the company.",
    example="MYR",
    kind="currency",
)

CALLS = Setting(
    name="calls_per_minute",
    label="Calls a minute",
    hint="Fewer than the system allows, when others use the same key. Blank: as many as allowed.",
    example="60",
    kind="whole",
)

_LOOK_FIRST, _YES = "look_first", "yes"

LOOKS_FIRST: Mapping[str, str] = {_LOOK_FIRST: _YES}
"""The setting of a target whose documents are looked up before their first send."""

LOOK_FIRST = Setting(
    name=_LOOK_FIRST,
    label="Look before each document",
    hint="Whether a number is looked up before it is sent the first time: for a system that took "
    "one twice. Blank: no.",
    kind="choice",
    choices={_YES: "Yes", "no": "No"},
    unset="Not set: no",
)
"""Asked of targets that refuse a second document by themselves; of all others it always is so."""

DOCUMENTS_A_MONTH = "documents_per_month"

MONTHLY = Setting(
    name=DOCUMENTS_A_MONTH,
    label="Documents a month",
    hint="The limit of your plan. Blank: as the system tells it, or none.",
    example="100",
    kind="whole",
)
"""How many documents a target takes in a month, where it does not tell that or less is wanted."""

RECORD_KINDS = "record_kinds"

DELIVERIES = "deliveries"

OFF = "off"

TAKING = Setting(
    name=DELIVERIES,
    label="Deliveries",
    hint="Off: nothing is taken from it, so that another way may bring the same kind. Blank: on.",
    kind="choice",
    choices={"on": "On", OFF: "Off"},
    unset="Not set: on",
)
"""Whether a source is used at all."""

COMPANY_CODE = "company_code"

OWN_COMPANY = Setting(
    name=COMPANY_CODE,
    label="Company code in its records",
    hint="A record that names another company is held before delivery."
    " Blank: the code of this company.",
    example="KL01",
)
"""Which company the records of a source name as theirs, where they name one."""

SAME_E_INVOICE: Final = (
    "LHDN takes one e-Invoice of a type, day and time, number and supplier, and names no end of"
    " that (DV302, MyInvois SDK, duplicate document validator)."
)
"""What the tax office calls the same e-invoice: two systems that submit one sale at two times would
make two.
"""

NONE_HERE: Final = "e_invoices"
"""The setting that says `none` where no e-invoice is made of the documents of a connection."""


class Issuer(StrEnum):
    """The party that issues the e-Invoices of a source's sales."""

    US = "us"
    PLATFORM = "platform"
    UNKNOWN = "unknown"


ISSUERS: Final = tuple(issuer.value for issuer in Issuer)

ISSUER: Final = "e_invoice_issuer"

MARKETPLACE: Final = "marketplace"
"""The field in which an order of a generic source names the marketplace that sold it."""


def _issuer_setting(unset: str, *, required: bool = False, prominent: bool = False) -> Setting:
    """Return the setting that names the issuer of the e-Invoices of a source's sales."""
    return Setting(
        name=ISSUER,
        label="Issuer of the e-Invoices",
        hint="Who makes the buyers' e-Invoices of its sales. A marketplace may make them itself: a"
        " second one of the same sale would be wrong. Ask your tax agent.",
        kind="choice",
        choices={
            Issuer.US: "We do, from our accounting system",
            Issuer.PLATFORM: "The platform does: documents that would make a second one are held",
            Issuer.UNKNOWN: "Not known yet: documents that make an e-Invoice are held",
        },
        unset=unset,
        required=required,
        prominent=prominent,
    )


ISSUER_OF_SHOP: Final = _issuer_setting("Not set: we do")
"""Of a source whose sales are the company's own, where a blank value means `us`."""

ISSUER_OF_PLATFORM: Final = _issuer_setting("Choose an answer", required=True)
"""Of a marketplace, where a blank value means `unknown`."""

ISSUER_OF_STATEMENTS: Final = _issuer_setting(
    "Not set: we do; statements of a marketplace are held", prominent=True
)
"""Of a source that may also bring statements of a marketplace."""

MODULE: Final = "marketplace_module"

MODULE_ON: Final = "on"

MARKETPLACE_MODULE: Final = Setting(
    name=MODULE,
    label="Marketplace module of AutoCount",
    hint="AutoCount can read the orders of Shopee and Lazada itself, under Marketplace. If it does,"
    " and Clearpost posts them too, each sale is booked twice.",
    kind="choice",
    choices={
        "off": "Off: only Clearpost posts sales of marketplaces",
        MODULE_ON: "On: sales of marketplaces are held",
    },
    unset="Not answered",
    prominent=True,
)
"""Of each way into AutoCount: whether its own module books the sales of marketplaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field. `title` is the word in a column header, `wire` the name in the other side's JSON.

    A longer text of a `shortened` field is cut to `max_length`: it is for readers, and no lookup
    uses it. `whole` is the field that takes such a text uncut, unless rules fill it. `required` is
    what every rule for the document must fill. `needed` is what the connector also needs for a new
    document: rules without it may be written and tested, but not activated. `sent` is false for a
    field that only describes or compares (a total that the target works out itself). `theirs` marks
    a field that only the other side writes: a rule may name it but never fill it. `refers` is the
    kind of master data that it names in the target, one of MASTER_DATA, or blank. `pays`: for the
    number of an unpaid document, the list that contains it, `invoice` or `bill`. `custom` is the
    name of the field that the company adds there itself. `meaning` is a sentence for people, on the
    reference page.
    """

    name: str
    type: FieldType = "text"
    title: str = ""
    wire: str = ""
    required: bool = False
    needed: bool = False
    max_length: int | None = None
    shortened: bool = False
    whole: str = ""
    places: int | None = None
    sent: bool = True
    theirs: bool = False
    refers: str = ""
    pays: str = ""
    custom: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """How a document books the account that a line (or a one-row document) names.

    `side` is the account's side. `amount` is the field with the money, less the fields booked
    elsewhere, such as tax. The party is booked on the other side with the whole amount.
    """

    side: Literal["debit", "credit"]
    amount: str
    less: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How a document makes its total, by the fields of its lines (or of a document of one row).

    `amount` is `quantity` times `price`, less `discount`, and `code` is the code of `tax`. Where
    the tax is *added*, `amount` includes the tax added to that product. *Beside*: the total is the
    sum of all amounts and taxes. *Inside*: the amounts contain their tax. `inclusive` is the header
    field, and its word, that turns *beside* into *inside*. A name is blank where there is no such
    field.

    A target that rounds at the end may round the tax per code (`by_code`). `rate` is the code's
    rate, which is compared and not sent. `moves` is the largest adjustment that the target itself
    may make to the tax of a line whose amount does not contain it. `listed`: whether the rates that
    the target lists for its codes apply to this document.
    """

    amount: str
    tax: str = ""
    code: str = ""
    quantity: str = ""
    price: str = ""
    discount: str = ""
    tax_is: Literal["added", "beside", "inside"]
    inclusive: tuple[str, bool | str] | None = None
    by_code: bool = False
    rate: str = ""
    moves: Decimal = Decimal(0)
    listed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSchema:
    """One document type of a target: header and line fields, and the meaning of the special ones.

    `actions` are what the target can do with a posted document: update, void. Every target can
    create it. `connected` is false while rules may name the type but no connector posts it; the
    registry sets it. With `one_row`, a document of one line may be written all in its header. A
    target that `touches_earlier` refuses the document if an earlier document that it refers to is
    in a locked period. A target that `reckons` recalculates each line as quantity times price less
    the discount.

    `amounts` is None where no line has an amount, `books` where the document books nothing. `lists`
    are the kinds of codes that the target can list (account, tax_code, currency), each with the
    place where a person adds an entry. A `singly` type takes a call for each document, even in a
    target that imports files. A type that is not `shown` cannot be read in the target, so it is
    neither looked up nor compared later. A type that is not `counted` does not use up the monthly
    quota. A type that `credits` takes back a part of an earlier document, which is looked at first.

    `e_invoice` is the type of the e-Invoice that the target makes for it by default; the registry
    fills it in from `EInvoices`.
    """

    target: str
    name: str
    title: str
    header: tuple[FieldSchema, ...]
    lines: tuple[FieldSchema, ...]
    number_field: str
    number_max: int
    date_field: str
    party_field: str
    total_field: str | None = None
    actions: tuple[str, ...] = ()
    one_row: bool = False
    reckons: bool = False
    touches_earlier: bool = False
    connected: bool = True
    amounts: Amounts | None = None
    books: Books | None = None
    lists: tuple[tuple[str, str], ...] = ()
    singly: bool = False
    shown: bool = True
    counted: bool = True
    credits: bool = False
    e_invoice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSchema:
    """One kind of record of a source, in its canonical form. `connected` as in DocumentSchema.

    `total_field` is the stated total with tax, `tax_field` the tax within the total, and
    `rounding_field` the part of the total that the source itself calls rounding.
    """

    source: str
    kind: str
    fields: tuple[FieldSchema, ...]
    lines: tuple[FieldSchema, ...] = field(default=())
    connected: bool = True
    total_field: str | None = None
    tax_field: str | None = None
    rounding_field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """One value of a secret that consists of several, with a field of its own.

    A blank part keeps its value in the secret that is replaced; else it takes the value of the part
    `otherwise`. It is left out if it is `optional`, unless
    the part `needed_with` has a value.
    """

    name: str
    label: str
    hint: str = ""
    optional: bool = False
    otherwise: str = ""
    needed_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyField:
    """The secret of a connection.

    `made_here`: Clearpost generates it, and a person enters it on the other side; otherwise the
    other side issues it, and a person pastes it. `steps` explain where. `optional`: the secret may
    be blank. `parts` are joined by colons, in order.
    """

    label: str
    hint: str = ""
    made_here: bool = False
    optional: bool = False
    steps: tuple[str, ...] = ()
    parts: tuple[KeyPart, ...] = ()

    def join(self, values: Mapping[str, str], replaced: str = "") -> str:
        """Return the secret with these values of its parts; blank if every part is.

        `replaced` is the secret that was used before.
        """
        stripped = {part.name: values.get(part.name, "").strip() for part in self.parts}
        before = self._own_values(replaced)
        filled = [
            stripped[part.name] or before.get(part.name, "") or stripped.get(part.otherwise, "")
            for part in self.parts
        ]
        while filled and not filled[-1]:
            filled.pop()
        return ":".join(filled)

    def _own_values(self, secret: str) -> dict[str, str]:
        """Return the parts of a secret, without those that only repeat the part `otherwise`.

        Only the first part may contain a colon.
        """
        names = [part.name for part in self.parts]
        pieces = secret.rsplit(":", len(names) - 1)
        values = dict(zip(names, pieces, strict=False)) if len(pieces) in {1, len(names)} else {}
        return {
            part.name: values.get(part.name, "")
            for part in self.parts
            if not part.otherwise or values.get(part.name) != values.get(part.otherwise)
        }

    def part_faults(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return part -> its fault: a missing value, or a colon that would end the part."""
        part_values = {part.name: values.get(part.name, "").strip() for part in self.parts}
        faults: dict[str, str] = {}
        for index, part in enumerate(self.parts):
            value = part_values[part.name] or part_values.get(part.otherwise, "")
            follows = any(part_values[later.name] for later in self.parts[index + 1 :])
            needed = follows or not part.optional or bool(part_values.get(part.needed_with))
            if not value and needed:
                faults[part.name] = f"Paste the {lowered(part.label)}."
            elif ":" in value and index:
                faults[part.name] = f"The {lowered(part.label)} has no colon."
        return faults


class Submitter(StrEnum):
    """The system that submits e-Invoices: the accounting system, or another service that the
    company chose.
    """

    TARGET = "target"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoices:
    """A target's facts about e-invoices: who submits them, and the sentences that people read.

    A service's e-invoice is not visible in the target. `field_setting` therefore names the setting
    with the target's field in which the service notes since when an e-invoice is valid. `awaited`
    are the document types for which that note must come back. A target that submits e-invoices
    itself has neither. `types`: document type -> the tax office's type of its e-invoice (01
    invoice, 02 credit note).
    """

    submitter: Submitter
    says: tuple[str, ...]
    field_setting: str = ""
    awaited: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def awaited_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """Return the target's field in which the document's e-invoice must be noted.

        Blank if these settings await none.
        """
        if self.submitter is Submitter.TARGET or doc_type not in self.awaited:
            return ""
        return str(settings.get(self.field_setting, "")).strip()

    def type_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """Return the type of the e-invoice made for the document; blank if these settings make
        none.
        """
        by_service = self.submitter is Submitter.SERVICE
        used = settings.get(self.field_setting) if by_service else settings.get(NONE_HERE) != "none"
        return self.types.get(doc_type, "") if used else ""


@dataclass(frozen=True, slots=True)
class DuplicateWindow:
    """How a target recognises a repeated document, in a sentence with its source.

    `lasts` is for how long; None: as long as the document exists.
    """

    says: str
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFacts:
    """Facts about the target's books that the target itself can show.

    `units`: the units an item is counted in (the target then implements `TellsItems`). `stock`:
    stock quantities. `periods`: its list of accounting periods. `closing_date` is `reported` if the
    connection test reads the last closed day, `entered` if a person keeps it in the setting
    `locked_through`. `by_id`: documents name customers, vendors and items by ids that the target
    assigned, so no source knows them. `known_by`: how the target recognises a repeated document;
    empty if it would create a second document. `kept_while_paused` is the status of its answer to a
    call that it queues until a paused key is active again.
    """

    units: bool = False
    stock: bool = False
    periods: bool = False
    by_id: bool = False
    closing_date: Literal["reported", "entered"]
    known_by: tuple[DuplicateWindow, ...] = ()
    kept_while_paused: int | None = None

    @property
    def second_documents(self) -> tuple[str, ...]:
        """The windows in which the target and the tax office detect a duplicate, each with its
        source.
        """
        return (*(window.says for window in self.known_by), SAME_E_INVOICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionForm:
    """Everything about a connection that a person enters or reads.

    `title` is the system's own name. `gives` describes what it takes or delivers, and `needs` what
    a person should have at hand. Without a `key`, calls are not authenticated. `way`: data goes
    from program to program, or in files that people carry. `system` is the accounting system behind
    several connectors, blank for a system with a single connector. `can` and `cannot` list what
    this connector does and does not do. `e_invoices` (who submits them) and the facts about its
    books in the last field of that group are None for a source. `marketplace`: all records of the
    source come from a marketplace. `statements`: the kinds of its records that may come from a
    marketplace.
    """

    title: str
    gives: str
    needs: str
    settings: tuple[Setting, ...] = ()
    key: KeyField | None = None
    way: Way = "api"
    system: str = ""
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    e_invoices: EInvoices | None = None
    tells: BookFacts | None = None
    marketplace: bool = False
    statements: tuple[str, ...] = ()

    @property
    def issuer_setting(self) -> Setting:
        """The source's setting for the issuer of the e-Invoices of its sales."""
        if self.marketplace:
            return ISSUER_OF_PLATFORM
        return ISSUER_OF_STATEMENTS if self.statements else ISSUER_OF_SHOP

    def is_of_marketplace(self, kind: str, marketplace: str) -> bool:
        """Check whether a marketplace sold what a record is about; `marketplace` is the name that
        the record states, or blank.
        """
        return self.marketplace or kind in self.statements or bool(marketplace)


def issuer_of(settings: Mapping[str, object], *, of_marketplace: bool) -> Issuer:
    """Return the issuer of a sale's e-Invoice under its source's settings.

    A blank or unreadable answer is `unknown` for a marketplace and `us` for the company's own shop.
    """
    text = str(settings.get(ISSUER) or "").strip()
    if text in ISSUERS:
        return Issuer(text)
    return Issuer.UNKNOWN if text or of_marketplace else Issuer.US


def looks_first(settings: Mapping[str, object]) -> bool:
    """Check whether the settings require a lookup before each first send."""
    return settings.get(_LOOK_FIRST) == _YES


def address_setting(example: str, hint: str, *, required: bool = True) -> Setting:
    """Return the setting for the address of a system's interface."""
    return Setting(
        name="base_url",
        label="Address of the interface",
        hint=hint,
        example=example,
        kind="address",
        required=required,
    )


def store_setting(example: str, hint: str) -> Setting:
    """Return the setting for a shop's address, which set-up shows although it may stay blank."""
    return replace(
        address_setting(example, hint, required=False), label="Store address", prominent=True
    )


def record_kinds_setting(kinds: Iterable[str]) -> Setting:
    """Return the setting that limits which kinds of record a source may deliver.

    A blank value allows all kinds.
    """
    return Setting(
        name=RECORD_KINDS,
        label="Kinds of record it may deliver",
        hint="A delivery of any other kind is rejected. Leave all blank to allow all.",
        kind="some_of",
        choices={kind: kind.replace("_", " ").capitalize() for kind in kinds},
    )


def takes_deliveries(settings: Mapping[str, object]) -> bool:
    """Check whether a source with these settings accepts deliveries."""
    return str(settings.get(DELIVERIES, "")).strip() != OFF


def generated_key(*steps: str) -> KeyField:
    """Return the key field of a webhook secret, which Clearpost generates and shows once."""
    return KeyField(
        label="Secret",
        hint="Made here and shown once. A lost secret is replaced, not recovered.",
        made_here=True,
        steps=steps,
    )


def setting_fault(setting: Setting, text: str) -> str:
    """Return the fault of a value and what to enter instead; blank for a valid value."""
    value = text.strip()
    if not value:
        return f"Enter the {lowered(setting.label)}." if setting.required else ""
    if setting.choices is not None:
        return _unknown_choice(
            setting, split_list(value) if setting.kind == "some_of" else (value,)
        )
    return _database_fault(setting, value) or _format_fault(setting, value)


def _unknown_choice(setting: Setting, words: Iterable[str]) -> str:
    choices = setting.choices or {}
    unknown = next((word for word in words if word not in choices), None)
    return "" if unknown is None else f"“{unknown}” is none of: {', '.join(choices)}."


def _database_fault(setting: Setting, value: str) -> str:
    match setting.kind:
        case "database":
            return address_fault(value)
        case "query":
            return query_fault(value)
        case "columns":
            return columns_fault(value, setting.fields)
        case _:
            return ""


def _is_positive(value: str) -> bool:
    return bool(re.fullmatch("0{0,9}[1-9][0-9]{0,17}", value))


def _format_fault(setting: Setting, value: str) -> str:
    example = f" Example: {setting.example}." if setting.example else ""
    match setting.kind:
        case "address" if not _is_address(value):
            return f"“{value}” is not an address that begins with https://.{example}"
        case "whole" if setting.zero and not re.fullmatch("0{0,9}[0-9]{1,18}", value):
            return f"“{value}” is not a whole number, 0 or more.{example}"
        case "whole" if not setting.zero and not _is_positive(value):
            return f"“{value}” is not a whole number, 1 or more.{example}"
        case "day" if not _is_day(value):
            return f"“{value}” is not a day.{example}"
        case "time" if not _is_time(value):
            return f"“{value}” is not a time of a day.{example}"
        case "closed_day" if value != _NO_DAY and not _is_day(value):
            return f"“{value}” is not a day. Write it as 2026-09-30, or none if nothing is closed."
        case "zone" if value not in available_timezones():
            return f"“{value}” is not a time zone. Name it as Europe/London or Asia/Kuala_Lumpur."
        case "currency" if not (
            len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
        ):
            return f"“{value}” is not a currency. Use its three letters, such as GBP."
        case _:
            return ""


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_time(value: str) -> bool:
    try:
        return time.fromisoformat(value).strftime("%H:%M") == value
    except ValueError:
        return False


def lowered(label: str) -> str:
    """Lower the first letter of a label for use inside a sentence, unless it is an abbreviation."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def setting_faults(settings: Iterable[Setting], values: Mapping[str, str]) -> dict[str, str]:
    """Return setting name -> fault for a whole form."""
    faults = {
        setting.name: setting_fault(setting, values.get(setting.name, "")) for setting in settings
    }
    return {name: words for name, words in faults.items() if words}


def split_list(value: str) -> tuple[str, ...]:
    """Split a `some_of` value into its words."""
    return tuple(word.strip() for word in value.split(",") if word.strip())
