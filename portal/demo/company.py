"""One sample company of `clearpost demo`: made with its rules in force, or found again.

Here: the calls in their order, and who may sign in. Not here: what they do (portal/demo/setup.py),
or the processes (command.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.terminal.command_frame import ENVIRONMENT, Office, Stop, granted, say

if TYPE_CHECKING:
    from portal.demo.load import Hook
    from portal.demo.people import Colleague
    from portal.demo.setup import Sample


@dataclass(frozen=True, slots=True)
class Settled:
    """A sample company that stands; `passwords` are there only when it was just made."""

    company_id: int
    sample: "Sample"
    passwords: Mapping["Colleague", str]
    is_new: bool

    def hook(self, place: Office, address: str, headers: str) -> "Hook":
        """The webhook of its source, at the portal's address."""
        from holding.connections.setup import secret_of
        from portal.demo import load, setup

        with place.database.read() as session:
            row = setup.connection(session, self.company_id, self.sample.source)
            secret = granted(secret_of(session, row))
        path = f"/hooks/{self.sample.code}/{self.sample.source}"
        return load.Hook(address, path, secret, headers)

    def greet(self) -> None:
        """Tell who to sign in as; passwords are shown only now."""
        if self.passwords:
            say(f"\n  {self.sample.name}")
        for each, word in self.passwords.items():
            say(f"  {each.role:<11} {each.name:<19} {each.email:<25} {word}")


def settle(place: Office, wanted: "Sample") -> Settled:
    """The company as it is wanted, or the one that stands, pointed to where its target is now."""
    from connectors.transport.http import Http
    from holding.connections import probe
    from portal.demo import setup

    with place.database.write() as session:
        company_id = setup.existing(session, wanted.code)
        if company_id is not None:
            setup.point_target(session, company_id, wanted)
            return Settled(company_id, wanted, {}, is_new=False)
        ready = setup.make_company(session, wanted, now=place.now)
        admin = setup.colleague(session, ready.company_id, "admin")
        target_id = setup.connection(session, ready.company_id, wanted.target).id
    http = Http(place.clock)
    report = setup.done(
        probe.test_connection(place.database, place.clock, target_id, admin, http=http)
    )
    if not report.ok:
        why = " ".join(step.words for step in report.steps if step.ok is False)
        words = f"The stand-in of {wanted.target} is not usable. {why}"
        raise Stop(words, code=ENVIRONMENT)
    with place.database.write() as session:
        setup.publish_rules(session, ready.company_id, wanted, place.now)
    return Settled(ready.company_id, wanted, ready.passwords, is_new=True)
