"""Rules in force that a stricter checker finds errors in: they stay in force, with their errors."""

import pytest

from holding.db.database import Database
from holding.db.models import Company, RuleFile, RulesetVersion
from holding.programs import world
from holding.rulesets.admission import RulesRefusal
from holding.rulesets.publication import push_change
from holding.rulesets.rulebook import later_findings_of_all
from rules.values.canonical import sha256_hex
from tests.holding.shop import FILES, RULES, Shop, open_shop
from tests.support.clock import SetClock

LET_THROUGH = {
    "NAM20": (
        ('accounts     "Accounts team"', 'accounts     "Accounts team"\n\nrole accounts "Again"'),
        ("status      one of paid, ", "status      one of paid, paid, "),
    ),
    "NAM22": (
        (
            "created_by  text     optional\n    total       money\n",
            "created_by  text     family\n    total       money    family\n",
        ),
    ),
    "NAM23": (("created_by  text     optional", "created_by  text     dated"),),
    "TYP04": (
        ("= total\n    else", "= total / 0\n    else"),
        ("= total\n    else", "= total and ordered_on > today - 36h\n    else"),
    ),
    "TYP06": (("sum to 0.01", "sum to 0"),),
    "DUP03": (("unique by number in", "unique by status in"),),
}
"""By what a later checker says of it, what an earlier one let through."""


def published(shop: Shop, body: str) -> int:
    """As a program of then stored it; in force."""
    now = shop.publish()
    with shop.database.write() as session:
        version = RulesetVersion(
            company_id=shop.company.id,
            no=now.no + 1,
            hash=sha256_hex(body),
            revision=now.revision,
            published_at=shop.now,
            engine="0",
        )
        session.add(version)
        session.flush()
        session.add_all(
            RuleFile(ruleset_version_id=version.id, path=path, sha256="0" * 64, body=text)
            for path, text in {**FILES, "shop.rules": body}.items()
        )
        company = session.get_one(Company, shop.company.id)
        company.ruleset_version_id = version.id
        return version.id


def test_T39b_rules_that_were_just_published_have_no_errors(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    with database.read() as session:
        assert later_findings_of_all(session) == {}
    shop.publish()
    with database.read() as session:
        (found,) = later_findings_of_all(session).values()
        assert (found.no, found.errors) == (1, ())


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [(code, *change) for code, changes in LET_THROUGH.items() for change in changes],
)
def test_T39c_rules_in_force_list_what_a_stricter_checker_finds_and_go_on(
    database: Database, company: Company, clock: SetClock, code: str, old: str, new: str
) -> None:
    shop = open_shop(database, company, clock)
    assert RULES.count(old) == 1
    stricter = RULES.replace(old, new)
    version = published(shop, stricter)
    with database.read() as session:
        ((of, found),) = later_findings_of_all(session).items()
        assert of == company.code
        assert [(one.code, one.severity) for one in found.errors] == [(code, "error")]
        assert found.errors[0].place.startswith("shop.rules:")
        assert world.program(session, version).hash == sha256_hex(stricter)
    with database.write() as session:
        files = {**FILES, "shop.rules": stricter}
        refused = push_change(session, company.id, shop.actor("chan"), files, "Again", shop.now)
        assert isinstance(refused, RulesRefusal)
