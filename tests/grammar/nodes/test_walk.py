"""The ways into a node: what it is made of, once and in its order; what it says; its operands."""

from decimal import Decimal

from grammar import nodes as n
from grammar.text.problem import Span

AT = Span("a.rules", 1, 1, 1, 2)
ONE, A, B = n.Literal("number", Decimal(1), AT), n.Name(("a",), AT), n.Name(("line", "b"), AT)


def test_the_parts_come_in_their_order_without_places_and_without_what_literals_say() -> None:
    total = n.Arith("+", A, n.Call("sum", (B, ONE), None, AT), AT)
    assert list(n.inner(total)) == ["+", A, n.Call("sum", (B, ONE), None, AT)]
    assert list(n.inner(total.right)) == ["sum", B, ONE, None]
    assert list(n.inner(ONE)) == ["number"]


def test_a_tuple_is_what_stands_in_it_and_plain_values_have_no_parts() -> None:
    assert list(n.inner((A, (B,)))) == [A, (B,)]
    assert list(n.inner("text")) == list(n.inner(None)) == []


def test_a_walk_meets_a_node_before_its_parts_however_deep_they_stand() -> None:
    call = n.Call("sum", (B, n.Negative(A, AT)), None, AT)
    met = [part for part in n.walk((call, (ONE,))) if hasattr(part, "span")]
    assert met == [call, B, n.Negative(A, AT), A, ONE]


def test_names_are_said_by_their_path_and_calls_by_their_name() -> None:
    debtor = n.Call("debtor", (B, n.Arith("+", A, ONE, AT)), None, AT)
    where = n.Call("count", (A,), n.Compare(B, "=", ONE, AT), AT)
    said = [("debtor",), ("line", "b"), ("a",), ("count",), ("a",), ("line", "b")]
    assert list(n.mentioned((debtor, where))) == said


def test_the_operands_of_an_expression_are_what_its_value_comes_from() -> None:
    word = n.Word("paid", AT)
    expected: list[tuple[n.Expr, tuple[n.Expr, ...]]] = [
        (n.AllOf((A, B), AT), (A, B)),
        (n.AnyOf((A, B), AT), (A, B)),
        (n.Compare(A, "=", ONE, AT), (A, ONE)),
        (n.Arith("+", A, B, AT), (A, B)),
        (n.Otherwise(A, ONE, AT), (A, ONE)),
        (n.Member(A, (word,), AT), (A,)),  # not the words that it may be
        *((made(A, AT), (A,)) for made in (n.Negative, n.Not, n.Known, n.Absent)),
        (n.Call("round", (A, ONE), None, AT), ()),
        (A, ()),
        (ONE, ()),
    ]
    assert [n.operands(expr) for expr, _ in expected] == [found for _, found in expected]
