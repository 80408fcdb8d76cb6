"""Another content exists there under our number: it waits until a person says what it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.contract import Found
from holding.db.models import Event, Hold, Posting, Push, Request
from holding.db.refusal import Refusal
from holding.holds import releases, retries
from holding.holds.holds import Done
from holding.operations.invariants import CHECKS, check
from holding.posting.lone_failures import repeat_refused_lookups
from holding.reconciliation import manual_entries
from rules.outcomes import Document
from rules.values.canonical import revive
from tests.holding.life import SMALL, Life
from tests.holding.shop import line
from tests.support.books import Books, Standing, content_of
from tests.support.factories import connection_named

LARGER: dict[str, Any] = {"total": "288.00", "lines": [line(qty="3")]}


@pytest.fixture
def met(life: Life) -> Life:
    """The call for A-1 got no answer, and another content stands under its number."""
    life.books.moods = ["away"]
    life.arrive("A-1")
    life.books.shelf["A-1-1"] = Standing("sales_invoice", "typed by hand")
    wait(life)
    assert life.held("A-1") == ["TGT02"]
    assert life.books.effects == []
    return life


def wait(life: Life) -> None:
    for _ in range(4):
        life.shop.clock.advance(600)
        life.work()


def hold_of(life: Life, number: str = "A-1") -> Hold:
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, number)
        return hold


def act(life: Life, service: Any, *given: Any, who: str = "tan") -> Done | Refusal:
    wanted = hold_of(life).id
    with life.shop.database.write() as session:
        actor = life.shop.actor(who)
        made: Done | Refusal = service(
            session, actor, wanted, *given, "Seen in the books", life.shop.now
        )
    life.shop.clock.advance(60)
    life.work()
    return made


def sound(life: Life) -> list[str]:
    with life.shop.database.read() as session:
        found = check(
            session,
            life.shop.company.id,
            now=life.shop.now,
            settings=life.desk.settings,
            only=CHECKS.keys() - {"I11"},  # nobody links events here
        )
        return [one.say for one in found.breaches]


@pytest.mark.parametrize("changes", [SMALL, {"customer": "C-78"}, {"status": "cancelled"}])
def test_no_new_version_ends_it(met: Life, changes: dict[str, Any]) -> None:
    met.arrive("A-1", **changes)
    wait(met)
    assert met.held("A-1") == ["TGT02"]
    assert met.books.effects == []
    assert met.postings("A-1") == [("sales_invoice", 1, "failed", "A-1-1")]


def test_the_hold_names_what_a_person_can_do(met: Life) -> None:
    hold = hold_of(met)
    assert hold.would_pass == (
        "a person links it, skips it, or corrects it in the accounting system and checks it again"
    )
    with met.shop.database.write() as session:
        again = retries.retry(session, met.shop.actor("tan"), hold.id, met.shop.now)
    assert isinstance(again, Refusal)
    assert again.code == "retry.decide"


def test_linked_it_counts_as_posted_and_nothing_was_sent(met: Life) -> None:
    other = act(met, manual_entries.link_document, "A-1-9")
    assert isinstance(other, Refusal)
    assert other.code == "link.unknown"
    assert isinstance(act(met, manual_entries.link_document, "A-1-1"), Done)
    assert met.postings("A-1") == [("sales_invoice", 1, "posted", "A-1-1")]
    assert met.held("A-1") == []
    assert met.books.effects == []
    with met.shop.database.read() as session:
        pushes = session.scalars(select(Push).order_by(Push.no)).all()
        assert [(p.action, p.state) for p in pushes] == [
            ("create", "conflict"),
            ("create", "accepted"),
        ]
    assert sound(met) == []


def test_what_changed_in_the_source_meanwhile_follows_a_link(met: Life) -> None:
    """The books here tell nothing of what they have, so a change of it meets another content."""
    met.arrive("A-1", **SMALL)
    assert isinstance(act(met, manual_entries.link_document, "A-1-1"), Done)
    assert met.held("A-1") == ["TGT02"]
    assert hold_of(met).would_pass.startswith(
        "a person links it, or corrects it in the accounting system"
    )
    with met.shop.database.read() as session:
        posting = met.shop.posting(session, "A-1")
        assert (posting.state, posting.action) == ("posted", "update")


def test_looked_at_again_it_stays_while_the_other_stands_there(met: Life) -> None:
    assert isinstance(act(met, manual_entries.look_again), Done)
    assert met.held("A-1") == ["TGT02"]
    assert met.books.effects == []


def test_looked_at_again_it_goes_where_nothing_stands_any_more(met: Life) -> None:
    del met.books.shelf["A-1-1"]
    assert isinstance(act(met, manual_entries.look_again), Done)
    assert met.books.effects == [("create", "A-1-1")]
    assert met.shop.states() == {"A-1": "posted"}
    assert sound(met) == []


def test_looked_at_again_it_is_posted_where_it_was_put_right_by_hand(met: Life) -> None:
    with met.shop.database.read() as session:
        sent = session.scalars(select(Push)).one().content
    met.books.shelf["A-1-1"].content = content_of(revive(Document, sent))
    assert isinstance(act(met, manual_entries.look_again), Done)
    assert met.books.effects == []
    assert met.shop.states() == {"A-1": "posted"}


@pytest.mark.parametrize("way", ["look", "reject"])
def test_another_customer_hides_nothing_from_the_look(
    met: Life, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A target that knows a document by number and customer is asked by what it was sent as."""
    plain = Books.look_up

    def by_customer(books: Books, document: Any, *given: Any, **more: Any) -> Found:
        if document.party != "Aisyah Rahman":
            return Found(kind="absent", words="No document of this number and customer.")
        return plain(books, document, *given, **more)

    monkeypatch.setattr(Books, "look_up", by_customer)
    if way == "look":
        met.arrive("A-1", customer="C-78")
        act(met, manual_entries.look_again)
    else:
        act(met, releases.reject)
        assert met.shop.states() == {"A-1": "ignored"}
        met.arrive("A-1", customer="C-78")
    wait(met)
    assert met.books.effects == []
    assert met.held("A-1") == ["TGT02"]
    del met.books.shelf["A-1-1"]
    monkeypatch.setattr(Books, "look_up", plain)
    act(met, manual_entries.look_again)
    assert met.books.effects == [("create", "A-1-1")]
    assert '"Customer":"Boon & Co"' in met.books.shelf["A-1-1"].content


