"""Blocks of lines, and the same blocks read again by another process."""

import gzip
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.backtest import record_files
from portal.backtest.record_files import RecordFiles, UnreadableError

MARK = b"\xef\xbb\xbf"
LINES = st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")), max_size=30)


@given(lines=LINES, block=st.integers(1, 90), ends=st.booleans(), marked=st.booleans())
def test_another_process_reads_just_the_lines_it_is_given(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    block: int,
    ends: bool,
    marked: bool,
) -> None:
    """Whatever the lines are, wherever blocks end, with a mark of UTF-8 before them or not."""
    path = tmp_path_factory.mktemp("records") / "r.jsonl"
    said = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    path.write_bytes((MARK if marked else b"") + said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_files, "BLOCK", block)
        blocks = list(RecordFiles.at(path).blocks())
    there = [pickle.loads(pickle.dumps(one.without_text())) for one in blocks]
    assert all(one.raw == b"" for one in there)
    assert [one.text() for one in there] == [one.raw for one in blocks]
    assert b"".join(one.text() for one in there) == said.removeprefix(b"" if marked else MARK)
    before = [sum(len(b.raw) for b in blocks[:n]) for n in range(len(blocks))]
    firsts = [1 + said[:size].count(b"\n") for size in before]
    assert [one.first for one in there] == firsts


def test_lines_that_do_not_lie_on_disk_as_they_are_go_with_their_block(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"body": {}}\n'))
    (tmp_path / "b.json").write_bytes(b'[{"body": {}}]')
    for block in RecordFiles.at(tmp_path).blocks():
        assert block.without_text().text() == block.raw != b""


def test_a_file_that_became_shorter_meanwhile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"body": {}}\n' * 3)
    (block,) = RecordFiles.at(path).blocks()
    path.write_bytes(b'{"body": {}}\n')
    with pytest.raises(UnreadableError, match="became shorter"):
        block.without_text().text()
    path.unlink()
    with pytest.raises(UnreadableError, match="cannot be read"):
        block.without_text().text()
