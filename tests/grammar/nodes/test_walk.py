"""The ways into a node: what it is made of, once and in its order; what it says; its operands."""

from decimal import Decimal

from grammar import nodes
from grammar.text.problem import Span

AT = Span("a.rules", 1, 1, 1, 2)
ONE, A, B = (
    nodes.Literal("number", Decimal(1), AT),
    nodes.Name(("a",), AT),
    nodes.Name(("line", "b"), AT),
)


def test_the_parts_come_in_their_order_without_places_and_without_what_literals_say() -> None:
    total = nodes.Arith("+", A, nodes.Call("sum", (B, ONE), None, AT), AT)
    assert list(nodes.inner(total)) == ["+", A, nodes.Call("sum", (B, ONE), None, AT)]
    assert list(nodes.inner(total.right)) == ["sum", B, ONE, None]
    assert list(nodes.inner(ONE)) == ["number"]


def test_a_tuple_is_what_stands_in_it_and_plain_values_have_no_parts() -> None:
    assert list(nodes.inner((A, (B,)))) == [A, (B,)]
    assert list(nodes.inner("text")) == list(nodes.inner(None)) == []


def test_a_walk_meets_a_node_before_its_parts_however_deep_they_stand() -> None:
    call = nodes.Call("sum", (B, nodes.Negative(A, AT)), None, AT)
    met = [part for part in nodes.walk((call, (ONE,))) if hasattr(part, "span")]
    assert met == [call, B, nodes.Negative(A, AT), A, ONE]


def test_names_are_said_by_their_path_and_calls_by_their_name() -> None:
    debtor = nodes.Call("debtor", (B, nodes.Arith("+", A, ONE, AT)), None, AT)
    where = nodes.Call("count", (A,), nodes.Compare(B, "=", ONE, AT), AT)
    said = [("debtor",), ("line", "b"), ("a",), ("count",), ("a",), ("line", "b")]
    assert list(nodes.mentioned((debtor, where))) == said


def test_the_operands_of_an_expression_are_what_its_value_comes_from() -> None:
    word = nodes.Word("paid", AT)
    expected: list[tuple[nodes.Expr, tuple[nodes.Expr, ...]]] = [
        (nodes.AllOf((A, B), AT), (A, B)),
        (nodes.AnyOf((A, B), AT), (A, B)),
        (nodes.Compare(A, "=", ONE, AT), (A, ONE)),
        (nodes.Arith("+", A, B, AT), (A, B)),
        (nodes.Otherwise(A, ONE, AT), (A, ONE)),
        (nodes.Member(A, (word,), AT), (A,)),  # not the words that it may be
        *((made(A, AT), (A,)) for made in (nodes.Negative, nodes.Not, nodes.Known, nodes.Absent)),
        (nodes.Call("round", (A, ONE), None, AT), ()),
        (A, ()),
        (ONE, ()),
    ]
    assert [nodes.operands(expr) for expr, _ in expected] == [found for _, found in expected]
