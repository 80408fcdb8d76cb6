"""The pages that people open first, read once before anybody waits for them.

Here: after a start, each of them once in every language that somebody chose, as for the first
person of finance. What the first reading of a page makes stays in the process: its statements,
their texts for the database, its templates; without this, who comes first waits for it. Nobody is
answered, and nothing is written. Not here: what is on the pages.
"""

from types import SimpleNamespace
from typing import Final

from flask import Flask, g, request

from holding.access import actors, people, sessions
from holding.company import own_account
from holding.platform.settings import logger
from portal.languages.choice import ENGLISH
from portal.web import store

PAGES: Final = ("", "holding", "reconcile")
"""Of a company, behind its address: what is most of the work to make."""
ROLE: Final = "finance"
log = logger("clearpost.portal")


def read_first(app: Flask) -> int:
    """How many pages were read; none where no company is live yet.

    Each is read twice: by running it SQLAlchemy marks a part of a statement that is kept for all
    requests, and so takes the same statement for another one the second time.
    """
    try:
        with app.test_request_context():
            reader = people.first_reader(store.reading(), ROLE)
            spoken = {ENGLISH, *own_account.languages(store.reading())}
        if reader is None:
            return 0
        for language in sorted(spoken):
            for page in (*PAGES, *PAGES):
                _read(app, *reader, page, language)
    except Exception as error:  # noqa: BLE001 - whoever comes first waits, as without this
        log.warning("The first reading of the pages failed.", why=type(error).__name__)
        return 0
    return len(spoken) * len(PAGES)


def _read(app: Flask, code: str, person_id: int, page: str, language: str) -> None:
    """Make the page as for this person, and forget it."""
    with app.test_request_context(f"/c/{code}/{page}"):
        g.now, g.request_id = store.clock().now(), ""
        lasts = g.now + sessions.IDLE
        g.person = SimpleNamespace(settings={"language": language}, ends_at=lasts, expires_at=lasts)
        (request.view_args or {}).pop("co")
        company = store.company_of(code)
        who = company and actors.actor_of(store.reading(), person_id, company.id, now=g.now)
        if company and who:
            store.admitted(company, who)
            app.view_functions[request.endpoint or ""]()