def test_a_change_that_met_another_content_is_linked_as_it_stands(life: Life) -> None:
    life.arrive("A-1")
    life.books.by_hand("A-1-1")
    life.arrive("A-1", **SMALL)
    assert life.held("A-1") == ["TGT02"]
    assert hold_of(life).would_pass.startswith(
        "a person links it, or corrects it in the accounting system"
    )
    assert isinstance(act(life, manual_entries.link_document, "A-1-1"), Done)
    wait(life)
    assert life.books.effects == [("create", "A-1-1")]
    assert life.held("A-1") == []
    assert life.shop.states() == {"A-1": "posted"}
    assert sound(life) == []


def test_a_change_goes_when_what_stood_there_was_put_back(life: Life) -> None:
    life.arrive("A-1")
    before = life.books.shelf["A-1-1"].content
    life.books.by_hand("A-1-1")
    life.arrive("A-1", **SMALL)
    life.books.shelf["A-1-1"].content = before
    assert isinstance(act(life, manual_entries.look_again), Done)
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    assert life.shop.states() == {"A-1": "posted"}


def test_what_was_to_be_made_void_is_made_void_by_hand_and_looked_at(life: Life) -> None:
    life.arrive("A-1")
    life.books.by_hand("A-1-1")
    life.arrive("A-1", status="cancelled")
    assert life.held("A-1") == ["TGT02"]
    assert hold_of(life).would_pass.startswith("a person corrects it in the accounting system")
    refused = act(life, manual_entries.link_document, "A-1-1")
    assert isinstance(refused, Refusal)
    assert refused.code == "hold.not_linkable"
    life.books.shelf["A-1-1"].void = True
    assert isinstance(act(life, manual_entries.look_again), Done)
    assert life.books.effects == [("create", "A-1-1")]
    assert life.shop.states() == {"A-1": "reversed"}


