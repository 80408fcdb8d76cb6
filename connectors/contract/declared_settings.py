"""What a connector asks of the person who connects it, as data.

Here: its settings and its key, each with the words beside the field; what is wrong with a value.
Forms, commands and checks read this one declaration. Not here: what a connector does with a value
(its own folder), where values are kept (holding/configuration).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from connectors.contract.book_facts import BookFacts
from connectors.contract.database_settings import address_fault, columns_fault, query_fault
from connectors.contract.e_invoices import EInvoices

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
    of a choice that nobody made. `fields` are those that `columns` may fill.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyField:
    """The secret of a connection. `made_here`: Clearpost makes it, and the other side is given it;
    else the other side makes it, and a person pastes it. `steps` say where. `optional`: there may
    be none, and the secret is blank then.
    """

    label: str
    hint: str = ""
    made_here: bool = False
    optional: bool = False
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionForm:
    """All that is asked: `title` is the system's own name, `gives` what it takes or delivers,
    `needs` what one should have at hand. Without a key there is nothing to prove who calls. `way`:
    records or documents go from program to program, or in files that people carry. `system` is the
    accounting system behind several connectors, blank where there is one. `can` and `cannot` say
    what this way into it does, and does not do. `e_invoices`: who submits them, `tells`: what
    is told of its books; of a source, both are None.
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


def looks_first(settings: Mapping[str, object]) -> bool:
    """Whether a person wants a look before each first send."""
    return settings.get(_LOOK_FIRST) == _YES


DOCUMENTS_A_MONTH = "documents_per_month"
MONTHLY = Setting(
    name=DOCUMENTS_A_MONTH,
    label="Documents a month",
    hint="The limit of your plan. Blank: as the system tells it, or none.",
    example="100",
    kind="whole",
)
"""How many documents a target takes in a month, where it does not tell that or less is wanted."""


def address(example: str, hint: str, *, required: bool = True) -> Setting:
    """The field for the address of a system's interface."""
    return Setting(
        name="base_url",
        label="Address of the interface",
        hint=hint,
        example=example,
        kind="address",
        required=required,
    )


RECORD_KINDS = "record_kinds"


def record_kinds(kinds: Iterable[str]) -> Setting:
    """Which kinds of record a source may deliver; all that it knows where none is named."""
    return Setting(
        name=RECORD_KINDS,
        label="Kinds of record it may deliver",
        hint="A delivery of any other kind is rejected. Leave all blank to allow all.",
        kind="some_of",
        choices={kind: kind.replace("_", " ").capitalize() for kind in kinds},
    )


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


def takes(settings: Mapping[str, object]) -> bool:
    """Whether a source with these settings takes deliveries."""
    return str(settings.get(DELIVERIES, "")).strip() != OFF


COMPANY_CODE = "company_code"
OWN_COMPANY = Setting(
    name=COMPANY_CODE,
    label="Company code in its records",
    hint="A record that names another company is held before delivery."
    " Blank: the code of this company.",
    example="KL01",
)
"""Which company the records of a source name as theirs, where they name one."""


def made_key(*steps: str) -> KeyField:
    """The secret of a webhook: made here, and shown once."""
    return KeyField(
        label="Secret",
        hint="Made here and shown once. A lost secret is replaced, not recovered.",
        made_here=True,
        steps=steps,
    )


def fault(setting: Setting, text: str) -> str:
    """What is wrong with a value, and what to enter instead; blank when nothing is."""
    value = text.strip()
    if not value:
        return f"Enter the {lowered(setting.label)}." if setting.required else ""
    if setting.choices is not None:
        return _strange(setting, listed(value) if setting.kind == "some_of" else (value,))
    return _of_database(setting, value) or _misread(setting, value)


def lowered(label: str) -> str:
    """A label inside a sentence; one that begins with an abbreviation stays as it is."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _misread(setting: Setting, value: str) -> str:
    such = f" Example: {setting.example}." if setting.example else ""
    match setting.kind:
        case "address" if not _is_address(value):
            return f"“{value}” is not an address that begins with https://.{such}"
        case "whole" if not re.fullmatch("0{0,9}[1-9][0-9]{0,17}", value):
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


def faults(settings: Iterable[Setting], given: Mapping[str, str]) -> dict[str, str]:
    """The faults of a whole form, by the name of the setting."""
    found = {one.name: fault(one, given.get(one.name, "")) for one in settings}
    return {name: words for name, words in found.items() if words}


def listed(value: str) -> tuple[str, ...]:
    """The single words of a value of the kind `some_of`."""
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _strange(setting: Setting, words: Iterable[str]) -> str:
    known = setting.choices or {}
    strange = next((one for one in words if one not in known), None)
    return "" if strange is None else f"“{strange}” is none of: {', '.join(known)}."


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
