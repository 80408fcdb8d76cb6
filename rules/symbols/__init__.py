"""What every name in a ruleset means, and where it stands.

Here: mentions, all of them with their places. Not here: what is wrong with a name (analyse).
"""

from rules.symbols.mention import Mention, Symbol
from rules.symbols.walk import mentions

__all__ = ["Mention", "Symbol", "mentions"]
