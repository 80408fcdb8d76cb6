"""What preflight says of codes that documents name and a list from a file nearly has."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM
from holding.connections.master_data import keep_snapshot
from holding.db.database import Database
from holding.db.models import Company
from holding.db.models.columns import ListKind
from holding.mappings import list_storage
from holding.mappings.list_rows import ListRow
from holding.trials.findings import Finding, findings
from holding.trials.waiting_documents import NEARLY, SWITCHED_OFF
from rules.outcomes import Document
from tests.holding.connections.test_limits import told_of
from tests.support.factories import connection_named
from tests.support.postings import NOW, invoice, make_ready

DAY = date(2026, 11, 18)


def give(
    session: Session, company: Company, codes: Sequence[str], kind: ListKind, active: bool = True
) -> None:
    """Somebody gave in a list of these."""
    target = connection_named(session, company, "aiaccount")
    rows = [ListRow(code, code, "", "", active) for code in codes]
    list_storage.store_list(
        session, SYSTEM, target, kind, "list.xlsx", "0" * 64, rows, as_of=DAY, now=NOW
    )


def of_party(number: str, name: str) -> Document:
    made = invoice(number)
    return replace(made, party=name, fields={**made.fields, "Customer": name})


def said(session: Session, company: Company) -> list[Finding]:
    found = findings(session, company.id, NOW, "aiaccount")
    return [one for one in found if one.code in (NEARLY, SWITCHED_OFF)]


@pytest.mark.parametrize(
    ("name", "known", "how"),
    [
        ("aisyah rahman", "Aisyah Rahman", "it differs by case"),
        ("AisyahRahman", "Aisyah Rahman", "it differs by spaces"),
        ("C-O1", "C-01", "it looks the same (O for 0)"),
    ],
)
def test_a_customer_that_the_list_nearly_has_is_told_with_the_one_it_has(
    database: Database, company: Company, name: str, known: str, how: str
) -> None:
    with database.write() as session:
        for number in ("NS-1", "NS-2"):
            make_ready(session, company, number, document=of_party(number, name))
        assert said(session, company) == [], "without a list nothing is known"
        give(session, company, [known, "Lim Wei"], ListKind.CUSTOMER)
        (found,) = said(session, company)
        assert (found.code, found.records, found.connection) == (NEARLY, 2, "aiaccount")
        assert found.words == (
            f"Customer “{name}” is not in the list of 2026-11-18 (list.xlsx), and “{known}” is:"
            f" {how}. First: NS-1."
        )


def test_what_the_list_has_and_what_it_has_nothing_near_to_is_not_told_of(
    database: Database, company: Company
) -> None:
    """A list from a file may be older than a new customer."""
    with database.write() as session:
        give(session, company, ["Aisyah Rahman", "TEE-BLK-M"], ListKind.CUSTOMER)
        make_ready(session, company, "NS-1", document=of_party("NS-1", "Aisyah Rahman"))
        make_ready(session, company, "NS-2", document=of_party("NS-2", "Tan Mei"))
        assert said(session, company) == []


def test_a_spelling_with_which_something_was_posted_is_known(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        give(session, company, ["Aisyah Rahman"], ListKind.CUSTOMER)
        make_ready(session, company, "NS-1", document=of_party("NS-1", "AISYAH RAHMAN"))
        assert [one.code for one in said(session, company)] == [NEARLY]
        before = of_party("NS-2", "AISYAH RAHMAN")
        make_ready(session, company, "NS-2", document=before, state="posted")
        assert said(session, company) == []


def test_an_item_of_a_line_is_looked_for_too(database: Database, company: Company) -> None:
    with database.write() as session:
        give(session, company, ["tee-blk-m"], ListKind.ITEM)
        make_ready(session, company, "NS-1")
        (found,) = said(session, company)
        assert found.words.startswith("Item “TEE-BLK-M” is not in the list of 2026-11-18")


def test_what_the_list_has_as_switched_off_is_told(database: Database, company: Company) -> None:
    with database.write() as session:
        give(session, company, ["Aisyah Rahman"], ListKind.CUSTOMER, active=False)
        make_ready(session, company, "NS-1")
        (found,) = said(session, company)
        assert found.code == SWITCHED_OFF
        assert found.words.startswith("Customer “Aisyah Rahman” is switched off in the list of")


def test_a_code_that_the_target_lists_otherwise_is_named_beside_it(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        target = connection_named(session, company, "aiaccount")
        seen = replace(told_of(100, 0), tax_codes=("nt",), names={})
        keep_snapshot(session, target, seen, person=None, now=NOW)
        make_ready(session, company, "NS-1")
        (found,) = (
            one
            for one in findings(session, company.id, NOW, "aiaccount")
            if one.words.startswith("Tax code NT")
        )
        assert "It has nt: it differs by case." in found.words
