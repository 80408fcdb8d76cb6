"""What is to be said of each reason for a hold, whatever rules are in force.

Here: one entry for each code that a hold can be placed for; a code without one stops the product at
its start. Not here: which of them the rules in force can place (hold_catalogue.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from grammar.text.finding_codes import HOLD_CODES


class Placer(StrEnum):
    """What places a hold."""

    RULES = "Your rules"
    CLEARPOST = "Clearpost"
    TARGET = "The accounting system"


class Releaser(StrEnum):
    """Who can let it go although its cause stands."""

    OWNER = "owner"  # a person of the team that has it
    CLAUSE = "clause"  # as its rule says in `clears` or in its answer
    CONSENT = "consent"  # who gives the approval that it asks for
    DECIDES = "decides"  # a person of the team says which of two documents it is
    NOBODY = "nobody"


class Blocks(StrEnum):
    """What does not happen while it stands."""

    DOCUMENT = "document"  # of the rule's route, else every document of the record
    SENDING = "sending"  # one document that was ready
    CHANGE = "change"  # of what is posted
    RECORD = "record"  # everything of the record


@dataclass(frozen=True, slots=True)
class HoldEntry:
    """One reason: who places it, who can release it, what clears it, what it blocks."""

    placer: Placer
    releaser: Releaser
    clears: str
    blocks: Blocks


def _by_rules(releaser: Releaser, clears: str, blocks: Blocks = Blocks.DOCUMENT) -> HoldEntry:
    return HoldEntry(Placer.RULES, releaser, clears, blocks)


def _by_clearpost(clears: str, blocks: Blocks = Blocks.SENDING) -> HoldEntry:
    return HoldEntry(Placer.CLEARPOST, Releaser.NOBODY, clears, blocks)


def _by_source(clears: str) -> HoldEntry:
    return HoldEntry(Placer.CLEARPOST, Releaser.OWNER, clears, Blocks.DOCUMENT)


def _by_target(clears: str, releaser: Releaser = Releaser.NOBODY) -> HoldEntry:
    return HoldEntry(Placer.TARGET, releaser, clears, Blocks.SENDING)


_OWNER, _NOBODY = Releaser.OWNER, Releaser.NOBODY
_RECORD = "A new version of the record"
_CHECK = "A new version of the record, or anything else that makes the check pass"
ENTRIES: Final[dict[str, HoldEntry]] = {
    "APP01": _by_rules(Releaser.CONSENT, "An approval of exactly this document"),
    "BIL01": _by_rules(_OWNER, "The rest is invoiced, or a new version of the record"),
    "BIL02": _by_rules(_OWNER, "The amount is invoiced, or a new version", Blocks.CHANGE),
    "CHK01": _by_rules(Releaser.CLAUSE, _CHECK),
    "CHK02": _by_rules(Releaser.CLAUSE, "The field that the check asks for is there"),
    "CUR01": _by_rules(_NOBODY, "The amounts are in one currency, or other rules"),
    "DUP01": _by_rules(_OWNER, "The other record no longer has the same values, or a new version"),
    "EVA01": _by_rules(_NOBODY, "Numbers that can be calculated with, in a new version"),
    "EVA02": _by_clearpost("Other rules, or a new version of the record", Blocks.RECORD),
    "EVA03": _by_clearpost("A new version of the record", Blocks.RECORD),
    "EVA04": _by_clearpost("A new version of the record", Blocks.RECORD),
    "EVA05": _by_clearpost("The connection that the rules name is added", Blocks.RECORD),
    "EVA06": _by_clearpost(
        "The document before it is posted after all, or a person rejects this one",
        Blocks.DOCUMENT,
    ),
    "FCT01": _by_rules(_NOBODY, "The information is known: a connection test reads it"),
    "HLD01": _by_rules(_OWNER, "A new version in a status that allows posting"),
    "IDN01": _by_source("One ID with one number, in a new version"),
    "IDN02": HoldEntry(
        Placer.CLEARPOST,
        Releaser.NOBODY,
        "A new version that names this company, or the code entered on the page of the source",
        Blocks.DOCUMENT,
    ),
    "LNK01": _by_rules(_NOBODY, "Fewer linked records than the rules allow"),
    "LST01": _by_rules(
        _NOBODY, "The accounting system lists the code, or the mapping names another"
    ),
    "MAP01": _by_rules(_NOBODY, "An entry in the table"),
    "MAP02": _by_rules(_NOBODY, "One entry instead of several that fit"),
    "MAP03": _by_rules(_NOBODY, "A value in the record that can be looked up"),
    "MIS01": _by_rules(_NOBODY, "The field is completed, in the source or by its team"),
    "NUM01": _by_rules(_NOBODY, "A new version with numbers that the accounting system can keep"),
    "PER01": _by_rules(Releaser.CLAUSE, "The month is reopened, or the document date is changed"),
    "PSH01": _by_clearpost("It is checked again automatically"),
    "PSH02": _by_clearpost("An approval of exactly this document"),
    "PSH03": _by_clearpost("Another document number, by a new version or other rules"),
    "PSH04": _by_clearpost("A retry, after a person checked"),
    "PSH05": _by_clearpost("The record is split in the source"),
    "PSH06": HoldEntry(
        Placer.CLEARPOST,
        Releaser.DECIDES,
        "A person skips it, or decides to post it here too",
        Blocks.SENDING,
    ),
    "PSH07": HoldEntry(
        Placer.CLEARPOST,
        Releaser.DECIDES,
        "A person skips it, or decides to post it here too",
        Blocks.SENDING,
    ),
    "RND01": _by_rules(_OWNER, "Amounts within the tolerance, or a new version"),
    "RND02": _by_rules(_OWNER, "Amounts that agree, or a new version"),
    "RND03": _by_rules(_NOBODY, "Rules that round as the accounting system does"),
    "RND04": _by_rules(_OWNER, "Its own total agrees, or a new version"),
    "RND05": _by_rules(_OWNER, "Its lines agree with their amounts, or a new version"),
    "STA01": _by_rules(_NOBODY, "The word is added to the rules, or a new version"),
    "STL01": _by_rules(_OWNER, "Source and document are equal again", Blocks.CHANGE),
    "STL02": _by_rules(_NOBODY, _RECORD, Blocks.CHANGE),
    "STL03": _by_rules(
        Releaser.CLAUSE, "The field is corrected in the accounting system", Blocks.CHANGE
    ),
    "STL04": _by_rules(
        _OWNER, "It names a document that is posted, or a person has assigned it", Blocks.CHANGE
    ),
    "TGT01": _by_target("What the accounting system names is corrected; then it is retried"),
    "TGT02": _by_target("A person links it, skips it or checks it again", Releaser.DECIDES),
    "TGT03": _by_target("A look-up that finds it, or finds nothing"),
    "TGT04": _by_target("The accounting system answers, and a person retries it"),
    "TGT05": _by_target(
        "A person links it, skips it or posts it as an additional document", Releaser.DECIDES
    ),
    "TGT06": _by_target("The customer or supplier is active there again, or another one is mapped"),
    "TGT07": HoldEntry(
        Placer.TARGET,
        Releaser.DECIDES,
        "The accounting system shows the total that was sent, or a person accepts the difference",
        Blocks.CHANGE,
    ),
    "TGT08": _by_target("A person enters on the page of the file how its import ended"),
    "TGT09": _by_target("A person retries it, in another file"),
    "TGT10": _by_target(
        "A person looks for it there, then links it, sends it again or skips it", Releaser.DECIDES
    ),
    "UOM01": _by_rules(_NOBODY, "An entry in the table of units"),
    "UOM08": _by_rules(_NOBODY, "Units table, accounting system and mapping agree"),
    "UOM09": _by_rules(_NOBODY, "The rate is confirmed on the page of the connection"),
    "VAL01": _by_rules(_NOBODY, "A value that can be read, in a new version"),
    "VAL02": _by_rules(_NOBODY, "The accounting system knows the e-Invoice class"),
    "VAL03": _by_source("A new version, or rules that allow it"),
}


def lacking(codes: Iterable[str] = HOLD_CODES) -> tuple[str, ...]:
    """The codes that have no entry."""
    return tuple(code for code in codes if code not in ENTRIES)


def require_all(codes: Iterable[str] = HOLD_CODES) -> None:
    """RuntimeError where a reason for a hold has no entry, or an entry no reason."""
    codes = tuple(codes)
    odd = sorted({*lacking(codes), *(set(ENTRIES) - set(codes))})
    if odd:
        message = f"hold catalogue: no entry, or no such reason: {', '.join(odd)}"
        raise RuntimeError(message)
