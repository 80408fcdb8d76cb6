"""Each class of error comes under one of five plain words, and each word has a class."""

from connectors.contract.errors import (
    ERROR_CLASSES,
    FAILURE_WORDS,
    FailureWord,
    classes_with_word,
    failure_word,
)


def test_every_class_has_one_word_and_every_word_a_class() -> None:
    assert set(FAILURE_WORDS) == set(ERROR_CLASSES)
    under = [name for word in FailureWord for name in classes_with_word(word)]
    assert sorted(under) == sorted(ERROR_CLASSES)
    assert all(classes_with_word(word) for word in FailureWord)
    assert [str(word) for word in FailureWord] == [
        "missing",
        "unavailable",
        "rejected",
        "duplicated",
        "not authorized",
    ]


def test_each_class_stands_under_its_own_word() -> None:
    under = {str(word): set(classes_with_word(word)) for word in FailureWord}
    assert under == {
        "missing": {"missing_field", "mapping_missing"},
        "unavailable": {"temporary", "uncertain"},
        "rejected": {"bad_value", "stale_version", "period_locked", "business_rule"},
        "duplicated": {"duplicate"},
        "not authorized": {"authorization_failed"},
    }


def test_what_nobody_knows_is_never_unavailable() -> None:
    assert failure_word("business_rule") is FailureWord.REJECTED
    assert failure_word("uncertain") is FailureWord.UNAVAILABLE
