"""The seven answers of a record, each with its proofs."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.approvals import approve
from holding.db.database import Database
from holding.db.models import Company, Push, Record, RuleFile, RulesetVersion
from holding.records import trace
from holding.records.seven_answers import Answer
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.holding.traced import posted_shop
from tests.support.clock import SetClock
from tests.support.databases import unlock

LATER = "2026-11-19T00:12:00Z"


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
def posted(shop: Shop) -> Shop:
    return posted_shop(shop)


def seven(shop: Shop, number: str) -> tuple[Answer, ...]:
    with shop.database.read() as session:
        return trace.answer_questions(session, shop.record(session, number).id)


def proofs(answer: Answer) -> dict[str, str]:
    return {proof.kind: proof.label for proof in answer.proofs}


def first_hash(shop: Shop) -> str:
    with shop.database.read() as session:
        return shop.posting(session, "NS-1").hash


def test_the_seven_answers_of_a_posted_order(posted: Shop) -> None:
    hash_ = first_hash(posted)
    with posted.database.read() as session:
        version = session.scalars(select(RulesetVersion)).one()
    told = seven(posted, "NS-1")
    assert {answer.question: answer.text for answer in told} == {
        "What was its status before posting?": "paid, version 1, source time 2026-11-18 14:30.",
        "Who approved it?": f"Lim, 2026-11-20 11:31, content hash {hash_[:12]}."
        " In the source: Siti (its version 1).",
        "Which fields were mapped to aiaccount?": (
            "15 of 15 fields: 4 through mapping tables, 3 constants."
        ),
        "Did the units of measure and item set-up match?": "Yes: line 1: 2 CTN × 40 = 80 PCS.",
        "Was it changed after posting?": "No. Version 1 is the latest version.",
        "Was a duplicate check in force?": f"Yes, in rule version 1 (hash {version.hash[:12]}),"
        " unique by number in history: shop.rules:73 said pass, compared number = NS-1."
        " Party matching: debtor(“C-99”) = Chong, trimmed, any case match. Identity (one id has one"
        " number, and one number one id; always in force) said pass.",
        "Was it put on hold?": "Yes: Mapping missing (debtor), opened 2026-11-20 09:00,"
        " owner Sales administration, cleared 2026-11-20 11:00 by Farah: mapped debtor: C-99"
        " 2026-11-20 11:00 (revision 2), a new buyer; Approval needed (approve by accounts),"
        " opened 2026-11-20 11:00, owner Accounts team, approved 2026-11-20 11:31 by Lim: checked.",
    }
    assert [answer.no for answer in told] == [1, 2, 3, 4, 5, 6, 7]
    assert {answer.tone for answer in told} == {"good"}


def test_each_answer_has_its_proofs(posted: Shop) -> None:
    told = {answer.no: proofs(answer) for answer in seven(posted, "NS-1")}
    assert told[1]["version"] == "version 1"
    assert told[1]["rule"] == "ready   paid"
    assert told[2]["content"] == f"content hash {first_hash(posted)}"
    assert told[2]["request"] == f"request hash {'ab' * 32}"
    assert told[4]["entry"].startswith("units(“CTN|TEA-1”) = 40 PCS")
    rules = [proof.label for proof in seven(posted, "NS-1")[5].proofs if proof.is_rule]
    assert rules == ["unique by number in history", "map debtor"]
    assert told[6]["ruleset"].startswith("hash ")
    assert told[7]["hold"].startswith("hold ")


def test_a_sent_value_that_nothing_explains_is_counted(posted: Shop) -> None:
    with posted.database.write() as session:
        unlock(session)
        push = session.scalars(select(Push).order_by(Push.id.desc()).limit(1)).one()
        fields = push.content["fields"]
        first = next(iter(fields))
        push.content = {**push.content, "fields": {**fields, first: "something else"}}
    answer = seven(posted, "NS-1")[2]
    assert answer.text.startswith("14 of 15 fields: ")
    assert answer.tone == "bad"


def test_the_trace_calls_states_as_pages_do(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.receive(order("NS-2", customer="C-99"))
    shop.judge()
    found = select(Record.id)
    with shop.database.read() as session:
        said = [
            step.say
            for number in ("NS-1", "NS-2")
            for step in trace.timeline(
                session, session.scalars(found.where(Record.number == number)).one()
            )
            if step.kind == "evaluation"
        ]
    told = [one.partition(": ")[2] for one in said]
    assert told[0] == "the result for AiAccount sales invoice is Ready to post."
    assert told[1].startswith("the result for AiAccount sales invoice is On hold (")


def test_what_the_source_does_not_give_is_not_recorded(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.judge()
    told = seven(shop, "NS-1")
    assert told[1].text.endswith("In the source: not recorded.")
    assert sum("not recorded" in answer.text for answer in told) == 1


def test_no_approval_names_the_rule_that_asks_for_none(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.judge()
    answer = seven(shop, "NS-1")[1]
    assert answer.text.startswith("No approval required by shop.rules:78.")
    assert proofs(answer)["rule"] == "when     total > 1000.00"


def test_without_any_approve_rule_the_route_is_named(shop: Shop) -> None:
    cut = RULES.index("approve order"), RULES.index("post order")
    shop.publish({**FILES, "shop.rules": RULES[: cut[0]] + RULES[cut[1] :]})
    shop.receive(order("NS-1"))
    shop.judge()
    answer = seven(shop, "NS-1")[1]
    assert answer.text.startswith("No approval required by shop.rules:77.")
    assert proofs(answer)["rule"].startswith("post order to aiaccount.sales_invoice")


def test_an_approval_that_fell_is_told(posted: Shop) -> None:
    posted.receive(order("NS-2", total="1920.00", lines=[line(price="960.00")]))
    posted.judge()
    with posted.database.write() as session:
        posting = posted.posting(session, "NS-2")
        approve.approve(session, posted.actor("lim"), [posting.id], "checked", posted.now)
    posted.clock.advance(60)
    more = [line(price="970.00")]
    posted.receive(order("NS-2", total="1940.00", lines=more, updated_at=LATER))
    posted.judge()
    answer = seven(posted, "NS-2")[1]
    told = "Not approved yet. Approval is required: shop.rules:78. The approval by Lim"
    assert answer.text.startswith(told)
    assert (
        "is void since 2026-11-20 11:32: changed Total, line 1 LineTotal, line 1 UnitPrice."
        in answer.text
    )


def test_before_nothing_is_missing_nobody_is_asked(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", customer="C-99"))
    shop.judge()
    answer = seven(shop, "NS-1")[1]
    told = "Not decided yet: shop.rules:77 is checked when nothing is missing."
    assert answer.text.startswith(told)
    assert answer.tone == "plain"


def test_a_missing_item_is_said(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(sku="AB-1", uom="PCS")]))
    shop.judge()
    answer = seven(shop, "NS-1")[3]
    assert (answer.text, answer.tone) == ("No: line 1: SKU AB-1 is not an item.", "bad")


def test_a_missing_unit_is_said(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(uom="TIN")]))
    shop.judge()
    answer = seven(shop, "NS-1")[3]
    assert (answer.tone, answer.text.startswith("No: line 1:")) == ("bad", True)


def test_a_change_after_sync_names_the_fields(posted: Shop) -> None:
    posted.clock.advance(timedelta(days=1))
    body = order("NS-1", customer="C-99", total="2880.00", updated_at=LATER)
    posted.receive(body | {"lines": [line(price="960.00", qty="3")]})
    posted.judge()
    told = seven(posted, "NS-1")
    assert told[0].text == "paid, version 1, source time 2026-11-18 14:30."
    assert told[4].tone == "bad"
    assert told[4].text == (
        "Yes, since version 1 was sent: version 2 at 2026-11-21 11:31 from netshop:"
        " approved by: Siti → nothing,"
        " approved version: 1 → nothing, line 1 quantity: 2 → 3, total: 1920.00 → 2880.00."
    )
    assert "Changed after posting" in proofs(told[4])["hold"]
    assert "Changed after posting (billed), opened" in told[6].text


def test_no_duplicate_rule_is_an_answer(shop: Shop) -> None:
    """The checker asks for one today; a version from before that may have none."""
    cut = RULES.index("duplicates of"), RULES.index("approve order")
    version = shop.publish()
    with shop.database.write() as session:
        old = RulesetVersion(
            company_id=shop.company.id,
            no=2,
            hash="0" * 64,
            revision=version.revision,
            published_at=shop.now,
            engine="0",
        )
        session.add(old)
        session.flush()
        body = RULES[: cut[0]] + RULES[cut[1] :]
        session.add(
            RuleFile(ruleset_version_id=old.id, path="shop.rules", sha256="0" * 64, body=body)
        )
        session.get_one(Company, shop.company.id).ruleset_version_id = old.id
    shop.receive(order("NS-1"))
    shop.judge()
    answer = seven(shop, "NS-1")[5]
    assert answer.tone == "bad"
    assert answer.text.startswith("None: rule version 2 (hash ")


def test_a_number_that_is_unique_in_the_target_is_named_as_that(shop: Shop) -> None:
    rule = "    unique by number in history\n"
    assert rule in RULES
    more = f"{rule}    unique by document_number in target\n"
    shop.publish({**FILES, "shop.rules": RULES.replace(rule, more, 1)})
    shop.receive(order("NS-1"))
    shop.judge()
    told = seven(shop, "NS-1")[5].text
    assert "; document number in target" in told
    assert "in number in target" not in told


def test_the_rules_of_then_answer_not_those_of_today(posted: Shop) -> None:
    before = seven(posted, "NS-1")
    posted.publish({**FILES, "shop.rules": RULES.replace("> 1000.00", "> 9000.00")})
    posted.judge()
    assert seven(posted, "NS-1") == before


def test_what_was_never_held_was_not_caught(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.judge()
    answer = seven(shop, "NS-1")[6]
    assert (answer.text, answer.tone) == ("No. It was never put on hold.", "bad")


def test_holds_of_which_the_same_is_said_are_named_once_with_their_count(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(sku="NOT-1"), line(pos=2, sku="NOT-2")]))
    shop.judge()
    answer = seven(shop, "NS-1")[6]
    assert answer.text.count("Mapping missing (item)") == 1
    assert "still open (2 holds)" in answer.text
    assert len(answer.proofs) == len({proof.id for proof in answer.proofs}) >= 2


def test_a_record_that_was_not_judged_has_seven_answers_too(shop: Shop) -> None:
    shop.receive(order("NS-1"))
    told = seven(shop, "NS-1")
    assert len(told) == 7
    assert told[0].text == "It was not checked yet."
    with shop.database.read() as session:
        assert trace.answer_questions(session, 10**6) == ()
