"""A lease runs from each call: what a turn has claimed stays its own, however many calls it makes.

Here: renewing the leases of a turn's postings and of its run, by their fences. Not here: claiming
(posting_claims.py), the lease of a call that is written down (push_rows.py).

What was given back, or taken by another worker after this one slept, is not renewed. The call that
has an effect renews nothing: its own deadline begins with what was written down before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from sqlalchemy import bindparam, select, update

from connectors.transport.http import Given, Http, HttpAnswer, HttpFailure
from connectors.transport.recorded_sessions import Through
from holding.connections.channel import Desk
from holding.journal.posting_claims import Claim
from holding.journal.push_rows import push_lease, start_within
from holding.store import bulk
from holding.tables import Posting, Run
from holding.tables.columns import moment, table_of

_POSTING, _RUN = table_of(Posting), table_of(Run)


def keeping(desk: Desk, claims: Sequence[Claim], *, run: tuple[int, int] | None = None) -> Desk:
    """The desk of a turn with these claims, and perhaps a run and its fence: before it looks
    something up, and whenever it is told to, it renews what would not last for one more call.
    """
    kept = _Kept(desk, claims, run)
    return replace(desk, http=_Renewing(desk.http, kept.renew), renew=kept.renew)


class _Kept:
    """The leases of one turn, and when the first of them ends by the clock that never jumps."""

    def __init__(self, desk: Desk, claims: Sequence[Claim], run: tuple[int, int] | None) -> None:
        self._desk, self._run = desk, run
        self._fences = {claim.posting_id: claim.fence for claim in claims}
        self._until = self._in(desk.lease)

    def renew(self) -> None:
        """Make them last for a call that begins now, if they do not."""
        if self._until >= self._in(start_within(self._desk) + self._desk.answer):
            return
        self._until = self._in(push_lease(self._desk))
        desk = self._desk
        with desk.database.write() as session:
            now = desk.clock.now()
            found = session.execute(_HELD, {"ids": sorted(self._fences)})
            ours = [key for key, fence in found if fence == self._fences[key]]
            session.execute(_RENEW, {"ids": ours, "until": now + push_lease(desk)})
            if self._run is not None:
                run_id, fence = self._run
                given = {"run": run_id, "ours": fence, "until": now + desk.lease + desk.answer}
                session.execute(_RENEW_RUN, given)

    def _in(self, length: timedelta) -> float:
        return self._desk.clock.monotonic() + length.total_seconds()


class _Renewing(Through):
    """Every call that changes nothing begins with leases that outlast it."""

    def __init__(self, http: Http, renew: Callable[[], None]) -> None:
        super().__init__(http)
        self._renew = renew

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """The call, as the other session makes it."""
        if not given.get("push"):
            self._renew()
        return super().request(method, url, **given)


_HELD = (
    select(_POSTING.c.id, _POSTING.c.fence)
    .where(bulk.among_given(_POSTING.c.id, "ids"), _POSTING.c.lease_until.is_not(None))
    .order_by(_POSTING.c.id)
    .with_for_update(skip_locked=True, key_share=True)
)
_RENEW = (
    update(_POSTING)
    .where(bulk.among_given(_POSTING.c.id, "ids"))
    .values(lease_until=moment("until"))
)
_RENEW_RUN = (
    update(_RUN)
    .where(_RUN.c.id == bindparam("run"), _RUN.c.fence == bindparam("ours"))
    .where(_RUN.c.lease_until.is_not(None))
    .values(lease_until=moment("until"))
)
