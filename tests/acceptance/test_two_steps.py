"""A target that says "submitted" first, and much later what became of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.parts import state
from tests.acceptance.product import ADMIN, FINANCE, Product, free_environment, item, order
from tests.acceptance.quiet import BASE, ask_target, record, rows, work
from tests.acceptance.relay import Relayed, opened_relay

pytestmark = pytest.mark.slow
KILLED, AWAITED = -9, "Awaiting confirmation"


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relayed]:
    folder = tmp_path_factory.mktemp("relayed")
    slow = {"CLEARPOST_SETTLE_SECONDS": "30", "CLEARPOST_LEASE_SECONDS": "30"}
    product = Product(command, folder, {**free_environment(), **slow})
    with opened_relay(product) as made:
        yield made


def test_E30_an_answer_in_two_steps_is_asked_for_to_its_end(house: Relayed) -> None:
    house.order(order(1))
    work(house)
    assert (house.state(1), house.sent(1), house.made(1)) == ("awaiting", 1, [])
    assert state(house.page(1)) == AWAITED
    _over_restarts(house)
    house.works_there(91)
    house.turn()
    assert (house.state(1), len(house.made(1))) == ("awaiting", 1), "it is looked at first"
    house.works_there(91)
    house.turn()
    page = house.page(1)
    assert (house.state(1), state(page)) == ("posted", "Posted")
    (stands,) = house.made(1)
    assert stands["DocNo"] == "NS-1"
    assert f"reference {stands['Id']}" in page.text
    assert (house.sent(1), _never_retried(house, 1)) == (1, True)
    _failed_ends_as_its_message(house)
    _lost_on_the_way(house)
    _changed_by_hand(house)
    _answered_as_the_vendor_shows_it(house)
    _typed_by_hand(house)


def _over_restarts(house: Relayed) -> None:
    """Every turn is a new worker; one dies with the answer of a poll in its hands."""
    for env, code in ((None, 0), ({"CLEARPOST_FAULTS": "lookup.after=kill"}, KILLED), (None, 0)):
        house.turn(code=code, env=env)
        assert (house.state(1), house.made(1)) == ("awaiting", [])
        page = house.page(1)
        assert (state(page), "retrying" in page.text) == (AWAITED, False)
    polls = rows(house, "SELECT count(*) FROM request WHERE kind = 'poll'")[0][0]
    assert polls >= 2


def _failed_ends_as_its_message(house: Relayed) -> None:
    """An unknown debtor is a mapping that is missing, a locked date a closed period."""
    house.order(order(2, customer={"id": "C-999", "name": "Kedai Baru"}))
    house.turn()  # later, for the calls of a minute are counted
    ask_target(house, "faults", fault="closed_period")
    house.order(order(3))
    house.turn()  # later, for the calls of a minute are counted
    assert (house.state(2), house.state(3)) == ("awaiting", "awaiting")
    for _ in range(4):
        house.works_there(200)
        house.turn()
    held = "SELECT hold.class FROM hold WHERE number = ? AND hold.state = 'open'"
    for number, word, said in (
        (2, "mapping_missing", "Debtor 300-X999 not exists"),
        (3, "period_locked", "is locked, you can unlock it from Tools"),
    ):
        assert house.state(number) == "failed"
        assert rows(house, held, f"NS-{number}") == [(word,)]
        page = house.page(number)
        assert state(page) == "Failed"
        listed = house.visitor(FINANCE).get(f"{BASE}/holding?view=all&q=NS-{number}")
        assert said in page.text + listed
        assert (house.made(number), house.sent(number)) == ([], 1)
        assert _never_retried(house, number)


def _lost_on_the_way(house: Relayed) -> None:
    """No answer to the submit: it is looked for, and nothing is sent a second time."""
    ask_target(house, "faults", fault="timeout_after")
    house.order(order(4))
    house.turn()  # later, for the calls of a minute are counted
    assert (house.state(4), house.sent(4)) == ("uncertain", 1)
    for _ in range(6):
        house.works_there(200)
        house.turn()
    assert (house.state(4), house.sent(4), len(house.made(4))) == ("posted", 1, 1)
    looks = "SELECT count(*) FROM request WHERE kind = 'lookup'"
    assert rows(house, looks)[0][0] >= 1


def _changed_by_hand(house: Relayed) -> None:
    """Read again in the same queue; what somebody changed on the desktop is held."""
    _read_a_day_later(house)
    assert "It exists there as it was sent" in record(house.visitor(FINANCE), 1, "trace").text
    ask_target(house, "by_hand", number="NS-1", NetTotal="90.00")
    _read_a_day_later(house)
    page = record(house.visitor(FINANCE), 1)
    told = "NS-1 was changed in the accounting system: NetTotal 11.00 is 90.00 there"
    assert told in page.text, page.text
    assert "was changed in the accounting system" not in record(house.visitor(FINANCE), 4).text
    assert (house.sent(1), house.sent(4)) == (1, 1)


def _answered_as_the_vendor_shows_it(house: Relayed) -> None:
    """An id and a name at first, where it stands and what came of it by calls of their own."""
    ask_target(house, "book", apart=True)
    house.order(order(5))
    for _ in range(6):
        house.works_there(200)
        house.turn(400)
    assert (house.state(5), house.sent(5), len(house.made(5))) == ("posted", 1, 1)
    assert _never_retried(house, 5)


def _typed_by_hand(house: Relayed) -> None:
    """Where somebody wants it, the books are looked through first, by a ticket of the same queue:
    one look for each invoice, however many workers come by.
    """
    house.works_there(2 * 3600)  # it is behind by now, and its tokens would be over here
    product = house.product
    wish = ("--set", "look_first=yes")
    product.run("connection", "set", "autocount_aotg", *COMPANY, "--as", ADMIN, *wish)
    product.run("connection", "test", "autocount_aotg", *COMPANY, "--as", ADMIN)
    day = order(6)["ordered_at"][:10]
    typed = {"DebtorCode": "300-W001", "DocDate": f"{day[8:]}-{day[5:7]}-{day[:4]}"}
    ask_target(house, "by_hand", number="I-000123", NetTotal="11.00", **typed)
    house.order(order(6))
    house.turn(400)
    house.turn(400)
    assert (house.state(6), house.sent(6), _looks(house)) == ("ready", 0, 1)
    for _ in range(3):
        house.works_there(200)
        house.turn(400)
    held = rows(house, "SELECT code, message FROM hold WHERE number = 'NS-6' AND closed_at IS NULL")
    assert [code for code, _ in held] == ["TGT05"]
    assert "already has I-000123 for 300-W001 over RM 11.00" in held[0][1]
    assert (house.sent(6), house.made(6), _looks(house)) == (0, [], 1)
    ask_target(house, "by_hand", number="I-000123", NetTotal="12.00")
    house.order(order(7, items=[item(1, price="20.00")]))
    for _ in range(8):
        house.works_there(200)
        house.turn(400)
    assert (house.state(7), house.sent(7), len(house.made(7))) == ("posted", 1, 1)
    assert _never_retried(house, 7)


def _looks(house: Relayed) -> int:
    """How often the books were asked for a list before a send."""
    return int(rows(house, "SELECT count(*) FROM request WHERE key LIKE 'before %'")[0][0])


def _read_a_day_later(house: Relayed) -> None:
    house.works_there(26 * 3600)  # else the token that it gives would be over here
    house.turn(26 * 3600)
    for _ in range(4):
        house.works_there(200)
        house.turn(400)


def _never_retried(house: Relayed, number: int) -> bool:
    """It went from sending to awaiting, and from there to its end; no try came after another."""
    acts = rows(
        house,
        "SELECT event.act FROM event JOIN posting ON posting.id = event.posting_id"
        " WHERE posting.number = ? ORDER BY event.id",
        f"NS-{number}",
    )
    told = [act for (act,) in acts]
    assert told.count("posting.awaiting") == 1, told
    return told.count("posting.sending") == 1 and "posting.later" not in told
