"""`clearpost setup`: the first company from a file of answers, all of it or nothing."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sqlite
Run = Callable[..., int]
ANSWERS = """\
[company]
name = "Kedai Contoh Sdn Bhd"
registration = "202001012345"
closed_through = 2026-09-30

[person]
name = "Tan Mei Ling"
email = "meiling@kedai.example"

[rules]
template = "netshop-aiaccount"
limit = 5000

[cutover]
starts_on = 2026-10-01
"""


def rows(folder: Path, sql: str) -> list[Any]:
    with sqlite3.connect(folder / "home" / "clearpost.sqlite3") as database:
        return database.execute(sql).fetchall()


def answers(folder: Path, text: str, name: str = "answers.toml") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_it_does_what_the_page_does(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("setup", "--answers", answers(tmp_path, ANSWERS)) == 0
    told = capsys.readouterr().out
    assert re.search(r"Password of meiling@kedai.example, shown only now: \S{12,}", told)
    assert "Company kedai-contoh is set up: Kedai Contoh Sdn Bhd. It is not live yet." in told
    assert "Change 1 holds its rules. A second person publishes it." in told
    company = "SELECT live, starts_on, closed_through, ruleset_version_id FROM company"
    assert rows(tmp_path, company) == [(0, "2026-10-01", "2026-09-30", None)]
    assert rows(tmp_path, "SELECT role FROM membership ORDER BY role") == [
        ("admin",),
        ("consultant",),
    ]
    [(text,)] = rows(tmp_path, "SELECT body FROM change_file WHERE path = 'clearing.rules'")
    assert "= 5000.00" in text
    [(body,)] = rows(tmp_path, "SELECT body FROM event WHERE act = 'rules.pushed'")
    assert json.loads(body)["via"] == "command line"
    assert terminal("setup", "--answers", answers(tmp_path, ANSWERS)) == 1
    assert "has one already" in capsys.readouterr().err


def test_a_wrong_answer_at_the_end_undoes_the_beginning(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = ANSWERS.replace("2026-10-01", "2026-09-30")
    assert terminal("setup", "--answers", answers(tmp_path, early)) == 1
    told = capsys.readouterr()
    assert "because the books are closed through 2026-09-30" in told.err
    assert "Password" not in told.out
    assert rows(tmp_path, "SELECT id FROM company") == []
    assert rows(tmp_path, "SELECT id FROM person") == []


def test_json_with_the_password_of_ones_own(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "company": {"name": "Kedai", "registration": "1368665-X", "closed_through": "2026-09-30"},
        "person": {"name": "Mei", "email": "mei@x.my", "password": "a long password"},
    }
    assert terminal("setup", "--answers", answers(tmp_path, json.dumps(given), "a.json")) == 0
    assert "Password" not in capsys.readouterr().out


WRONG = [
    ("limit = 5000", "limits = 5000", "nobody asks for rules: limits"),
    ("[rules]", "[ruels]", "nobody asks for ruels"),
    ('name = "Tan Mei Ling"', "", "person has no name"),
    ("limit = 5000", 'limit = "much"', "Write 3000.00"),
    ("limit = 5000", "limit = -1", "approval limit"),
    ("netshop-aiaccount", "netshop", "There is no template “netshop”"),
    ("2026-10-01", '"soon"', "“soon” is no day"),
    ("[company]", "company", "cannot be read"),
]


def test_what_it_does_not_understand_ends_it(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for old, new, told in WRONG:
        file = answers(tmp_path, ANSWERS.replace(old, new, 1))
        assert terminal("setup", "--answers", file) == 2, new
        assert told in capsys.readouterr().err
        assert rows(tmp_path, "SELECT id FROM company") == []


def test_without_answers_it_prints_a_new_address(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("setup") == 0
    told = capsys.readouterr().err
    assert re.search(r"Set up your company at http://127\.0\.0\.1:\d+/setup/\S{40,}", told)
    assert len(rows(tmp_path, "SELECT token_hash FROM setup_address")) == 1
    terminal("setup", "--answers", answers(tmp_path, ANSWERS.partition("[rules]")[0]))
    assert terminal("setup") == 1
    assert "has a company already" in capsys.readouterr().err
