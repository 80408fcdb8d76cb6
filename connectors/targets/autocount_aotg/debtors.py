"""The debtors of the account book, as a list that is read in two steps: asked for, and told later.

Here: asking, and what an entry says, by the names of the vendor's page (AOTG API: Get List of
Debtor). Not here: the calls (relay.py), when the list is read (holding/code_lists).
"""

from collections.abc import Mapping
from typing import Any, Final

from connectors.contract import Found
from connectors.contract.master_lists import Listed, ListEntry, ListPage
from connectors.targets.autocount_aotg.outcomes import result
from connectors.targets.autocount_aotg.relay import (
    GONE,
    UNDER_WAY,
    Progress,
    Relay,
    not_told,
    told_of,
)

LISTS: Final[tuple[Listed, ...]] = ("customer",)


def list_page(request: str, relay: Relay) -> ListPage | Found:
    """The whole list of this request. Without one it is asked for, which is a page without entries:
    so is a list that is not kept there any more.
    """
    if not request:
        return _asked(relay)
    told = result(request, relay)
    if isinstance(told, Found):
        return _asked(relay) if told.status == GONE else told
    if told.progress in UNDER_WAY:
        words = f"The account book has not listed its debtors yet (request {told.request})."
        return Found(kind="unknown", words=words, proof=told.proof)
    if told.progress == Progress.FAILED:
        return _asked(relay)
    if not isinstance(told.content, list):
        words = "The account book listed its debtors in a way that nobody can read."
        return Found(kind="unknown", words=words, proof=told.proof)
    return ListPage(tuple(_entry(one) for one in told.rows if one.get("AccNo")), "")


def _asked(relay: Relay) -> ListPage | Found:
    answer = relay.debtors()
    asked = told_of(answer)
    return not_told(answer) if asked is None else ListPage((), asked.request)


def _entry(shown: Mapping[str, Any]) -> ListEntry:
    code = str(shown["AccNo"])
    return ListEntry(
        code,
        str(shown.get("CompanyName") or code),
        active=shown.get("IsActive", True) is not False,
        registration=str(shown.get("RegisterNo") or ""),
    )
