"""The people of both sample companies; the shop has a second approver for what the first entered.

Here: names, roles and teams. Not here: their passwords, which are made when they are added.
"""

from dataclasses import dataclass

from portal.demo.shop import APPROVER, MANAGER


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who can sign in."""

    role: str
    name: str
    teams: tuple[str, ...] = ()
    word: str = ""
    company: str = "kedai"

    @property
    def email(self) -> str:
        """The address to sign in with."""
        return f"{self.word or self.role}@{self.company}.example"


COLLEAGUES = (
    Colleague("viewer", "Vijay Menon"),
    Colleague("finance", "Nurul Huda", ("accounts", "sales_admin", "tax_desk")),
    Colleague("approver", APPROVER, ("accounts", "tax_desk")),
    Colleague("approver", MANAGER, ("accounts", "sales_admin"), word="approver2"),
    Colleague("consultant", "Chen Li Na"),
    Colleague("publisher", "Joseph Anak Belaga"),
    Colleague("auditor", "Zaharah Salleh"),
    Colleague("operator", "Omar Idham", ("it_support",)),
    Colleague("admin", "Kamala Devi"),
)

DEPOT_PEOPLE = (
    Colleague("finance", "Rohana Salim", ("accounts", "sales_admin", "tax_desk"), company="gudang"),
    Colleague(
        "approver", "Lau Kok Wai", ("finance_manager", "accounts", "warehouse"), company="gudang"
    ),
    Colleague("consultant", "Anand Pillai", company="gudang"),
    Colleague("publisher", "Noraini Yaakob", company="gudang"),
    Colleague("operator", "Johari Mansor", ("it_support", "warehouse"), company="gudang"),
    Colleague("admin", "Grace Tiong", ("purchasing",), company="gudang"),
)
