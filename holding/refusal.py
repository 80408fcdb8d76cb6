"""An expected "no", as a value.

Here: Refusal, which services return instead of raising. Not here: problems in rule text
(grammar/problem.py) and answers of a target (connectors/kit/contract).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, and what to do next; `status` is what a page or hook answers."""

    code: str
    message: str
    hint: str = ""
    status: int = 409
