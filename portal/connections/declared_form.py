"""A form made from what a connector declares.

Here: what a browser sent for the declared settings, and what is wrong with it. Not here: the
declaration (connectors/contract/schema.py), saving (holding/configuration).
"""

from collections.abc import Mapping

from connectors.contract import ConnectionForm
from connectors.contract.schema import faults, lowered
from holding.access.actors import key_fault
from portal.web.forms import Form

KEY = "key"


def values_of(form: ConnectionForm, sent: Form) -> dict[str, str]:
    """Setting -> the value that was entered; several boxes are one value with commas."""
    return {
        one.name: ", ".join(part.strip() for part in sent.getlist(one.name) if part.strip())
        for one in form.settings
    }


def problems_of(form: ConnectionForm, values: Mapping[str, str]) -> dict[str, str]:
    """Field -> what is wrong with it."""
    return faults(form.settings, values)


def key_problem(form: ConnectionForm, secret: str) -> dict[str, str]:
    """What is wrong with a pasted key; a secret that is made here needs none."""
    if form.key is None or form.key.made_here or (form.key.optional and not secret):
        return {}
    if not secret.strip():
        return {KEY: f"Paste the {lowered(form.key.label)}."}
    refusal = key_fault(secret)
    return {KEY: f"{refusal.message} {refusal.hint}"} if refusal else {}
