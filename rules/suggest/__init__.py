"""What may be written next, in a rule file that somebody is typing.

Here: suggest. Not here: whether what was written is right (analyse).
"""

from rules.suggest.names import Suggestion, suggest

__all__ = ["Suggestion", "suggest"]
