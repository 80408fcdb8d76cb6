"""Which new passwords are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holding.access.sessions import COMMON_WORDS, MIN_PASSWORD, password_fault

EMAIL = "farah.lim@kedai-contoh.my"


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password1234",
        "P@ssw0rd2026!",
        "passwordpassword",
        "Welcome2026!!",
        "qwertyuiop12",
        "123456789012",
        "098765432109",
        "aaaaaaaaaaaa",
        "121212121212",
        "kedaicontoh2026",
        "Farah-Lim-1990",
        "shopee-admin-1",
        "Merdeka31081957",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    refusal = password_fault(password, EMAIL)
    assert refusal is not None
    assert (refusal.code, refusal.status) == ("person.password", 422)


@pytest.mark.parametrize(
    "password",
    [
        "nasi lemak 2026",
        "correct horse battery",
        "teh tarik satu 2026",
        "8f3kQ-2mVx7-Lp",
        "密码很长而且没有人会猜到它",
        "password of the green umbrella",
    ],
)
def test_others_are_taken(password: str) -> None:
    assert password_fault(password, EMAIL) is None


@given(
    st.sampled_from(sorted(COMMON_WORDS)),
    st.integers(0, 9999),
    st.sampled_from(["", "!", "#1", " "]),
)
def test_digits_and_signs_do_not_help_a_common_word(word: str, digits: int, sign: str) -> None:
    password = f"{word}{digits}{sign}".ljust(MIN_PASSWORD, "7")
    assert password_fault(password) is not None
