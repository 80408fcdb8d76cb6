"""What rules say of amounts: thousands apart, in the currency of the record."""

from rules.facts import Facts, Subject
from rules.outcome_hash import Digest, hash_outcome
from tests.rules.kedai import NOW, findings, judge, judged_as_first, order, program_of, world


def test_an_amount_has_the_currency_of_its_source() -> None:
    told = [f for f in findings(order(total="4000.00")) if f.rule == "approve by accounts"]
    assert [f.message for f in told] == ["RM 4,000.00 is above 3,000.00."]


def test_older_digests_are_made_of_the_first_words() -> None:
    body = order(total="4000.00")
    now, first = judge(body), judged_as_first(body)
    told = {f.message for d in first.decisions for f in d.findings}
    assert "4000.00 is above 3000.00." in told
    assert hash_outcome(now, "", Digest.WORDED) != hash_outcome(first, "", Digest.WORDED)
    for by in (Digest.DECIDED, Digest.BARE):
        assert hash_outcome(now, "", by) == hash_outcome(first, "", by)


def test_a_record_without_trouble_reads_the_same() -> None:
    subject = Subject("order", "netshop", order(), 1)
    told = program_of().evaluate_as_first(subject, Facts(NOW), world(), NOW)
    assert told == judge(order())
