"""The rule book: a ruleset in plain words, for people who never see its text.

Here: book and its two forms. Not here: anything that judges.
"""

from rules.explain.book import TOPICS, Book, Entry, Section, book
from rules.explain.render import html, markdown

__all__ = ["TOPICS", "Book", "Entry", "Section", "book", "html", "markdown"]
