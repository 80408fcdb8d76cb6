"""The look-ups of one pass, put to a target together where it can be asked so.

Here: the questions and what was told. Not here: what follows from it (doubt_resolution.py,
first_lookup.py), and reading what is posted (reconciliation/read_back.py).
"""

from collections.abc import Mapping, Sequence

from connectors.contract import Found, Question
from connectors.contract.targets import LooksTogether
from connectors.transport.http import Http
from holding.connections.channel import Channel
from holding.journal.evidence import ours
from holding.journal.push_rows import Member
from holding.posting.last_check import Checked


def question(one: Member | Checked, key: str) -> Question:
    """What a look-up under this key asks of a push, or of a posting that is to be sent."""
    return Question(
        document=ours(one.document, one.theirs),
        key=key,
        action=one.action,
        standing=ours(one.standing, one.theirs),
    )


def first_questions(channel: Channel, good: Sequence[Checked]) -> dict[int, Question]:
    """What is asked before these postings are sent, by their ids."""
    asks = [one for one in good if one.action != "create" or channel.looks_first]
    return {one.claim.posting_id: question(one, one.key) for one in asks}


def looks_paid(channel: Channel, documents: int, *, in_file: bool) -> int:
    """How many calls were spent on looking them up before they are sent; a file has paid once."""
    steps = min(1, documents) if in_file else documents
    return steps * channel.target.pace.to_look if channel.looks_first else 0


class Lookups:
    """What a target says of postings. Those of `questions`, by their ids, are asked for together
    when the first of them is.

    An answer that tells nothing is the answer to one alone: each other one is then asked for alone,
    as long as the target lets us, so that its silence counts as often as it was met.
    """

    def __init__(self, channel: Channel, http: Http, questions: Mapping[int, Question]) -> None:
        self._channel = channel
        self._http = http
        self._questions = questions
        self._told: dict[int, Found] | None = None

    def ask(self, posting_id: int, asked: Question) -> Found:
        """What the target says of this one."""
        if self._told is None:
            self._told = self._together()
        found = self._told.pop(posting_id, None)
        if found is None:
            return self._alone(asked)
        if found.kind == "unknown":
            self._told = {key: one for key, one in self._told.items() if one.kind != "unknown"}
        return found

    def _together(self) -> dict[int, Found]:
        target = self._channel.target
        if len(self._questions) < 2 or not isinstance(target, LooksTogether):
            return {}
        told = target.look_up_together(
            list(self._questions.values()),
            self._channel.settings,
            self._channel.secret,
            self._http,
        )
        return dict(zip(self._questions, told, strict=True))

    def _alone(self, asked: Question) -> Found:
        return self._channel.target.look_up(
            asked.document,
            self._channel.settings,
            self._channel.secret,
            asked.key,
            self._http,
            action=asked.action,
            standing=asked.standing,
        )
