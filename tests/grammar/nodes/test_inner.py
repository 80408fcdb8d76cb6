"""One way into a node: all that it is made of, once, in its order."""

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
