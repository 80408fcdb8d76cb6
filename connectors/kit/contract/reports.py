"""What the test of a connection tells: its steps, and what it learnt of the other side.

Here: plain data. Not here: making the test (targets.py), keeping what it learnt (holding).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Rounding = Literal["per_line", "sum_then_round"]
"""How a target makes a total: each line is rounded and then summed, or the sum is rounded once."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a connection test; `ok` is None for a warning or a step that could not be
    made.
    """

    name: str
    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class ItemSetup:
    """How a target counts one of its items: 1 of a unit is num/den of `unit`."""

    unit: str
    rates: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a connection test learnt about the other side.

    Codes are None where the target does not list them, and so is the way of rounding (a Rounding,
    or whatever word it has for it) where it does not tell that.
    """

    company_id: str
    company_name: str
    locked_through: date | None
    tax_codes: tuple[str, ...] | None
    accounts: tuple[str, ...] | None
    currencies: tuple[str, ...] | None
    permissions: tuple[str, ...]
    key_status: str
    rounding_mode: str | None
    base_currency: str
    excel_import_enabled: bool
    einvoice_enabled: bool
    quota_limit: int | None
    quota_used: int | None
    quota_resets_on: date | None
    items: Mapping[str, ItemSetup] | None = None  # those that were asked for

    def codes(self) -> dict[str, frozenset[str]]:
        """The codes known there, by the words the rules use; kinds that it cannot list are left
        out.
        """
        listed = {
            "tax_code": self.tax_codes,
            "account": self.accounts,
            "currency": self.currencies,
        }
        return {kind: frozenset(codes) for kind, codes in listed.items() if codes is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    """The steps of a connection test in their order, and the snapshot when it got that far;
    `reached` is false when nobody answered, or only with "not now".
    """

    steps: tuple[Step, ...]
    snapshot: Snapshot | None
    reached: bool = True

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(step.ok is not False for step in self.steps)

    @classmethod
    def stopped(
        cls, names: Sequence[str], at: int, words: str, *, there: bool = True
    ) -> "ConnectionReport":
        """A test that got no further than one of its steps."""
        passed = tuple(Step(name, ok=True, words="Passed.") for name in names[:at])
        later = tuple(Step(name, ok=None, words="Not tried.") for name in names[at + 1 :])
        steps = (*passed, Step(names[at], ok=False, words=words), *later)
        return cls(steps=steps, snapshot=None, reached=there)
