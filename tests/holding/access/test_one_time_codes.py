"""Codes of an app and recovery codes: what fits at a moment, and nothing else."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holding.access import enrolment

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238, appendix B: "12345678901234567890"
MOMENTS = st.floats(1.5e9, 4e9).map(lambda second: datetime.fromtimestamp(second, UTC))


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    """The last six digits of the published values."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert enrolment.code_at(SECRET, enrolment.step_of(now)) == code
    assert enrolment.step_fitting(SECRET, code, now, 0) == second // 30


@given(now=MOMENTS, off=st.integers(-5, 5))
def test_a_code_fits_in_its_half_minute_and_those_beside_it(now: datetime, off: int) -> None:
    here = enrolment.step_of(now)
    known = {enrolment.code_at(SECRET, here + one): here + one for one in (-1, 0, 1)}
    code = enrolment.code_at(SECRET, here + off)
    found = enrolment.step_fitting(SECRET, code, now, 0)
    if abs(off) <= 1:
        assert found == here + off or known[code] != here + off
    else:
        assert found == known.get(code)  # as good as never


@given(now=MOMENTS, off=st.integers(-1, 1), taken=st.integers(-1, 1))
def test_no_code_fits_that_is_not_newer_than_the_last_one(
    now: datetime, off: int, taken: int
) -> None:
    here = enrolment.step_of(now)
    found = enrolment.step_fitting(SECRET, enrolment.code_at(SECRET, here + off), now, here + taken)
    assert (found is None) or found > here + taken
    if off > taken:
        assert found is not None


@given(now=MOMENTS, text=st.text(max_size=40))
def test_any_other_text_is_no_code(now: datetime, text: str) -> None:
    good = {enrolment.code_at(SECRET, enrolment.step_of(now) + one) for one in (-1, 0, 1)}
    found = enrolment.step_fitting(SECRET, text, now, 0)
    assert (found is not None) == ("".join(text.split()) in good)


def test_blanks_in_a_code_do_not_count() -> None:
    now = datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)
    assert enrolment.step_fitting(SECRET, " 005 924\n", now, 0) == 41152263
    assert enrolment.step_fitting(SECRET, "００５９２４", now, 0) is None, (
        "digits of another script"
    )
    assert enrolment.step_fitting(SECRET, "5924", now, 0) is None


def test_the_picture_says_whose_codes_and_of_what() -> None:
    parts = urlsplit(enrolment.set_up_address(SECRET, "a+b@kedai.my"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/Clearpost:a%2Bb%40kedai.my"
    assert parse_qs(parts.query) == {"secret": [SECRET], "issuer": ["Clearpost"]}


def test_secrets_and_recovery_codes_are_long_and_never_the_same() -> None:
    assert len({enrolment.new_secret() for _ in range(50)}) == 50
    assert len(enrolment.new_secret()) == 32
    made = [one for _ in range(20) for one in enrolment.new_recovery_codes()]
    assert len(made) == len(set(made)) == 200
    assert all(len(one.replace("-", "")) == 16 for one in made)


def test_a_recovery_code_is_known_however_it_is_typed() -> None:
    for code in enrolment.new_recovery_codes():
        spelled = code.upper().replace("-", " ").replace("O", "0").replace("L", "1")
        assert (
            enrolment.kept_of(spelled)
            == enrolment.kept_of(code)
            == enrolment.kept_of(code.replace("-", ""))
        )
        assert code not in enrolment.kept_of(code)
        assert enrolment.kept_of(code[:-1]) != enrolment.kept_of(code)
        assert enrolment.kept_of("") != enrolment.kept_of(code)
