"""F23 and F24: many press one button, and a key is exchanged in the middle of a run."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select

from holding.access.actors import SYSTEM, load_keys
from holding.connections import connections
from holding.db.models import Approval, Base, Connection, Event, Posting
from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from tests.faults.amounts import Done, amount
from tests.faults.web import approve, at_once, portal_of, token_of
from tests.faults.yard import APPROVED, APPROVER, hire, nothing_wrong
from tests.support.house import OUTPUT, House
from tests.support.simulator import DEMO_KEY

RACES, PRESSES, ROTATIONS = amount(2, 20, 500), 50, amount(2, 10, 100)
SECOND, NAMES = "siti@example.test", ("Lim", "Siti")


def test_f23_fifty_press_the_button_at_once(
    house_of: Callable[..., House], done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two approvers, each with many tabs: one of them decides, all others are told who it was."""
    house = house_of(rules=APPROVED)
    for email in (APPROVER, SECOND):
        hire(house, email, "approver", team="accounts")
    app = portal_of(house, monkeypatch)
    sent = house.orders(RACES)
    with house.working("--no-redis"):
        house.wait_for({"held": RACES}, seconds=60)
    with house.database.read() as session:
        held = session.execute(select(Posting.id, Posting.hash).order_by(Posting.id)).all()
    for key, hash_ in held:
        tabs = [token_of(house, email) for email in (APPROVER, SECOND)]
        said = at_once(lambda no: approve(app, tabs[no % 2], key, hash_), PRESSES)  # noqa: B023
        assert Counter(answer.status_code for answer in said) == {200: 1, 409: PRESSES - 1}
        won = next(no for no, answer in enumerate(said) if answer.status_code == 200)
        told = {answer.get_json().get("todo") for no, answer in enumerate(said) if no != won}
        assert {word.partition(" ")[2] for word in told} == {
            f"is ready to post meanwhile: {NAMES[won % 2]} approved it"
        }
        done.faults += 1
    with house.database.read() as session:
        assert session.scalar(select(func.count(Approval.id))) == RACES
    house.drain({"posted": RACES}, seconds=60)
    nothing_wrong(house, sent, done)


def test_f24_another_key_in_the_middle(house: House, done: Done, tmp_path: Path) -> None:
    """The old key stops working while documents go out, for good: they wait, and go on with the new
    one. No key stands in anything that a worker said, nor in what is stored.
    """
    keys, sent, output = [DEMO_KEY], list[str](), tmp_path / "output.txt"
    with house.working(**{OUTPUT: str(output)}):  # it says that there is no Redis
        for no in range(ROTATIONS):
            sent += house.orders(3)
            keys.append(f"aia_live_new_{no}_5Hs7")
            house.target.control("issue", key=keys[-1])
            house.target.control("pause", key=keys[-2], status="disabled")
            sent += house.orders(3)
            house.wait_until(lambda _, closed=no + 1: _refusals(house) >= closed)  # type: ignore[misc]
            _set_key(house, keys[-1])
            done.faults += 1
            house.wait_for({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)
    said = output.read_text()
    assert "No REDIS_URL" in said
    stored = list(_stored(house))
    for key in keys:
        assert key not in said
        assert not [where for where, what in stored if key in what]


def _refusals(house: House) -> int:
    """How often it was noticed that the target does not take our key."""
    query = select(func.count(Event.id)).where(Event.act == "connection.refused")
    with house.database.read() as session:
        return session.scalar(query) or 0


def _set_key(house: House, key: str) -> None:
    keys = load_keys(Settings.from_env(house.environment))
    assert not isinstance(keys, Refusal)
    with house.database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        connections.set_key(session, SYSTEM, target.id, key, now=datetime.now(UTC), keys=keys)


def _stored(house: House) -> Iterator[tuple[str, str]]:
    """Every row, as the program reads it, and every file of the house as it lies there."""
    with house.database.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                yield table.name, repr(row)
    files = [path for path in house.home.rglob("*") if path.is_file()]
    if house.database.dialect == "sqlite":
        file = Path(make_url(house.database.url).database or "")
        files += file.parent.glob(f"{file.name}*")
    for path in files:
        yield str(path), path.read_bytes().decode("latin-1")
