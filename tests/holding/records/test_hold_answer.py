"""Question 7: what held a record, and which change let it go: who, when and why."""

from collections.abc import Sequence
from datetime import date

import pytest

from holding.mappings import fixes
from holding.records import trace
from rules.decisions.judge_record import EvaluationInput
from rules.program import Program
from tests.holding.life import SMALL, Begun, Life
from tests.holding.records.test_duplicate_answer import two_ways
from tests.holding.shop import FILES
from tests.holding.trials.test_fixed_codes import lists


@pytest.fixture
def life(begun: Begun) -> Life:
    return begun(FILES | {"shop.rules": two_ways()})


def seventh(life: Life) -> str:
    with life.shop.database.read() as session:
        return trace.answer_questions(session, life.shop.record(session, "A-1").id)[6].text


def fix(life: Life, table: str, key: str, value: str, reason: str) -> None:
    """An hour goes by, Farah sets an entry, and another hour until it is judged again."""
    shop = life.shop
    shop.clock.advance(3600)
    with shop.database.write() as session:
        done = fixes.fix(session, shop.actor("farah"), table, key, value, reason, shop.now, 99)
        assert isinstance(done, fixes.Fixed), done
    shop.clock.advance(3600)
    life.work()


def test_T26c_an_entry_that_cleared_a_check_names_who_when_and_why(life: Life) -> None:
    life.arrive("A-1", tin="IG1")
    fix(life, "debtor", "C-77", "Boon & Co", "it is one company")
    assert seventh(life) == (
        "Yes: Rule not met (one debtor by TIN), opened 2026-11-20 09:01, owner Sales"
        " administration, cleared 2026-11-20 11:01 by Farah: mapped debtor: C-77 2026-11-20 10:01"
        " (revision 2), it is one company."
    )


def test_T26c_a_missing_entry_tells_when_it_was_set_and_when_it_counted(life: Life) -> None:
    life.arrive("A-1", customer="C-99")
    fix(life, "debtor", "C-99", "Chong", "a new buyer")
    fix(life, "debtor", "C-99", "Chong & Sons", "it was misspelt")
    assert seventh(life) == (
        "Yes: Mapping missing (debtor), opened 2026-11-20 09:01, owner Sales administration,"
        " cleared 2026-11-20 11:01 by Farah: mapped debtor: C-99 2026-11-20 10:01 (revision 2),"
        " a new buyer."
    )


def test_T26c_an_entry_that_counts_with_the_next_version_is_what_cleared_it(life: Life) -> None:
    """Both came before it was judged again: of a missing entry the entry is what counted."""
    life.arrive("A-1", customer="C-99")
    shop = life.shop
    with shop.database.write() as session:
        fixes.fix(session, shop.actor("farah"), "debtor", "C-99", "Chong", "a buyer", shop.now, 99)
    life.arrive("A-1", customer="C-99", **SMALL)
    assert "by Farah: mapped debtor: C-99 2026-11-20 09:01 (revision 2), a buyer." in seventh(life)


def test_T26c_an_entry_of_another_record_is_not_named(life: Life) -> None:
    """Rules that change clear it; the entry between was looked at by nobody here."""
    life.arrive("A-1", total="190.00")
    with life.shop.database.write() as session:
        shop = life.shop
        fixes.fix(session, shop.actor("farah"), "debtor", "C-78", "Boon", "short", shop.now, 99)
    life.shop.clock.advance(3600)
    text = two_ways().replace("require  sum(lines.amount) = total", "require  total > 0.00")
    life.shop.publish(FILES | {"shop.rules": text})
    life.work()
    rules = "by Pua: published change 2: Rules 2026-11-20 10:01 (revision 3)"
    assert f"cleared 2026-11-20 10:01 {rules}" in seventh(life)


def test_T26c_a_new_version_that_no_longer_has_it_is_no_change_of_entries(life: Life) -> None:
    life.arrive("A-1", total="190.00")
    with life.shop.database.write() as session:
        shop = life.shop
        fixes.fix(session, shop.actor("farah"), "debtor", "C-77", "A. R.", "short", shop.now, 99)
    life.arrive("A-1")
    assert seventh(life).endswith("cleared 2026-11-20 09:02: version 2 no longer has it.")


