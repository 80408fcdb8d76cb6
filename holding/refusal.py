"""An expected "no", as a value.

Here: Refusal, which services return instead of raising. Not here: problems in rule text
(grammar/text/problem.py) and answers of a target (connectors/contract).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, and what to do next; `status` is what a page or hook answers,
    `act` what the person lacks a role for, and can ask an administrator for.
    """

    code: str
    message: str
    hint: str = ""
    status: int = 409
    act: str = ""

    @property
    def words(self) -> str:
        """Why and what to do, in one line."""
        return f"{self.message} {self.hint}".strip()
