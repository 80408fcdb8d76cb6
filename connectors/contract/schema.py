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
    """One setting: its name in commands and in storage, and the words of its field.

    `choices` are stored value -> words, for the kinds `choice` and `some_of`; `unset` are the words
    of a choice that nobody made. `fields` are those that `columns` may fill. `zero`: a whole number
    may be 0. `asked`: set-up shows it among the required settings, although it may stay blank.
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
    asked: bool = False

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
    """Who makes the e-Invoices of a source's sales."""

    US = "us"
    PLATFORM = "platform"
    UNKNOWN = "unknown"


ISSUERS: Final = tuple(one.value for one in Issuer)

ISSUER: Final = "e_invoice_issuer"

MARKETPLACE: Final = "marketplace"
"""The field in which an order of a generic source names the marketplace that sold it."""


def _issuer_setting(unset: str, *, required: bool = False, asked: bool = False) -> Setting:
    """Return the question who makes the e-Invoices of a source's sales."""
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
        asked=asked,
    )


ISSUER_OF_SHOP: Final = _issuer_setting("Not set: we do")
"""Of a source whose sales are the company's own, where a blank value means `us`."""

ISSUER_OF_PLATFORM: Final = _issuer_setting("Choose an answer", required=True)
"""Of a marketplace, where a blank value means `unknown`."""

ISSUER_OF_STATEMENTS: Final = _issuer_setting(
    "Not set: we do; statements of a marketplace are held", asked=True
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
    asked=True,
)
"""Of each way into AutoCount: whether its own module books the sales of marketplaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field. `title` is the word in a column header, `wire` the word in the other side's
    JSON.

    A longer text of a `shortened` field is cut to `max_length`: it is for readers, and nothing is
    found by it. `whole` is the field that takes such a text uncut, unless rules fill it. `required`
    is what every rule for the document must fill. `needed` is what the connector needs for a new
    document besides: rules without it may be written and tested, and do not come into force. `sent`
    is false for a field that only describes or compares (a total that the target works out itself);
    `theirs` marks one that only the other side writes, so a rule may name it but never fill it.
    `refers` is the kind of master data that it names over there, one of MASTER_DATA, or nothing.
    `pays` says of the number of an unpaid document which list that is in: `invoice` or `bill`.
    `custom` is the name of the field that the company adds there itself. `meaning` is a sentence
    for people, on the reference page.
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
    """How a document books the account that a line (or a document of one row) names: on which side,
    and the field that has its money, less the fields that go elsewhere, such as tax. Its party
    stands on the other side with the whole amount.
    """

    side: Literal["debit", "credit"]
    amount: str
    less: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How a document makes its total, by the fields of its lines (or of a document of one row).

    `amount` is `quantity` times `price`, less `discount`, and `tax` is of the code in `code`. Where
    the tax is *added*, `amount` is that with the tax on it; *beside*, the total is what all amounts
    and taxes make; *inside*, the amounts hold their tax. `inclusive` is the header field, and the
    word in it, that puts inside what is beside. A name is blank where there is no such field. A
    target that rounds at the end may round the tax of each code for itself (`by_code`). `rate` is
    the rate of the code, which is compared and not sent; `moves` is by how much the target's own
    adjustment may move the tax of a line whose amount does not hold it. `listed` says whether the
    rates that the target lists of its codes are those of this document.
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
    """One document type of a target: header and line fields, and which of them mean what.

    `actions` are what the target can do with a posted document: update, void. Creating it every
    target can. `connected` is false while rules may speak of it but no connector posts it; the
    registry says so. With `one_row`, a document of one line may be written all in its header. A
    target that `touches_earlier` refuses it where a document that it follows lies in a locked
    period; one that `reckons` works each line out again, as quantity times price less the discount.
    `amounts` is None where no line has an amount. `books` is None where the document books nothing.
    `lists` are the kinds of codes that the target can list (account, tax_code, currency), each with
    the place where a person adds one there. One that goes `singly` takes a call of its own, also in
    a target whose other documents go many in a file; one that is not `shown` is in no list there,
    so it is neither looked up nor read again; one that is not `counted` uses nothing up of a month.
    `e_invoice` is the type of the e-Invoice that the target makes of it where its settings say
    nothing else; the registry fills it in from `EInvoices`.
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
    e_invoice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSchema:
    """One kind of record of a source, in its canonical form. `connected` as in DocumentSchema.

    `total_field` is the total with tax that the record states, `tax_field` the tax of it, and
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
    """One value of a secret that consists of several, with a field of its own. A blank one takes
    the value of the part `otherwise`, or is left out where it is `optional`, unless the part
    `needed_with` has a value.
    """

    name: str
    label: str
    hint: str = ""
    optional: bool = False
    otherwise: str = ""
    needed_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyField:
    """The secret of a connection. `made_here`: Clearpost makes it, and the other side is given it;
    else the other side makes it, and a person pastes it. `steps` say where. `optional`: there may
    be none, and the secret is blank then. `parts` are joined by colons, in their order.
    """

    label: str
    hint: str = ""
    made_here: bool = False
    optional: bool = False
    steps: tuple[str, ...] = ()
    parts: tuple[KeyPart, ...] = ()

    def join(self, values: Mapping[str, str]) -> str:
        """Return the secret with these values of its parts; blank if every part is."""
        stripped = {part.name: values.get(part.name, "").strip() for part in self.parts}
        filled = [stripped[part.name] or stripped.get(part.otherwise, "") for part in self.parts]
        while filled and not filled[-1]:
            filled.pop()
        return ":".join(filled)

    def part_faults(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return part -> what is wrong with it: a part that is missing, or one with a colon that
        would end it.
        """
        given = {part.name: values.get(part.name, "").strip() for part in self.parts}
        faults: dict[str, str] = {}
        for at, part in enumerate(self.parts):
            value = given[part.name] or given.get(part.otherwise, "")
            follows = any(given[later.name] for later in self.parts[at + 1 :])
            needed = follows or not part.optional or bool(given.get(part.needed_with))
            if not value and needed:
                faults[part.name] = f"Paste the {lowered(part.label)}."
            elif ":" in value and at:
                faults[part.name] = f"The {lowered(part.label)} has no colon."
        return faults


