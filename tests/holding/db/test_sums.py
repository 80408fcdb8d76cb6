"""Sums of several currencies are told apart."""

from holding.db.refusal import check_figure


def test_sums_of_other_currencies_have_another_figure() -> None:
    sums = {"": 100, "SGD": 200}
    assert check_figure(sums) == check_figure({"SGD": 200, "": 100})
    others: tuple[dict[str, int], ...] = (
        {"": 200, "SGD": 100},
        {"": 300},
        {"": 100, "USD": 200},
        {},
    )
    assert len({check_figure(one) for one in (sums, *others)}) == 5
