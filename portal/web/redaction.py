"""Remove the company's secrets from texts that leave the portal.

A module of its own because holding.operations cannot read the request's keys.
"""

from collections.abc import Collection

from flask import g

from holding.access.actors import Keys, load_keys
from holding.operations import escalation_packets
from portal.web import request_guard, store


def secret_remover(
    *, tax_numbers: bool = True, keep: Collection[str] = ()
) -> escalation_packets.Redact:
    """Return a function that removes the company's secrets from a text.

    It removes tax numbers too, unless disabled. Texts in `keep` stay.
    """
    if "secrets" not in g:
        g.secrets = _secrets()
    return escalation_packets.redacting(g.secrets, tax_numbers=tax_numbers, keep=keep)


def _secrets() -> frozenset[str]:
    """Return all secrets of the company, including secrets of sources that the user may not see."""
    keys = load_keys(request_guard.config().settings)
    if not isinstance(keys, Keys):
        return frozenset()
    if not g.actor.reach.limited:
        return escalation_packets.secrets_of(store.reading(), g.company.id, keys)
    with store.database().read() as session:
        return escalation_packets.secrets_of(session, g.company.id, keys)
