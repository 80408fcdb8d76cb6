"""Roles and acts as people call them, and which roles one person should not hold together.

Here: a label for each role and each act, the sentence of a refusal, what two roles of one person
mean. Not here: what a role may do (`actors.py`); the words are made to fit that table, and a test
holds both together.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

ROLE_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "viewer": "Viewer",
        "finance": "Finance user",
        "approver": "Approver",
        "consultant": "Integration consultant",
        "publisher": "Rule publisher",
        "auditor": "Auditor",
        "operator": "Integration operator",
        "admin": "Administrator",
    }
)
ACT_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "record.read": "view records",
        "record.pii": "view personal data",
        "record.edit": "correct values and document dates",
        "hold.assign": "assign, snooze and comment on holds",
        "hold.retry": "retry records",
        "upload": "import files",
        "import.tell": "download files for an import and say how it ended",
        "mapping.read": "read mapping tables that name customers",
        "mapping.fix": "add and change mappings",
        "posting.approve": "approve, release and reject",
        "retry.override": "resend without a change",
        "stop.decide": "decide on safety stops",
        "run.operate": "run syncs, pause and resume connections",
        "rules.draft": "draft rule changes",
        "rules.discuss": "comment on rule changes",
        "rules.publish": "publish rule changes",
        "audit.read": "view the audit log",
        "audit.export": "export the audit log and evidence",
        "audit.note": "write audit notes",
        "company.setup": "set the company up and let it go live",
        "connection.admin": "manage connections and API keys",
        "people.admin": "manage users",
        "deputy.name": "appoint delegates",
    }
)
GROUPS: Final = (
    (
        "Records",
        ("record.read", "record.pii", "record.edit", "hold.assign", "hold.retry", "upload",
         "mapping.read", "mapping.fix"),
    ),
    (
        "Documents",
        ("posting.approve", "import.tell", "retry.override", "stop.decide", "run.operate"),
    ),
    ("Rules", ("rules.draft", "rules.discuss", "rules.publish")),
    (
        "Company",
        ("company.setup", "audit.read", "audit.export", "audit.note", "connection.admin",
         "people.admin", "deputy.name"),
    ),
)  # fmt: skip
"""The acts as a table shows them, by what they are done to."""

MEETING: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("finance", "approver"): (
            "One person corrects and approves. They cannot approve what they corrected or mapped;"
            " another approver must."
        ),
        ("consultant", "publisher"): (
            "One person drafts and publishes rules. They cannot publish what they drafted;"
            " another rule publisher must."
        ),
        ("admin", "approver"): (
            "One person manages users and approves. Whoever can invite people should not release"
            " money; an auditor will ask why."
        ),
    }
)
"""Pairs of roles that one person should not hold together -> what it means when they do."""


def duties_meet(roles: Collection[str]) -> tuple[str, ...]:
    """What is to be said of these roles in one hand; nothing where they may well meet."""
    return tuple(words for pair, words in MEETING.items() if set(pair) <= set(roles))


def role_list(roles: Collection[str]) -> str:
    """Roles as people read them: Approver, Rule publisher; in the order of the table."""
    return ", ".join(label for role, label in ROLE_LABELS.items() if role in roles)


def any_of(roles: Collection[str]) -> str:
    """The same as a choice: a Finance user or an Administrator."""
    named = [label for role, label in ROLE_LABELS.items() if role in roles]
    return " or ".join(f"{'an' if label[0] in 'AEIOU' else 'a'} {label}" for label in named)
