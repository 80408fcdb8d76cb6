"""Approving in tests: two orders above the limit and one below it, and what an approval answers."""

from datetime import timedelta

from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.approvals import approve as approvals_approve
from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Company
from holding.db.refusal import Refusal
from holding.operations.approval_invariants import pushes_were_approved
from holding.operations.journal_and_ledgers import Look
from tests.holding.shop import RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock

LARGE = [line(price="960.00")]
CHANNEL = """
check channel_known on order
    require  channel = "web"
    else     hold for accounts
    say      "{number} came by {channel}."
    clears   by accounts
"""
# Rules by which a finding can be put right, or let pass, and the document stays the same.
ASKING = (
    RULES.replace("    total       money", "    channel     text\n    total       money").replace(
        "created_by\n    | changed", "created_by, channel\n    | changed"
    )
    + CHANNEL
)

# Rules by which an entry that no document is made with lets a record go.
TRUSTED = (
    RULES
    + """
map trusted
    match    exact
    "C-77"  -> "no"
    missing  hold for accounts  say "Nobody said whether {key} is trusted."

check buyer_is_trusted on order
    require  trusted(customer) = "yes"
    else     hold for accounts
    say      "{customer} is not trusted."
    clears   when it passes
"""
)


def ids(shop: Shop, *numbers: str) -> list[int]:
    with shop.database.read() as session:
        return [shop.posting(session, number).id for number in numbers]


def approve(
    shop: Shop,
    *numbers: str,
    who: str | Actor = "lim",
    reason: str = "checked against the order",
    op: str | None = None,
    seen: dict[int, str] | None = None,
    sethash: str | None = None,
) -> Approved | Refusal:
    wanted = ids(shop, *numbers)
    actor = shop.actor(who) if isinstance(who, str) else who
    with shop.database.write() as session:
        return approvals_approve.approve(
            session, actor, wanted, reason, shop.now, op, sethash, seen=seen
        )


def why_not(answer: Approved | Refusal) -> list[str]:
    assert isinstance(answer, Approved), answer
    return [left.reason for left in answer.refused]


def seen_of(shop: Shop, *numbers: str) -> dict[int, str]:
    with shop.database.read() as session:
        return {p.id: p.hash for p in (shop.posting(session, number) for number in numbers)}


@start
def large_shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 and NS-2 are above the limit, NS-3 is below it."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(
        order("NS-1", total="1920.00", lines=LARGE),
        order("NS-2", total="1920.00", lines=LARGE),
        order("NS-3"),
    )
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "held", "NS-3": "ready"}
    return shop


def breaches(shop: Shop, session: Session) -> list[str]:
    """What I9 has to say of what was sent."""
    second = timedelta(seconds=1)
    times = {"now": shop.now, "lease": second, "answer": second, "sweep": second}
    look = Look(session=session, company_id=shop.company.id, lines=None, **times)  # type: ignore[arg-type]
    return [one.say for one in pushes_were_approved(look)]
