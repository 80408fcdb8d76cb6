"""The shape of what arrives and of what is posted, as data.

Here: fields of record kinds and of target documents. Not here: the values, and what rules make
of them.
"""

from dataclasses import dataclass, field
from typing import Literal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field. `title` is the word in a column header, `wire` the word in the other side's
    JSON.

    `required` is what every rule for the document must fill. `needed` is what the connector needs
    for a new document besides: rules without it may be written and tested, and do not come into
    force. `sent` is false for a field that only describes or compares (a total that the target
    works out itself); `theirs` marks one that only the other side writes, so a rule may name it but
    never fill it. `refers` is the kind of master data that it names over there, one of
    MASTER_DATA, or nothing. `pays` says of the number of an unpaid document which list that is
    in: `invoice` or `bill`. `meaning` is a sentence for people, on the reference page.
    """

    name: str
    type: FieldType = "text"
    title: str = ""
    wire: str = ""
    required: bool = False
    needed: bool = False
    max_length: int | None = None
    places: int | None = None
    sent: bool = True
    theirs: bool = False
    refers: str = ""
    pays: str = ""
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
    target that rounds at the end may round the tax of each code for itself (`by_code`).
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
