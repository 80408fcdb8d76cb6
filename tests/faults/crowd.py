"""A company whose people do all that they may, in any order, while workers die and answers fail.

Here: its rules at a target that changes and voids documents, its people, and each act of theirs as
one call of the portal. Not here: the histories (test_f22_crowds.py).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from holding.access import deputies
from holding.access.actors import Actor, actor_of
from holding.access.people import add_to_team
from holding.approvals import approve
from holding.db.database import Database
from holding.db.models import (
    Company,
    Connection,
    Deputy,
    Hold,
    Operation,
    Person,
    Posting,
    Push,
    Record,
    RulesetVersion,
    Version,
)
from holding.db.refusal import Refusal
from holding.holds import assignments, releases, retries, undo
from holding.mappings import fixes
from holding.reconciliation import manual_entries
from holding.rulesets import publication, start_time
from holding.runs import date_ranges, range_preview
from sandbox.simulators.autocount.api import Api
from sandbox.simulators.autocount.books import Books, default_books, default_keys
from tests.faults.abroad import ELSEWHERE
from tests.faults.target import Unsynced, Wire
from tests.faults.tasks import Points
from tests.faults.test_f19_versions import HOST, VOIDED
from tests.faults.town import APPROVE, LIMIT, WAITING, Template, Town, copied, template
from tests.faults.undo_watch import UndoWatch
from tests.support.factories import make_person
from tests.support.house import furnish

CODE: Final = "autocount"
UNDO_SECONDS: Final = 90
DEBTORS: Final = ("300-W001", "300-K210")
RULES: Final = (
    VOIDED.replace('DebtorCode    = "300-W001"', "DebtorCode    = debtor(customer_name)")
    + APPROVE.replace("aiaccount.sales_invoice", "autocount.invoice")
    + """
map debtor
    match    exact
    "Aisyah Rahman"  -> "300-W001"
    missing  hold for accounts  say "No debtor for {key}."

check not_small on order
    require  total > 50.00
    else     hold for accounts
    say      "{total} is small."
    clears   by accounts
