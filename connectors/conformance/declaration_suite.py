"""What every target says of itself: one suite over all of them, without a call.

Here: the tests; a class of them is collected where `target` is given. Not here: what it does
(target_suite.py).
"""

from typing import Any

from connectors.contract.errors import ERROR_CLASSES


class DeclarationSuite:
    """What a target says of itself is whole; no call is made. `target` is given."""

    def test_every_field_has_a_type_a_meaning_and_one_name(self, target: Any) -> None:
        for document in target.documents:
            for fields in (document.header, document.lines):
                names = [one.name for one in fields]
                assert len(names) == len(set(names)), document.name
                assert [one.name for one in fields if not one.meaning] == [], document.name

    def test_its_own_fields_are_there(self, target: Any) -> None:
        for document in target.documents:
            head = {one.name: one for one in document.header}
            assert document.target == target.name
            assert head[document.number_field].required
            assert head[document.date_field].type == "date"
            assert document.party_field in {"", *head}
            assert document.total_field in {None, *head}
            assert set(document.actions) <= {"update", "void"}

    def test_its_form_says_what_to_enter(self, target: Any) -> None:
        form = target.form
        assert form.title
        assert form.gives
        assert form.needs
        assert all(one.label for one in form.settings)
        assert all(one.example for one in form.settings if one.required)
        assert form.tells is not None
        assert form.e_invoices is not None
        entered = any(one.name == "locked_through" for one in form.settings)
        assert (form.tells.closing_date == "entered") == entered

    def test_its_limits_and_its_pace_can_be_kept(self, target: Any) -> None:
        limits, pace = target.file_limits, target.pace
        assert limits.documents >= 1
        assert limits.rows is None or limits.rows >= limits.documents
        assert pace.to_send >= 1
        assert pace.to_look >= 1
        assert target.settle_seconds >= 0
        assert target.rounding({}) in ("per_line", "sum_then_round")

    def test_what_it_refuses_has_one_of_the_ten_classes(self, target: Any) -> None:
        """`refusals` of a target: its own words for a no, and the class of each. One that nobody
        knows goes to a person: it is never tried again for nothing.
        """
        known = getattr(target, "refusals", None)
        if known is None:
            return
        assert known
        assert set(known.values()) <= set(ERROR_CLASSES)
        assert target.class_of("no such word, ever") == "business_rule"
