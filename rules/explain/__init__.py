"""The rule book: a ruleset in plain words, for people who never see its text.

Here: book and its two forms. Not here: anything that judges.
"""

from rules.explain.book import Book, Entry, Section, book, with_backtest
from rules.explain.proved import Proofs
from rules.explain.render import html, lacking, markdown
from rules.explain.topics import TOPICS

__all__ = [
    "TOPICS",
    "Book",
    "Entry",
    "Proofs",
    "Section",
    "book",
    "html",
    "lacking",
    "markdown",
    "with_backtest",
]
