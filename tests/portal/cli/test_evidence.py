"""`clearpost evidence verify`: what it says is what was proved, and no file ends in a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.holding.evidence.packets import written

Run = Callable[..., int]


@pytest.mark.parametrize("line", ["[" * 100_000, "[]", '{"company":"kedai","seq":Infinity}'])
def test_noted_heads_that_are_none_end_with_words(
    terminal: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str
) -> None:
    heads = tmp_path / "anchors.jsonl"
    heads.write_text(line)
    code = terminal("evidence", "verify", str(written(tmp_path)), "--anchors", str(heads))
    assert code == 2
    assert "is no file of noted heads" in capsys.readouterr().err
