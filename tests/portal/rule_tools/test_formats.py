"""A finding says the same to everybody: terminal, JSON, SARIF, a code host, an editor."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from pygls.workspace import PositionCodec

from portal.editor.language_server import Answers, RuleSet
from portal.rule_tools.rule_files import examine, read_files
from tests.portal.rule_tools.test_cli_files import run

RULES = (Path(__file__).parents[2] / "acceptance" / "tea.rules").read_text("utf-8")
CHECKED = (
    ("    | amounts, party, not_ready | locked | block                 |\n", ""),  # rows to paste
    ("require  period = open", "require  period = opened"),
    ("by       accounts\n    never", "by       acounts\n    never"),
    (
        "The shop left {field} blank.",
        "100% of {fields}: <b>nothing</b>, [not] %0A a thing; Ünïcode 茶.",
    ),
    ('"C-78"  ->', '"C-77"  ->'),
    ("map tax_code\n", "map tax_codes\n"),
)
UNREAD = (
    ("require  period = open", "requires period == open"),
    ("by       accounts\n    never", "by       “accounts”\n    never"),
    ("tolerance  0.00", "tolerance  1,000.00"),
    ('say      "The period of {ordered_on} is locked."', "say      The period is locked."),
)


@pytest.mark.parametrize("broken", [CHECKED, UNREAD], ids=["checked", "unread"])
def test_everybody_reads_the_same_words(
    broken: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    text = RULES
    for right, wrong in broken:
        assert right in text
        text = text.replace(right, wrong, 1)
    file = tmp_path / "tea.rules"
    file.write_text(text, "utf-8")
    _, problems = examine(read_files([file]))
    assert len(problems) >= len(broken) - 1

    drawn = run("check", file, "--all").stdout
    plain = run("check", file, "--all", "--plain").stdout
    told = json.loads(run("check", file, "--json").stdout)["findings"]
    (log,) = json.loads(run("check", file, "--format", "sarif").stdout)["runs"]
    github = run("check", file, "--format", "github").stdout.splitlines()
    edited = Answers(RuleSet(tmp_path), PositionCodec()).diagnostics()["tea.rules"]
    assert len(told) == len(log["results"]) == len(github) == len(edited) == len(problems)
    for number, problem in enumerate(problems):
        said = (problem.message, problem.hint)
        assert f"[{problem.code}]: {problem.message}\n" in drawn
        assert f"= hint: {problem.hint}\n" in drawn
        below = tuple(each.message for each in problem.follows)
        for words in (*said, *below):
            assert " ".join(words.split()) in plain
            assert words in log["results"][number]["message"]["text"]
            assert words in edited[number].message
        assert (told[number]["message"], told[number]["hint"]) == said
        _, _, data = github[number].removeprefix("::").partition("::")
        assert unquote(data).split("\nSo too: ")[0] == "\n".join(said)
        assert all(words in unquote(data) and words in drawn for words in below)
        place = log["results"][number]["locations"][0]["physicalLocation"]["region"]
        assert (place["startLine"], place["startColumn"]) == (
            problem.span.line,
            problem.span.column,
        )
        assert f"line={problem.span.line}," in github[number]
        assert edited[number].range.start.line == problem.span.line - 1