def test_who_may_not_decide_does_not(met: Life) -> None:
    for service, given in (
        (manual_entries.link_document, ("A-1-1",)),
        (manual_entries.look_again, ()),
    ):
        refused = act(met, service, *given, who="vera")
        assert isinstance(refused, Refusal)
        assert refused.status == 403
    with met.shop.database.write() as session:
        silent = manual_entries.look_again(
            session, met.shop.actor("tan"), hold_of(met).id, " ", met.shop.now
        )
        assert isinstance(silent, Refusal)
        assert silent.code == "reason.missing"
    assert met.held("A-1") == ["TGT02"]


def test_what_a_person_decided_is_told(met: Life) -> None:
    act(met, manual_entries.look_again)
    with met.shop.database.read() as session:
        told = session.scalars(select(Event).where(Event.act == "hold.looked_again")).one()
        assert (
            told.body["say"]
            == "Tan had A-1-1 looked up again in the accounting system: Seen in the books"
        )
        assert session.scalars(select(Posting)).one().state == "failed"


@pytest.fixture
def unseen(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """The call for A-1 got no answer, and the books show such documents to nobody."""
    nothing = Found(kind="unknown", words="No list.", key_lasts=timedelta(days=30))
    monkeypatch.setattr(Books, "look_up", lambda *_, **__: nothing)
    life.books.documents = tuple(replace(one, shown=False) for one in life.books.documents)
    life.books.moods = ["away"]
    life.arrive("A-1")
    life.shop.clock.advance(timedelta(days=29, hours=1))
    wait(life)
    assert life.held("A-1") == ["TGT10"]
    assert life.books.effects == []
    return life


def test_T10_who_sends_again_what_nobody_sees_decides_about_one_call(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tries are used up and stay so: one call more, and where that gets no answer either, the
    person is asked again. It is no new series, as with a try by hand of any other hold.
    """
    nothing = Found(kind="unknown", words="No list.", key_lasts=timedelta(days=30))
    monkeypatch.setattr(Books, "look_up", lambda *_, **__: nothing)
    life.books.documents = tuple(replace(one, shown=False) for one in life.books.documents)
    life.books.moods = many = ["away"] * 40
    life.arrive("A-1")
    for _ in range(30):
        wait(life)
    assert life.held("A-1") == ["TGT10"]
    used = 40 - len(many)
    assert used > 2
    for more in (1, 2):
        assert isinstance(act(life, manual_entries.look_again), Done)
        for _ in range(5):
            wait(life)
        assert life.held("A-1") == ["TGT10"]
        assert 40 - len(many) == used + more
    assert "Sent 1 time without a clear answer." in hold_of(life).message
    life.books.moods = []
    assert isinstance(act(life, manual_entries.look_again), Done)
    wait(life)
    assert life.books.effects == [("create", "A-1-1")]
    assert life.shop.states() == {"A-1": "posted"}
    assert sound(life) == []


@pytest.mark.parametrize("changes", [{"customer": "C-78"}, {"note": "Gift"}])
def test_what_nobody_sees_is_not_sent_for_a_new_version_when_it_was_skipped(
    unseen: Life, changes: dict[str, Any]
) -> None:
    """It may be there all the same: only who did not find it there sends it again."""
    act(unseen, releases.reject)
    assert unseen.shop.states() == {"A-1": "ignored"}
    unseen.arrive("A-1", **changes)
    wait(unseen)
    assert unseen.books.effects == []
    assert unseen.held("A-1") == ["TGT10"]
    assert isinstance(act(unseen, manual_entries.look_again), Done)
    wait(unseen)
    assert unseen.books.effects == [("create", "A-1-1")]
    assert sound(unseen) == []


@pytest.mark.slow
def test_what_nobody_sees_and_was_skipped_is_linked_after_a_new_version(unseen: Life) -> None:
    act(unseen, releases.reject)
    unseen.arrive("A-1", note="Gift")
    wait(unseen)
    assert isinstance(act(unseen, manual_entries.link_document, "A-1-1"), Done)
    assert unseen.books.effects == []
    assert unseen.shop.states() == {"A-1": "posted"}


TOO_MANY = Found(kind="unknown", words="Too many documents.", answered=True, by_person=True)


@pytest.fixture
def among_many(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """The call for A-1 got no answer, and only a person can find it among too many documents."""
    monkeypatch.setattr(Books, "look_up", lambda *_, **__: TOO_MANY)
    life.books.moods = ["away"]
    life.arrive("A-1")
    wait(life)
    assert life.held("A-1") == ["TGT10"]
    return life


def calls(life: Life) -> int:
    with life.shop.database.read() as session:
        return session.scalar(select(func.count(Request.id)).where(Request.kind == "push")) or 0


def test_what_only_a_person_finds_is_held_and_not_looked_up_without_end(among_many: Life) -> None:
    hold = hold_of(among_many)
    assert (hold.rule, hold.error_class) == ("target.not_shown", "duplicate")
    assert hold.message.endswith("Too many documents.")
    with among_many.shop.database.read() as session:
        before = session.scalar(select(func.count(Request.id)))
    for _ in range(5):
        wait(among_many)
    with among_many.shop.database.read() as session:
        assert session.scalar(select(func.count(Request.id))) == before
    assert sound(among_many) == []


def test_what_a_person_does_not_find_among_many_is_sent(among_many: Life) -> None:
    assert isinstance(act(among_many, manual_entries.look_again), Done)
    wait(among_many)
    assert among_many.books.effects == [("create", "A-1-1")]
    assert among_many.shop.states() == {"A-1": "posted"}
    assert sound(among_many) == []


def test_what_a_person_finds_among_many_is_linked(among_many: Life) -> None:
    assert isinstance(act(among_many, manual_entries.link_document, "A-1-1"), Done)
    wait(among_many)
    assert (among_many.books.effects, calls(among_many)) == ([], 1)
    assert among_many.shop.states() == {"A-1": "posted"}
    assert sound(among_many) == []


def test_a_first_send_among_many_waits_for_a_person(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection looks first; after another silence a person looks again."""
    monkeypatch.setattr(Books, "look_up", lambda *_, **__: TOO_MANY)
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        target.settings = {**target.settings, "look_first": "yes"}
    life.arrive("A-1")
    wait(life)
    assert (life.held("A-1"), calls(life)) == (["TGT10"], 0)
    assert life.told("posting.sending") == [
        "A-1-1 was looked up in aiaccount, and nothing was sent."
    ]
    life.books.moods = ["away"]
    assert isinstance(act(life, manual_entries.look_again), Done)
    wait(life)
    assert (life.held("A-1"), calls(life)) == (["TGT10"], 1)
    assert isinstance(act(life, manual_entries.look_again), Done)
    wait(life)
    assert (life.books.effects, life.held("A-1")) == ([("create", "A-1-1")], [])
    assert sound(life) == []


def test_a_change_of_a_document_among_many_is_held(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked up when a person has it retried; nothing is sent blindly."""
    life.arrive("A-1")
    with monkeypatch.context() as away:
        away.setattr(Books, "look_up", lambda *_, **__: TOO_MANY)
        life.arrive("A-1", **SMALL)
        wait(life)
        assert life.held("A-1") == ["TGT11"]
    assert life.books.effects == [("create", "A-1-1")]


def test_a_refused_look_up_is_repeated_every_day(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    def repeat() -> int:
        with life.shop.database.write() as session:
            count = repeat_refused_lookups(session, life.shop.now)
        wait(life)
        return count

    life.arrive("A-1")
    with monkeypatch.context() as away:
        away.setattr(Books, "look_up", lambda *_, **__: TOO_MANY)
        life.arrive("A-1", **SMALL)
        wait(life)
        assert (life.held("A-1"), repeat()) == (["TGT11"], 0)
        life.shop.clock.advance(24 * 3600)
        assert (repeat(), life.held("A-1")) == (1, ["TGT11"]), "it is refused again"
        assert life.books.effects == [("create", "A-1-1")]
    life.shop.clock.advance(24 * 3600)
    assert repeat() == 1
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    assert (life.held("A-1"), sound(life)) == ([], [])