"""
)
OTHER_RULES: Final = RULES.replace(f"{LIMIT}.00", "300.00").replace(
    "| billed    | update             |", "| billed    | review by accounts |"
)
PEOPLE: Final = {
    "lim": ("approver",),
    "siti": ("approver",),
    "ella": ("viewer",),
    "farah": ("finance", "approver"),
    "adam": ("admin", "operator"),
}
RECENT: Final = 6  # so many of the last forms are what somebody thinks of undoing
DELEGATED: Final = timedelta(minutes=4)
Do = Callable[[Session, Actor, str], object]


@cache
def crowd_template() -> Template:
    """The company with its people and two versions of its rules, of which the first is in force
    again. Made once a process.
    """
    made = template()
    file = made.file.parent / "crowd.sqlite3"
    file.write_bytes(made.file.read_bytes())
    database = Database(f"sqlite:///{file}", durable=False)
    _, secret, given = ELSEWHERE["autocount"]
    target: Any = SimpleNamespace(url=f"https://{HOST}")
    with database.write() as session:
        key = furnish(
            session,
            made.environment,
            target,
            rules=RULES,
            given=given,
            code=CODE,
            connector="autocount",
            secret=secret,
        )
        _hire(session, key)
        _other_rules(session, key)
        adam = _named(session, "adam@crowd.example.test")
        admin = replace(adam, company_id=key, roles=frozenset(PEOPLE["adam"]))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return replace(made, file=file, company_id=key, admin=admin)


def _hire(session: Session, company_id: int) -> None:
    company = session.get_one(Company, company_id)
    for name, roles in PEOPLE.items():
        person = make_person(session, company, f"{name}@crowd.example.test", *roles)
        if name != "adam":
            add_to_team(session, company_id=company_id, name="accounts", person_id=person.id)


def _other_rules(session: Session, company_id: int) -> None:
    """The other version comes into force, and then the first again."""
    writer, publisher = (
        replace(_named(session, f"{role}@{CODE}.example.test"), company_id=company_id,
                roles=frozenset({role}))
        for role in ("consultant", "publisher")
    )  # fmt: skip
    in_force = session.get_one(Company, company_id).ruleset_version_id
    now = session.get_one(RulesetVersion, in_force).published_at
    files = {"shop.rules": OTHER_RULES}
    change = publication.push_change(session, company_id, writer, files, "Other", now)
    assert not isinstance(change, Refusal), change
    done = publication.publish_change(session, change, publisher, now)
    assert not isinstance(done, Refusal), done
    back = start_time.go_back(session, 1, publisher, now, from_no=2, reason="as it was")
    assert not isinstance(back, Refusal), back


def _named(session: Session, email: str) -> Actor:
    person = session.scalars(select(Person).where(Person.email == email)).one()
    return Actor(person.id, person.name, person.email, None, frozenset())


class Watched(Points):
    """Each call that is written down is looked at there and then."""

    def __init__(self, place: "Crowd") -> None:
        super().__init__()
        self._place = place

    def reach(self, name: str) -> None:
        if name == "push.after_intent":
            with self._place.database.read() as session:
                self._place.undos.written(session)
        super().reach(name)


class Crowd(Town):
    """The company, its target, its workers, and everybody who does something."""

    secret = ELSEWHERE["autocount"][1]

    def __init__(self, database: Any, folder: Path, *, made: Template) -> None:
        super().__init__(database, folder, dedupe="nothing", made=made)
        there = folder / "autocount"
        books = Books(
            books=default_books(locked_through=None),
            keys=default_keys(),
            existing="refuse",
            withhold=0,
            seed=0,
        )
        api = Api(books, Unsynced(there / "ledger.jsonl"), self.clock, hang=0, a_minute=10**6)
        self.wire = self.wires[HOST] = Wire(there, self.clock, "nothing", truth=api)
        self.undos = UndoWatch(self.clock, self.failures)
        self.points = Watched(self)
        self.forms: list[tuple[str, str]] = []
        self.told: list[str] = []
        self._no = count(1)
        self._turns = count(1)

    def act(self, who: str, do: Do) -> None:
        """One form of a person, who may take it back later."""
        form = f"form-{next(self._no)}"
        with self.database.write() as session:
            actor = self._actor(session, who)
            answer = do(session, actor, form) if actor is not None else None
            undoable = session.scalar(select(Operation.undo_until).where(Operation.id == form))
        if undoable is not None:
            self.forms.append((who, form))
            self.undos.given(form)
        self.told.append(f"{who} {form}: {answer}"[:200])

    def _actor(self, session: Session, who: str) -> Actor | None:
        email = f"{who}@crowd.example.test"
        person = session.scalars(select(Person.id).where(Person.email == email)).one()
        return actor_of(session, person, self.company_id, now=self.clock.now())

    def agree(self, who: str, which: int) -> None:
        """Approve one of the documents that wait for it, or all of them."""

        def do(session: Session, actor: Actor, form: str) -> object:
            mine = WAITING.where(Hold.company_id == self.company_id).order_by(Hold.id)
            waiting = [found for found in session.scalars(mine) if found is not None]
            if not waiting:
                return None
            some = waiting if which % 3 == 0 else [waiting[which % len(waiting)]]
            return approve.approve(session, actor, some, "Looks right.", self.clock.now(), form)

        self.act(who, do)

    def take_back(self, which: int) -> None:
        """Undo one of the last forms, or try to undo what is somebody else's."""
        if not self.forms:
            return
        who, form = self.forms[-1 - which % min(RECENT, len(self.forms))]
        by = who if which % 5 else next(one for one in PEOPLE if one != who)

        def do(session: Session, actor: Actor, _: str) -> object:
            answer = undo.undo(session, actor, form, self.clock.now())
            self.undos.taken_back(session, form, who, by, answer)
            if not isinstance(answer, Refusal):
                self.forms.remove((who, form))
            return None

        self.act(by, do)

    def decide(self, who: str, what: str, which: int) -> None:
        """Do something with one of the open holds."""

        def do(session: Session, actor: Actor, form: str) -> object:
            holds = self._open(session)
            if not holds:
                return None
            return _DECISIONS[what](session, actor, holds[which % len(holds)], form, self)

        self.act(who, do)

    def _open(self, session: Session) -> Sequence[Hold]:
        mine = select(Hold).where(Hold.state == "open", Hold.company_id == self.company_id)
        return session.scalars(mine.order_by(Hold.id)).all()

    def delegate(self, *, on: bool) -> None:
        """Ella stands in for Lim, or does no more."""

        def do(session: Session, actor: Actor, _: str) -> object:
            now = self.clock.now()
            standing = session.scalars(select(Deputy.id).order_by(Deputy.id.desc())).first()
            if not on:
                return None if standing is None else deputies.end(session, actor, standing, now)
            lim, ella = (
                session.scalars(
                    select(Person.id).where(Person.email == f"{name}@crowd.example.test")
                ).one()
                for name in ("lim", "ella")
            )
            return deputies.appoint(
                session,
                actor,
                person_id=lim,
                deputy_id=ella,
                from_at=now,
                until_at=now + DELEGATED,
                reason="away",
                now=now,
            )

        self.act("adam", do)

    def remap(self, which: int) -> None:
        """The customer is another debtor, for all days, from a day back, or from tomorrow on."""

        def do(session: Session, actor: Actor, form: str) -> object:
            rev = session.get_one(Company, self.company_id).revision
            since = (fixes.ALWAYS, date(2026, 11, 10), date(2026, 12, 24))[which % 3]
            value, now = DEBTORS[which % 2], self.clock.now()
            key = "Aisyah Rahman"
            return fixes.fix(
                session, actor, "debtor", key, value, "moved", now, rev, form, since=since
            )

        self.act("farah", do)

    def turn_rules(self) -> None:
        """Go back to the rules that are not in force."""
        with self.database.write() as session:
            company = session.get_one(Company, self.company_id)
            at = session.get_one(RulesetVersion, company.ruleset_version_id)
            other = select(RulesetVersion.no).where(
                RulesetVersion.company_id == company.id, RulesetVersion.hash != at.hash
            )
            no = session.scalars(other.order_by(RulesetVersion.no)).first() or 0
            found = _named(session, f"publisher@{CODE}.example.test")
            actor = replace(found, company_id=company.id, roles=frozenset({"publisher"}))
            start_time.go_back(
                session, no, actor, self.clock.now(), from_no=at.no, reason="the other"
            )

    def cut_run(self) -> None:
        """A sync of everything that is ready now."""
        with self.database.write() as session:
            target = session.scalars(
                select(Connection).where(
                    Connection.company_id == self.company_id, Connection.side == "target"
                )
            ).one()
            actor = self._actor(session, "adam")
            assert actor
            first, last = date(2026, 11, 1), date(2026, 11, 30)
            where = (self.company_id, target.id, "invoice", first, last)
            seen = range_preview.preview(session, *where, self.clock.now())
            date_ranges.sync(
                session,
                actor,
                company_id=self.company_id,
                connection_id=target.id,
                doc_type="invoice",
                first=first,
                last=last,
                expected_count=seen.will_send.count,
                expected_total=seen.will_send.figure,
                now=self.clock.now(),
            )


