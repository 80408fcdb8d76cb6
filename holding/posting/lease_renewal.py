"""Renew the leases of a worker's claims and run while it makes slow calls."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from sqlalchemy import bindparam, select, update

from connectors.transport.http import Http, HttpAnswer, HttpFailure, Through
from connectors.transport.http import RequestOptions as Given
from holding.connections.channel import Desk
from holding.db import bulk
from holding.db.models import Posting, Run
from holding.db.models.columns import moment, table_of
from holding.posting.claims import Claim
from holding.posting.push import call_start_limit, push_lease

_POSTING, _RUN = table_of(Posting), table_of(Run)

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


def desk_with_leases(
    desk: Desk, claims: Sequence[Claim], *, run: tuple[int, int] | None = None
) -> Desk:
    """Return a desk that renews these claims' and the run's leases before lookups."""
    lease_keeper = _Kept(desk, claims, run)
    return replace(desk, http=_Renewing(desk.http, lease_keeper.renew), renew=lease_keeper.renew)


class _Kept:
    """The leases of one turn, and when the first lease ends on the monotonic clock."""

    def __init__(self, desk: Desk, claims: Sequence[Claim], run: tuple[int, int] | None) -> None:
        self._desk, self._run = desk, run
        self._fences = {claim.posting_id: claim.fence for claim in claims}
        self._until = self._in(desk.lease)

    def renew(self) -> None:
        """Extend the leases if they would not outlast a call that begins now."""
        if self._until >= self._in(call_start_limit(self._desk) + self._desk.answer):
            return
        self._until = self._in(push_lease(self._desk))
        desk = self._desk
        with desk.database.write() as session:
            now = desk.clock.now()
            rows = session.execute(_HELD, {"ids": sorted(self._fences)})
            held_ids = [key for key, fence in rows if fence == self._fences[key]]
            session.execute(_RENEW, {"ids": held_ids, "until": now + push_lease(desk)})
            if self._run is not None:
                run_id, fence = self._run
                parameters = {"run": run_id, "ours": fence, "until": now + desk.lease + desk.answer}
                session.execute(_RENEW_RUN, parameters)

    def _in(self, length: timedelta) -> float:
        return self._desk.clock.monotonic() + length.total_seconds()


class _Renewing(Through):
    """An HTTP session that renews the leases before every call that changes nothing."""

    def __init__(self, http: Http, renew: Callable[[], None]) -> None:
        super().__init__(http)
        self._renew = renew

    def request(self, method: str, url: str, **options: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """Make the call through the wrapped session."""
        if not options.get("push"):
            self._renew()
        return super().request(method, url, **options)
