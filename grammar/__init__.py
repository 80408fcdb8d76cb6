"""Clearpost grammar: the rules language, text to frozen nodes and problems; no record, no disk."""

from grammar.format import format_text
from grammar.parse import parse
from grammar.problem import Problem, Span

__all__ = ["Problem", "Span", "format_text", "parse"]