def _release(session: Session, actor: Actor, hold: Hold, form: str, place: Crowd) -> object:
    seen = session.scalars(
        select(Version.no)
        .join(Record, Record.version_id == Version.id)
        .where(Record.id == hold.record_id)
    ).one()
    return releases.release(session, actor, hold.id, "agreed", place.clock.now(), form, seen=seen)


def _reject(session: Session, actor: Actor, hold: Hold, form: str, place: Crowd) -> object:
    """Not of what may be there already: who rejects that decides what becomes of it by hand."""
    tried = exists().where(Push.posting_id == hold.posting_id)
    if session.scalar(select(tried)):
        return None
    return releases.reject(session, actor, hold.id, "not this one", place.clock.now(), form)


def _link(session: Session, actor: Actor, hold: Hold, form: str, place: Crowd) -> object:
    posting = session.get(Posting, hold.posting_id or 0)
    number = posting.number if posting is not None else ""
    return manual_entries.link_document(
        session, actor, hold.id, number, "it is ours", place.clock.now(), form
    )


_DECISIONS: Final[dict[str, Callable[[Session, Actor, Hold, str, Crowd], object]]] = {
    "release": _release,
    "reject": _reject,
    "link": _link,
    "retry": lambda s, a, h, f, p: retries.retry(s, a, h.id, p.clock.now(), f),
    "override": lambda s, a, h, f, p: retries.override(s, a, h.id, "why not", p.clock.now(), f),
    "look": lambda s, a, h, f, p: manual_entries.look_again(
        s, a, h.id, "put right", p.clock.now(), f
    ),
    "snooze": lambda s, a, h, f, p: assignments.snooze(
        s, a, h.id, p.clock.now() + timedelta(minutes=2), p.clock.now(), f
    ),
    "assign": lambda s, a, h, f, p: assignments.assign(s, a, h.id, a.person_id, p.clock.now(), f),
}
DECISIONS: Final = tuple(_DECISIONS)


@contextmanager
def crowd() -> Iterator[Crowd]:
    """A fresh copy, in which forms can be taken back for a while."""
    before = os.environ.get("CLEARPOST_UNDO_SECONDS")
    os.environ["CLEARPOST_UNDO_SECONDS"] = str(UNDO_SECONDS)
    try:
        with copied(crowd_template(), Crowd) as place:
            yield place
    finally:
        if before is None:
            del os.environ["CLEARPOST_UNDO_SECONDS"]
        else:
            os.environ["CLEARPOST_UNDO_SECONDS"] = before
