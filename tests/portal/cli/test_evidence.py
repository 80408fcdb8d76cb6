"""`clearpost evidence verify`: what it says is what was proved, and no file ends in a traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holding.records.packet_file import check_packet
from tests.holding.records.packets import START, real, written

Run = Callable[..., int]


@pytest.mark.parametrize("line", ["[" * 100_000, "[]", '{"company":"kedai","seq":Infinity}'])
def test_noted_heads_that_are_none_end_with_words(
    terminal: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str
) -> None:
    heads = tmp_path / "anchors.jsonl"
    heads.write_text(line)
    code = terminal("evidence", "verify", str(written(tmp_path)), "--anchors", str(heads))
    assert code == 2
    assert "is not a file of noted heads" in capsys.readouterr().err


@pytest.fixture
def verify(
    terminal: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """What the command says of a small packet, changed as a test wants it."""

    def ask(*more: str, **changed: Any) -> tuple[int, str]:
        code = terminal("evidence", "verify", str(written(tmp_path, **changed)), *more)
        told = capsys.readouterr()
        return code, told.out + told.err

    return ask


def test_no_word_claims_more_than_was_compared(verify: Callable[..., tuple[int, str]]) -> None:
    code, said = verify(data__record__number="SO-9")  # nothing compares what is said of the record
    assert code == 0
    assert "whole" not in said
    assert "0 of 4 events proved" in said
    assert "4 events agree only with themselves" in said
    assert "4 of 4 contents agree with what events sealed, 0 of them with events proved" in said
    assert "Compared with nothing: the page, the answers" in said
    assert "Compare the hash with the audit log" in " ".join(said.split())
    assert "No noted head was compared" in said


def test_a_given_head_proves_the_events_before_it(verify: Callable[..., tuple[int, str]]) -> None:
    last = real()["head"]
    head = f"{last['seq']}:{last['hash']}"
    code, said = verify("--head", head)
    assert (code, "4 of 4 events proved" in said, "themselves" in said) == (0, True, False), said
    assert "Noted heads compared: 1." in said
    assert "whole" not in said
    code, said = verify("--head", head, data__versions__0__whole=False)
    assert "3 of 4 contents agree with what events sealed, 3 of them with events proved" in said
    assert "1 content is not in the packet as it was sealed" in said
    links = real()["stretches"][0]["links"]
    links[2].update(text=None, removed=True)
    listed = real()["events"]
    listed[2]["proved"] = False
    stretches = [{"first": 1, "before": START, "links": links}]
    code, said = verify("--head", head, events__stretches=stretches, events__events=listed)
    assert code == 0, said
    assert "1 of 4 events proved" in said
    assert "2 events agree only with themselves" in said
    assert "1 event is listed without the text that was sealed" in said


def test_the_given_hash_alone_makes_a_packet_whole(
    verify: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    own = check_packet(written(tmp_path)).sha256
    code, said = verify("--sha256", own)
    assert (code, "The packet of SO-1 is whole" in said) == (0, True), said
    assert "Compared with nothing" not in said
    code, said = verify("--sha256", START)
    assert (code, "is whole" in said) == (1, False), said


def test_a_packet_writes_no_lines_of_its_own(verify: Callable[..., tuple[int, str]]) -> None:
    code, said = verify(data__record__number="SO-1 is whole.\n\x1b[2J")
    assert code == 0
    assert "\x1b" not in said
    assert "SO-1 is whole.\n" not in said
