"""A rule change that was returned: the mail to who wrote it.

Here: who has one and what it says, in the language of their pages. Not here: returning a change
(holding/rulesets/drafts.py), sending the mail (sending.py).
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.company.own_account import taste
from holding.db.models import Change, Company, Person
from holding.db.models.columns import NoticeKind
from holding.notices import planning, recipients


def plan(
    session: Session,
    actor: Actor,
    change_no: int,
    why: str,
    now: datetime,
    *,
    link: str,
    say: Callable[[str, str], str],
) -> str | None:
    """Make the mail about a change that the actor has just returned, in the same transaction; the
    name of who gets it. None where nobody does: no person here wrote it, they left, or they want no
    mail of their own work.

    `why` goes as it was written; `link`: the page of the change; `say(language, text)`: a text of
    ours in a language (en, ms, zh).
    """
    company = session.get_one(Company, actor.company_id)
    mine = (Change.company_id == company.id, Change.no == change_no)
    change = session.scalars(select(Change).where(*mine)).one()
    author = session.get(Person, change.author_id) if change.author_id is not None else None
    if author is None or not taste(author.settings).mails:
        return None
    recipient = recipients.of_person(session, company.id, author.id, now)
    if recipient is None:
        return None
    language = taste(author.settings).language or "en"
    first = say(
        language,
        f"{actor.name} returned change {change_no}, “{change.title}”, to you. "
        "Nothing of it comes into force.",
    )
    last = say(language, "Continue with its files, correct them and submit them again:")
    body = {
        "kind": "returned",
        "company": {"code": company.code, "name": company.name},
        "change": change_no,
        "text": f"{first}\n\n{why.strip()}\n\n{last}\n{link}\n",
        "link": link,
    }
    subject = say(language, f"{company.name}: change {change_no} was returned to you")
    key, kind = f"change:{change_no}", NoticeKind.RETURNED
    planning.add(session, company.id, recipient, kind, key, subject, body, now)
    return author.name