class Submitter(StrEnum):
    """Who submits: the accounting system, or a service beside it that the company chose."""

    TARGET = "target"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoices:
    """What a target states: who submits, and the sentences about it that people read.

    Of a service's e-invoice the target shows nothing of its own: `field_setting` names the setting
    in which a company enters the field of the target where its service notes since when one is
    valid, and `awaited` the document types for which that must come back. A target that submits
    them itself has neither. `types`: document type -> the tax office's type of its e-invoice (01
    invoice, 02 credit note).
    """

    submitter: Submitter
    says: tuple[str, ...]
    field_setting: str = ""
    awaited: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def awaited_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """The field of the target in which the e-invoice of such a document has to be noted, under
        these settings; blank where nothing is awaited.
        """
        if self.submitter is Submitter.TARGET or doc_type not in self.awaited:
            return ""
        return str(settings.get(self.field_setting, "")).strip()

    def type_in(self, doc_type: str, settings: Mapping[str, object]) -> str:
        """The type of the e-invoice that is made of such a document under these settings; blank
        where none is made.
        """
        by_service = self.submitter is Submitter.SERVICE
        used = settings.get(self.field_setting) if by_service else settings.get(NONE_HERE) != "none"
        return self.types.get(doc_type, "") if used else ""


@dataclass(frozen=True, slots=True)
class DuplicateWindow:
    """By what a target knows that it had something before, for how long and where that was read, in
    a sentence; `lasts` is that time, None as long as it has the document.
    """

    says: str
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFacts:
    """What can be known of a target's books without a person.

    `units`: how it counts an item (it is then a `TellsItems`). `stock`: how many are there.
    `periods`: its list of accounting periods. `closing_date` is `told` where the connection test
    reads the last closed day, and `entered` where a person keeps it in the setting
    `locked_through`. `by_id`: documents name customers, vendors and items by ids that it gave them
    itself, so that no source has the same ones. `known_by`: by what it knows that it had something
    before; empty where it would make it again. `kept_while_paused` is the status of its answer to
    a call that it keeps until a paused key is active again.
    """

    units: bool = False
    stock: bool = False
    periods: bool = False
    by_id: bool = False
    closing_date: Literal["told", "entered"]
    known_by: tuple[DuplicateWindow, ...] = ()
    kept_while_paused: int | None = None

    @property
    def second_documents(self) -> tuple[str, ...]:
        """What counts as the same document, there and at the tax office, each with its source."""
        return (*(one.says for one in self.known_by), SAME_E_INVOICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionForm:
    """All that is asked: `title` is the system's own name, `gives` what it takes or delivers,
    `needs` what one should have at hand. Without a key there is nothing to prove who calls. `way`:
    records or documents go from program to program, or in files that people carry. `system` is the
    accounting system behind several connectors, blank where there is one. `can` and `cannot` say
    what this way into it does, and does not do. `e_invoices`: who submits them, `tells`: what
    is told of its books; of a source, both are None. `marketplace`: all records of the source come
    from a marketplace; `statements`: the kinds of its records that may.
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
        """The setting of a source that answers who makes the e-Invoices of its sales."""
        if self.marketplace:
            return ISSUER_OF_PLATFORM
        return ISSUER_OF_STATEMENTS if self.statements else ISSUER_OF_SHOP

    def is_of_marketplace(self, kind: str, marketplace: str) -> bool:
        """Check whether a marketplace sold what a record is about; `marketplace` is the name that
        the record states, or blank.
        """
        return self.marketplace or kind in self.statements or bool(marketplace)


def issuer_of(settings: Mapping[str, object], *, of_marketplace: bool) -> Issuer:
    """Return who makes the e-Invoice of a sale under the settings of its source.

    A blank or unreadable answer is `unknown` for a marketplace and `us` for a shop of one's own.
    """
    text = str(settings.get(ISSUER) or "").strip()
    if text in ISSUERS:
        return Issuer(text)
    return Issuer.UNKNOWN if text or of_marketplace else Issuer.US


def looks_first(settings: Mapping[str, object]) -> bool:
    """Whether a person wants a look before each first send."""
    return settings.get(_LOOK_FIRST) == _YES


def address_setting(example: str, hint: str, *, required: bool = True) -> Setting:
    """The field for the address of a system's interface."""
    return Setting(
        name="base_url",
        label="Address of the interface",
        hint=hint,
        example=example,
        kind="address",
        required=required,
    )


def store_setting(example: str, hint: str) -> Setting:
    """The field for the address of a shop, which set-up shows although it may stay blank."""
    return replace(
        address_setting(example, hint, required=False), label="Store address", asked=True
    )


def record_kinds_setting(kinds: Iterable[str]) -> Setting:
    """Which kinds of record a source may deliver; all that it knows where none is named."""
    return Setting(
        name=RECORD_KINDS,
        label="Kinds of record it may deliver",
        hint="A delivery of any other kind is rejected. Leave all blank to allow all.",
        kind="some_of",
        choices={kind: kind.replace("_", " ").capitalize() for kind in kinds},
    )


def takes_deliveries(settings: Mapping[str, object]) -> bool:
    """Whether a source with these settings takes deliveries."""
    return str(settings.get(DELIVERIES, "")).strip() != OFF


def generated_key(*steps: str) -> KeyField:
    """The secret of a webhook: made here, and shown once."""
    return KeyField(
        label="Secret",
        hint="Made here and shown once. A lost secret is replaced, not recovered.",
        made_here=True,
        steps=steps,
    )


def setting_fault(setting: Setting, text: str) -> str:
    """What is wrong with a value, and what to enter instead; blank when nothing is."""
    value = text.strip()
    if not value:
        return f"Enter the {lowered(setting.label)}." if setting.required else ""
    if setting.choices is not None:
        return _strange(setting, split_list(value) if setting.kind == "some_of" else (value,))
    return _of_database(setting, value) or _misread(setting, value)


def _strange(setting: Setting, words: Iterable[str]) -> str:
    known = setting.choices or {}
    strange = next((one for one in words if one not in known), None)
    return "" if strange is None else f"“{strange}” is none of: {', '.join(known)}."


def _of_database(setting: Setting, value: str) -> str:
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


def _misread(setting: Setting, value: str) -> str:
    such = f" Example: {setting.example}." if setting.example else ""
    match setting.kind:
        case "address" if not _is_address(value):
            return f"“{value}” is not an address that begins with https://.{such}"
        case "whole" if setting.zero and not re.fullmatch("0{0,9}[0-9]{1,18}", value):
            return f"“{value}” is not a whole number, 0 or more.{such}"
        case "whole" if not setting.zero and not _is_positive(value):
            return f"“{value}” is not a whole number, 1 or more.{such}"
        case "day" if not _is_day(value):
            return f"“{value}” is not a day.{such}"
        case "time" if not _is_time(value):
            return f"“{value}” is not a time of a day.{such}"
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
    """A label inside a sentence; one that begins with an abbreviation stays as it is."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def setting_faults(settings: Iterable[Setting], given: Mapping[str, str]) -> dict[str, str]:
    """The faults of a whole form, by the name of the setting."""
    found = {one.name: setting_fault(one, given.get(one.name, "")) for one in settings}
    return {name: words for name, words in found.items() if words}


def split_list(value: str) -> tuple[str, ...]:
    """The single words of a value of the kind `some_of`."""
    return tuple(one.strip() for one in value.split(",") if one.strip())
