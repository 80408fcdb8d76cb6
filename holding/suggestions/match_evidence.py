"""What speaks for a value of a missing key, and what against it.

Here: one candidate, an entry of a list compared with the words of a source, and which candidate is
the one. Not here: where candidates come from, and what else forbids one (exact_matches.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from grammar.text.look_alikes import mistaken
from holding.code_lists.file_codes import FileCode, Identity
from holding.code_lists.list_rows import name_key, registration_key, short_name_key, tin_key
from rules.values.spelling import fold, match_key

SAME_TIN, SAME_REGISTRATION = "Same TIN", "Same registration number"
OTHER_TIN, OTHER_REGISTRATION = "another TIN", "another registration number"
SAME_NAME, NAME_BUT_FORM = "Same name", "Same name apart from Sdn Bhd"
NAMED_SO: Final = "Its name is this code"
SAME_SKU, NEAR_SKU = "Same SKU", "Same SKU, spelled otherwise"
LOOKS_SAME: Final = "Looks the same"
"""Two codes that are not: it is told, and speaks for nothing."""
STRONG: Final = frozenset({SAME_TIN, SAME_REGISTRATION})
NOTHING: Final = "No list and no value in use has its number, code or name"


@dataclass(slots=True)
class Candidate:
    """A value that something speaks for; `against`: what contradicts it, `hints`: not enough."""

    name: str = ""
    reasons: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def strong(self) -> bool:
        """Whether a number agrees."""
        return bool(STRONG & set(self.reasons))

    @property
    def other_number(self) -> bool:
        """Whether a number differs."""
        return bool({OTHER_TIN, OTHER_REGISTRATION} & set(self.against))

    def spelled(self, one: str, other: str, reason: str, hint: str) -> None:
        """Add that a code or key is another spelling: `1-12` and `11-2` share their digits, so
        punctuation tells nothing without an equal number or name.
        """
        if same_word(one, other) or self.strong or SAME_NAME in self.reasons:
            self.reasons.append(reason)
        else:
            self.hints.append(hint)

    def joined(self, other: "Candidate") -> "Candidate":
        """What two lists say of the same value."""
        return Candidate(
            name=self.name or other.name,
            reasons=list(dict.fromkeys([*self.reasons, *other.reasons])),
            against=list(dict.fromkeys([*self.against, *other.against])),
            hints=list(dict.fromkeys([*self.hints, *other.hints])),
        )


Candidates = Mapping[str, Candidate]


def same_word(one: str, other: str) -> bool:
    """Whether two spellings differ in their case and in blanks at the ends or doubled, alone."""
    first, second = (fold(" ".join(text.split()), ("any_case",)) for text in (one, other))
    return first == second


def compared(entry: FileCode, who: Identity, *, party: bool, by_id: bool = False) -> Candidate:
    """What an entry of a list and the words of a source agree and differ in. Where codes are ids
    (`by_id`) they tell nothing, and an item is told by its SKU and its name.
    """
    named = entry.name != entry.code
    if by_id and not party:
        return _by_sku_or_name(entry, who)
    one = Candidate(name=entry.name if named else "")
    alike = not by_id and same_word(entry.code, who.key)
    if alike:
        one.reasons.append("Same code" if entry.code == who.key else "Same code, spelled otherwise")
    if party:
        _numbers(one, tin_key(entry.tin), tin_key(who.tin), SAME_TIN, OTHER_TIN)
        ours, theirs = registration_key(who.registration), registration_key(entry.registration)
        _numbers(one, theirs, ours, SAME_REGISTRATION, OTHER_REGISTRATION)
    near = not by_id and not alike and match_key(entry.code) == match_key(who.key)
    if who.name and (party or (named and (alike or near))):
        _names(one, entry.name, who.name, beside=one.strong or alike)
    if near:
        words = "Same code, spelled otherwise"
        one.spelled(entry.code, who.key, words, words)
    elif not by_id and (signs := mistaken(who.key, entry.code)):
        one.hints.append(f"{LOOKS_SAME} ({signs})")
    return one


def _by_sku_or_name(entry: FileCode, who: Identity) -> Candidate:
    """An item of which the SKU can be the key, or the name: that of the goods, or the key again."""
    one = Candidate(name=entry.name)
    alike = bool(entry.sku) and same_word(entry.sku, who.key)
    near = bool(entry.sku) and not alike and match_key(entry.sku) == match_key(who.key)
    if alike:
        one.reasons.append(SAME_SKU if entry.sku == who.key else NEAR_SKU)
    if same_word(entry.name, who.key):
        one.reasons.append(NAMED_SO)
    if who.name and name_key(entry.name) == name_key(who.name):
        one.reasons.append(SAME_NAME)
    elif who.name and NAMED_SO not in one.reasons and (alike or near):
        one.against.append(f"another name, {entry.name}")
    if near:
        one.spelled(entry.sku, who.key, NEAR_SKU, NEAR_SKU)
    elif entry.sku and not alike and one.reasons:
        one.against.append(f"another SKU, {entry.sku}")
    return one


def _numbers(one: Candidate, theirs: str, ours: str, same: str, other: str) -> None:
    if ours and theirs:
        (one.reasons if ours == theirs else one.against).append(same if ours == theirs else other)


def _names(one: Candidate, theirs: str, ours: str, *, beside: bool) -> None:
    """`beside`: a number or the code agrees, so that a name apart from Sdn Bhd counts."""
    if name_key(theirs) == name_key(ours):
        one.reasons.append(SAME_NAME)
    elif short_name_key(theirs) == short_name_key(ours):
        (one.reasons if beside else one.hints).append(NAME_BUT_FORM)
    else:
        one.against.append(f"another name, {theirs}")


def chosen(found: Candidates) -> tuple[str, str]:
    """The one value that fits and "", or "" and why none is chosen."""
    spoken = {value: one for value, one in found.items() if one.reasons}
    rival = [v for v, one in spoken.items() if one.strong or not one.other_number]
    if len(rival) > 1:
        return "", f"{len(rival)} values fit: {', '.join(sorted(rival)[:3])}"
    if not rival:
        return "", _nearly(found)
    one = spoken[rival[0]]
    if one.against:
        return "", f"{one.reasons[0]} as {rival[0]}, but {' and '.join(one.against)}"
    return rival[0], ""


def _nearly(found: Candidates) -> str:
    """What nearly fits."""
    for value, one in found.items():
        if one.reasons:
            return f"{one.reasons[0]} as {value}, but {' and '.join(one.against)}"
        by_name = one.hints[0] == NAME_BUT_FORM
        if one.hints[0].startswith(LOOKS_SAME):
            return f"{one.hints[0]} as {value}: a person has to say whether that is meant"
        lacks = "no number tells them" if by_name else "no number and no name agrees"
        return f"{one.hints[0]} as {value}, but {' and '.join(one.against) or lacks}"
    return NOTHING
