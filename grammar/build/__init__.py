"""From the parser's tree to our own nodes, declaration by declaration.

Lives here: one method for each rule of `clearpost.lark`, taking its span and its children; one
file for each part of the language. Not here: the walk over the tree (`parse.py`).
"""

from collections.abc import Sequence
from typing import Any

from grammar import nodes
from grammar.build.readiness import ReadinessBuilder
from grammar.build.records import RecordBuilder
from grammar.build.routes import RouteBuilder
from grammar.build.stories import StoryBuilder
from grammar.build.surroundings import SurroundingsBuilder
from grammar.build.tables import TableBuilder


class DeclarationBuilder(
    SurroundingsBuilder, RecordBuilder, ReadinessBuilder, TableBuilder, RouteBuilder, StoryBuilder
):
    """Turns each rule of the grammar into its node."""


def ruleset(found: Sequence[Any]) -> nodes.Ruleset:
    """The declarations sorted into their shelves."""

    def of(kind: type[Any]) -> tuple[Any, ...]:
        return tuple(node for node in found if isinstance(node, kind))

    return nodes.Ruleset(
        roles=of(nodes.Role),
        consts=of(nodes.Const),
        sources=of(nodes.Source),
        targets=of(nodes.Target),
        records=of(nodes.Record),
        links=of(nodes.Link),
        maps=of(nodes.Map),
        units=of(nodes.Units),
        gates=of(nodes.Gate),
        checks=of(nodes.Check),
        duplicates=of(nodes.Duplicates),
        approvals=of(nodes.Approve),
        edits=of(nodes.Edit),
        cancels=of(nodes.Cancel),
        retries=of(nodes.Retry),
        posts=of(nodes.Post),
        reversals=of(nodes.Reversal),
        samples=of(nodes.Sample),
        tests=of(nodes.Test),
        silences=of(nodes.Silence),
    )
