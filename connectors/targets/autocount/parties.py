"""Customers and suppliers of the account book: its lists of them, and creating one that it lacks.

Here: a page of a list; which refusal says that a party is missing, what one is created with, and
what came of that. By the names of the vendor's pages ("Get Creditor Listing", "Debtor Data Model").
Not here: the calls (connector.py), when a list is read (holding/code_lists).

A code is the party's own there: AutoCount takes none that its chart of accounts has already. So a
creation whose answer was lost is made again, and never makes a second party.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from connectors.contract import Answer, Found, Payload, Setting, Settings
from connectors.contract.declared_settings import listed
from connectors.contract.master_lists import Listed, ListEntry, ListPage
from connectors.kit.calls import Call, Get, unanswered
from connectors.kit.connection_settings import base_currency_of
from connectors.targets.autocount.answers import DONE, NUMBER_TAKEN, not_told, refusal
from connectors.transport.http import HttpAnswer, HttpFailure
from connectors.transport.strict_json import dumps, loads

CREATE: Final = "create_parties"
CREATES: Final = Setting(
    name=CREATE,
    label="Create missing customers and suppliers",
    hint="One whose code the account book lacks is created under that code, with name, credit term"
    " and currency of the document: a wrong code makes a wrong one. Leave both blank for none.",
    kind="some_of",
    choices={"customer": "Customers", "vendor": "Suppliers"},
)
LISTS: Final[tuple[Listed, ...]] = ("customer", "vendor")
A_PAGE: Final = 100
MORE_CALLS: Final = 2
"""What a document costs more where its party may be created: that, and the document once more."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Customers or suppliers: where they are, and what documents call one."""

    path: str
    code: str
    name: str

    @property
    def thing(self) -> str:
        """What AutoCount's messages call one of them."""
        return self.path[1:].capitalize()


_KINDS: Final[Mapping[Listed, _Kind]] = {
    "customer": _Kind("/debtor", "debtorCode", "debtorName"),
    "vendor": _Kind("/creditor", "creditorCode", "creditorName"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A party that a refused document names, and that may be created: where, and with what."""

    path: str
    body: bytes
    called: str

    def failed(self, answer: Call, refused: Answer) -> Answer | None:
        """What its document comes to where it could not be created: that was refused, so nothing
        of it is there, and nobody has to look it up. Nothing where the party is there now.
        """
        number = refused.number or ""
        if isinstance(answer, HttpFailure):
            told: Answer | None = unanswered(answer, number)
        else:
            told = refusal(number, "create", answer)
        if told is None or told.code == NUMBER_TAKEN:
            return None
        if told.kind == "uncertain":
            words = f"Whether {self.called} was created there is not known. {told.words}"
            return replace(told, kind="temporary", error_class="temporary", words=words)
        if told.kind == "temporary" or told.status == HTTPStatus.UNAUTHORIZED:
            return told
        words = f"{refused.words}. It was not created there: {told.words}"
        return replace(refused, words=words)

    def noted(self, told: Answer, heard: Call) -> Answer:
        """What became of the document, after it was created for it."""
        if heard.status not in DONE:
            return told
        besides = f"{self.called} was created there first."
        if told.kind == "accepted":
            return replace(told, besides=besides)
        words = f"{besides} {told.words}"
        return replace(told, words=words)


def missing(payload: Payload, refused: Answer, settings: Settings) -> Missing | None:
    """The party that the document of this refusal names and the book lacks, where one of its kind
    may be created and the document says enough of it.
    """
    wanted, body = listed(str(settings.get(CREATE) or "")), loads(payload.body)
    master = body.get("master") if isinstance(body, dict) else None
    if refused.error_class != "mapping_missing" or not isinstance(master, dict):
        return None
    for name, kind in _KINDS.items():
        code = master.get(kind.code)
        says = f"{kind.thing} ({kind.thing}Key = {code}) not exists"
        if name in wanted and code and says in refused.words:
            return _of(kind, str(code), master, payload, settings)
    return None


def _of(
    kind: _Kind, code: str, master: Mapping[str, Any], payload: Payload, settings: Settings
) -> Missing | None:
    told = {
        "accNo": code,
        "companyName": master.get(kind.name),
        "currencyCode": payload.expected.get("currencyCode") or base_currency_of(settings),
        "creditTerm": master.get("creditTerm"),
    }
    if not all(told.values()):
        return None
    return Missing(path=kind.path, body=dumps(told), called=f"{code} ({master[kind.name]})")


def list_page(kind: Listed, after: str, get: Get) -> ListPage | Found:
    """The page of this number, from 1; also those that are not in use."""
    page = int(after) if after.isdecimal() else 1
    asked = f"page={page}&activeOnly=false&field=registerNo&field=isActive"
    answer = get(f"{_KINDS[kind].path}/listing?{asked}")
    if not isinstance(answer, HttpAnswer) or answer.status != HTTPStatus.OK:
        return not_told(answer)
    content = loads(answer.body)
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        return not_told(answer)
    found = (_entry(one) for one in data)
    more = str(page + 1) if len(data) >= A_PAGE else ""
    return ListPage(tuple(one for one in found if one is not None), more)


def _entry(shown: Mapping[str, Any]) -> ListEntry | None:
    """Names of fields are written in small letters where one asks, and with a capital one where
    AutoCount answers.
    """
    told = {name.casefold(): value for name, value in shown.items()}
    code = str(told.get("accno") or "")
    if not code:
        return None
    return ListEntry(
        code,
        str(told.get("companyname") or code),
        active=told.get("isactive", True) is not False,
        registration=str(told.get("registerno") or ""),
    )
