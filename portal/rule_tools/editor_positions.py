"""Places as the protocol counts them: lines and columns from 0, columns in units of the client.

Here: Positions, for the texts of one rule set. Not here: what stands at a place.
"""

from collections.abc import Mapping

from lsprotocol.types import Position, Range
from pygls.workspace import PositionCodec

from grammar.text.problem import Span
from grammar.text.vocabulary import clean


class Positions:
    """From spans to ranges and back, in the texts of a rule set."""

    def __init__(self, texts: Mapping[str, str], codec: PositionCodec) -> None:
        self._texts, self._codec = texts, codec
        self._lines: dict[str, list[str]] = {}

    def lines(self, file: str) -> list[str]:
        """The lines of a file, without their ends."""
        if file not in self._lines:
            self._lines[file] = clean(self._texts.get(file, "")).split("\n")
        return self._lines[file]

    def range(self, span: Span) -> Range:
        """Where a span is, for the client."""
        start = self._position(span.file, span.line, span.column)
        return Range(start, self._position(span.file, span.end_line, span.end_column))

    def whole(self, file: str) -> Range:
        """All of a file."""
        return Range(Position(0, 0), Position(len(self.lines(file)), 0))

    def at(self, file: str, position: Position) -> tuple[int, int]:
        """Line and column of a place, from 1; one behind the text is its end."""
        lines = self.lines(file)
        number = min(position.line, len(lines) - 1)
        line = [f"{lines[number]}\n"]  # the codec takes what lies behind a line for its last place
        found = self._codec.position_from_client_units(line, Position(0, position.character))
        return number + 1, found.character + 1

    def before(self, file: str, position: Position) -> str:
        """The text before a place."""
        line, column = self.at(file, position)
        lines = self.lines(file)
        return "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])

    def _position(self, file: str, line: int, column: int) -> Position:
        lines = self.lines(file)
        text = lines[line - 1] if line <= len(lines) else ""
        return Position(line - 1, self._units(text[: column - 1]))

    def _units(self, text: str) -> int:
        units: int = self._codec.client_num_units(text)
        return units