def test_an_entry_that_counts_from_a_day_is_named_as_what_cleared_it(life: Life) -> None:
    shop = life.shop
    life.arrive("A-1", customer="C-99")
    with shop.database.write() as session:
        farah, since = shop.actor("farah"), date(2026, 11, 1)
        done = fixes.fix(
            session, farah, "debtor", "C-99", "Chong", "a new buyer", shop.now, 99, since=since
        )
        assert isinstance(done, fixes.Fixed), done
    shop.clock.advance(3600)
    life.work()
    assert "cleared 2026-11-20 10:01 by Farah: mapped debtor: C-99" in seventh(life)


ACCOUNTS = ("50000",)


def test_a_code_that_was_added_names_the_list_and_when_it_was_read(life: Life) -> None:
    lists(life, accounts=ACCOUNTS, currencies=("MYR",))
    life.arrive("A-1")
    life.shop.clock.advance(3600)
    lists(life, accounts=("40000", *ACCOUNTS), currencies=("MYR",))
    life.shop.clock.advance(3600)
    life.work()
    assert seventh(life).endswith(
        ", cleared 2026-11-20 11:01: account 40000 is in the account list of aiaccount,"
        " read 2026-11-20 10:01 (revision 3)."
    )


def test_a_list_that_was_read_and_still_lacks_the_code_is_not_named(life: Life) -> None:
    lists(life, accounts=ACCOUNTS, currencies=("MYR",))
    life.arrive("A-1")
    life.shop.clock.advance(3600)
    lists(life, accounts=("60000", *ACCOUNTS), currencies=("MYR",))
    rules = two_ways().replace('= "40000"', '= "50000"')
    assert rules != two_ways()
    life.shop.publish(FILES | {"shop.rules": rules})
    life.work()
    assert "by Pua: published " in seventh(life)
    assert "read 2026" not in seventh(life)


def test_a_refused_code_names_the_lists_that_changed(life: Life) -> None:
    known = {"accounts": ("40000",), "tax_codes": ("NT",), "currencies": ("MYR",)}
    lists(life, **known)
    life.books.moods += ["unlisted"]
    life.arrive("A-1")
    life.shop.clock.advance(3600)
    lists(life, **(known | {"tax_codes": ("NT", "SR")}))
    life.work()
    assert "the tax code list of aiaccount changed, read 2026-11-20 10:01" in seventh(life)


def test_the_owner_is_called_as_the_rules_of_that_very_moment_called_it(life: Life) -> None:
    """A publish and the hold that it clears have one moment where no clock ticks between."""
    shop = life.shop
    life.arrive("A-1", total="190.00")

    def publish(title: str, rule: str) -> None:
        text = two_ways().replace('"Accounts team"', f'"{title}"')
        shop.publish(FILES | {"shop.rules": text.replace(*(CHECK, f"require  {rule}"))})
        life.work()

    publish("Ledger team", "total > 0.00")
    shop.clock.advance(3600)
    publish("Books team", "total > 1.00")
    assert "owner Ledger team" in seventh(life)


def test_what_could_not_be_judged_at_all_names_no_change_as_what_cleared_it(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules came into force meanwhile, and whether it was them nobody knows."""

    def fail(_: Program, asked: Sequence[EvaluationInput]) -> list[Exception]:
        return [ArithmeticError("no") for _ in asked]

    with monkeypatch.context() as broken:
        broken.setattr(Program, "decisions", fail)
        life.arrive("A-1")
    life.shop.clock.advance(3600)
    life.shop.publish(FILES | {"shop.rules": two_ways().replace('"Accounts team"', '"Books"')})
    life.work()
    told = seventh(life)
    assert "cleared 2026-11-20 10:01: " in told
    assert "Pua" not in told


CHECK = "require  sum(lines.amount) = total"
