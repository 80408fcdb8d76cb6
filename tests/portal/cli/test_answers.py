"""`clearpost setup`: a company from a file of answers, all of it or nothing."""

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
einvoice_limit = 7500.50
einvoice_at_limit = true

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


@pytest.mark.slow
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
    assert "    from 2024-08-01 = 7500.50\n" in text
    assert "total >= e_invoice_limit" in text
    [(body,)] = rows(tmp_path, "SELECT body FROM event WHERE act = 'rules.pushed'")
    assert json.loads(body)["via"] == "command line"
    assert terminal("setup", "--answers", answers(tmp_path, ANSWERS)) == 1
    assert "There is a company kedai-contoh already." in capsys.readouterr().err
    assert len(rows(tmp_path, "SELECT id FROM company")) == 1


@pytest.mark.slow
def test_a_second_company_takes_its_person_and_the_people_of_the_first(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = ANSWERS.partition("[rules]")[0]
    assert terminal("setup", "--answers", answers(tmp_path, begin)) == 0
    of_first = ("--company", "kedai-contoh")
    assert terminal("user", "add", "lim@kedai.example", *of_first, "--role", "publisher") == 0
    [(word,)] = rows(tmp_path, "SELECT password_hash FROM person WHERE email LIKE 'meiling@%'")
    capsys.readouterr()
    second = begin.replace("Kedai Contoh", "Warung Dua").replace(
        "[person]", 'like = "kedai-contoh"\n\n[person]'
    )
    assert terminal("setup", "--answers", answers(tmp_path, second)) == 0
    told = capsys.readouterr().out
    assert "Password" not in told
    assert "meiling@kedai.example has an account already" in told
    assert "Copied from Kedai Contoh Sdn Bhd: 1 person, 0 recipients of notices." in told
    assert rows(tmp_path, "SELECT code, live FROM company ORDER BY id") == [
        ("kedai-contoh", 0),
        ("warung-dua", 0),
    ]
    held = "SELECT email, role FROM membership JOIN person ON person.id = person_id"
    assert rows(tmp_path, f"{held} WHERE company_id = 2 ORDER BY email, role") == [
        ("lim@kedai.example", "publisher"),
        ("meiling@kedai.example", "admin"),
        ("meiling@kedai.example", "consultant"),
    ]
    now = rows(tmp_path, "SELECT password_hash FROM person WHERE email LIKE 'meiling@%'")
    assert now == [(word,)]
    unknown = second.replace("Warung Dua", "Tiga").replace('"kedai-contoh"', '"nowhere"')
    assert terminal("setup", "--answers", answers(tmp_path, unknown)) == 1
    assert len(rows(tmp_path, "SELECT id FROM company")) == 2


@pytest.mark.slow
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


@pytest.mark.slow
def test_json_with_the_password_of_ones_own(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "company": {"name": "Kedai", "registration": "1368665-X", "closed_through": "2026-09-30"},
        "person": {"name": "Mei", "email": "mei@x.my", "password": "a long password"},
    }
    assert terminal("setup", "--answers", answers(tmp_path, json.dumps(given), "a.json")) == 0
    assert "Password" not in capsys.readouterr().out


PARTS = """
[[connections]]
name = "netshop"
side = "source"

[[connections]]
name = "aiaccount"
side = "target"
key_env = "AIACCOUNT_KEY"
[connections.settings]
base_url = "https://api.example.com"
company_id = "CMP-1042"
company_name = "Kedai Contoh Sdn Bhd"

[[connections]]
name = "shop"
system = "shopify"
side = "source"
key_file = "shop.key"

[[people]]
email = "pua@kedai.example"
name = "Pua"
roles = ["publisher"]
"""
KEYS = {"AIACCOUNT_KEY": "aia_live_from_env_7Qk2", "shop.key": "shp_secret_from_file_9"}


@pytest.mark.slow
def test_it_makes_connections_and_invites_people_and_tells_no_key(
    terminal: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIACCOUNT_KEY", f" {KEYS['AIACCOUNT_KEY']}\n")
    (tmp_path / "shop.key").write_text(f"{KEYS['shop.key']}\n", "utf-8")
    assert terminal("setup", "--answers", answers(tmp_path, ANSWERS + PARTS)) == 0
    told = "".join(capsys.readouterr())
    assert not [key for key in KEYS.values() if key in told]
    [secret] = re.findall(r"Secret of netshop, shown only now: (\S{40,})", told)
    link = r"Invitation of pua@kedai.example as Rule publisher, works once until \S+: (\S+)"
    [url] = re.findall(link, told)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/join/\S{40,}", url)
    assert "Next: clearpost connection test NAME --company" in told
    found = "SELECT name, side, connector, key_id IS NULL, untested_since IS NULL FROM connection"
    assert rows(tmp_path, f"{found} ORDER BY name") == [
        ("aiaccount", "target", "aiaccount", 0, 0),
        ("netshop", "source", "netshop", 0, 1),
        ("shop", "source", "shopify", 0, 1),
    ]
    [tails] = rows(tmp_path, "SELECT group_concat(tail, ' ') FROM connection_key ORDER BY id")
    assert "7Qk2" in tails[0]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("*.sqlite3*"))
    for word in (*KEYS.values(), secret, url.rpartition("/")[2]):
        assert word.encode() not in kept
    assert rows(tmp_path, "SELECT email, roles FROM access_link") == [
        ("pua@kedai.example", '["publisher"]')
    ]


WRONG_PARTS = [
    ('key_env = "AIACCOUNT_KEY"', 'key_env = "NO_SUCH_KEY"', "NO_SUCH_KEY is not set"),
    ('key_file = "shop.key"', 'key_file = "none.key"', "cannot be read"),
    ('key_file = "shop.key"', 'key_file = "blank.key"', "has no key"),
    ('key_file = "shop.key"', 'key_file = "shop.key"\nkey_env = "X"', "a key_file and a key_env"),
    ('key_file = "shop.key"', 'key = "shp"', "nobody asks for connections: key"),
    ('side = "target"', 'side = "left"', "“left” is not a side"),
    ('system = "shopify"', 'system = "shop2"', "no source named “shop2”"),
    ('base_url = "https://api.example.com"', "", "base_url"),
    ('company_id = "CMP-1042"', 'company = "CMP-1042"', "company"),
    ('roles = ["publisher"]', "roles = []", "has no roles"),
    ('roles = ["publisher"]', 'roles = "publisher"', "has no roles"),
    ('roles = ["publisher"]', 'roles = ["boss"]', "cannot be boss"),
    ('roles = ["publisher"]', 'roles = ["publisher", "consultant"]', "understood = true"),
    ('"pua@kedai.example"', '"pua"', "pua"),
    ("[[people]]", "[people]", "people is not a list"),
]


@pytest.mark.slow
def test_a_wrong_connection_or_person_undoes_all_of_it(
    terminal: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIACCOUNT_KEY", KEYS["AIACCOUNT_KEY"])
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    (tmp_path / "shop.key").write_text(KEYS["shop.key"], "utf-8")
    (tmp_path / "blank.key").write_text(" \n", "utf-8")
    for old, new, words in WRONG_PARTS:
        assert old in PARTS
        file = answers(tmp_path, ANSWERS + PARTS.replace(old, new, 1))
        assert terminal("setup", "--answers", file) in (1, 2), new
        told = capsys.readouterr()
        assert words in told.err, (new, told.err)
        assert "shown only now" not in told.out
        assert not [key for key in KEYS.values() if key in told.out + told.err]
        assert rows(tmp_path, "SELECT id FROM company") == []
        assert rows(tmp_path, "SELECT id FROM connection") == []


REFUSED = [
    (
        "aia_live_from_env_7Qk2",
        "aia live",
        "connection aiaccount, AIACCOUNT_KEY: The key has white",
    ),
    ("aia_live_from_env_7Qk2", "a", "connection aiaccount, AIACCOUNT_KEY: This cannot be a key."),
    ("shp_secret_from_file_9", "shp\tsecret", "connection shop, shop.key: The key has white space"),
    ('name = "shop"', 'name = "Shop 1"', "connection Shop 1: A connection cannot be called"),
    ('name = "shop"', 'name = "netshop"', "connection netshop: There is a connection"),
    ('"pua@kedai.example"', '"pua"', "people: pua: "),
    ('"meiling@kedai.example"', '"mei"', "person: "),
    ("[rules]", 'password = "short"\n[rules]', "person: The password must have at least"),
    ('"202001012345"', '"12"', "company: "),
    ("2026-10-01", "2026-09-30", "cutover: "),
]
"""What a service refuses -> the answer that it refuses."""


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "words"), REFUSED)
def test_a_refusal_names_the_answer_that_is_refused(
    terminal: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    words: str,
) -> None:
    monkeypatch.setenv("AIACCOUNT_KEY", KEYS["AIACCOUNT_KEY"].replace(old, new))
    (tmp_path / "shop.key").write_text(KEYS["shop.key"].replace(old, new), "utf-8")
    file = answers(tmp_path, (ANSWERS + PARTS).replace(old, new, 1))
    assert terminal("setup", "--answers", file) in (1, 2)
    told = capsys.readouterr()
    assert words in told.err, told.err
    assert not [key for key in KEYS.values() if key in told.out + told.err]
    assert rows(tmp_path, "SELECT id FROM company") == []


WRONG = [
    ("limit = 5000", "limits = 5000", "rules: limits is not a question of the set-up"),
    ("[rules]", "[ruels]", "ruels is not a question of the set-up"),
    ('name = "Tan Mei Ling"', "", "person has no name"),
    ("limit = 5000", 'limit = "much"', "rules: “much” is not an amount"),
    ("limit = 5000", 'hour = "25:00"', "rules: “25:00” is not a time"),
    ("limit = 5000", f"limit = {'[' * 3_000}", "cannot be read"),
    ("limit = 5000", "limit = -1", "approval limit"),
    ("7500.50", "-1", "rules: einvoice_limit is not an amount"),
    ("7500.50", '"much"', "rules: “much” is not an amount"),
    ("= true", '= "perhaps"', "rules: einvoice_at_limit: “perhaps”"),
    ("einvoice_at_limit = true", 'einvoice_from = "soon"', "rules: einvoice_from: “soon” is"),
    ("netshop-aiaccount", "netshop", "rules: unknown template “netshop”"),
    ("2026-10-01", '"soon"', "cutover: starts_on: “soon” is not a day"),
    ("2026-09-30", '"soon"', "company: closed_through: “soon” is not a day"),
    ("[company]", "company", "cannot be read"),
]


@pytest.mark.slow
def test_what_it_does_not_understand_ends_it(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for old, new, told in WRONG:
        file = answers(tmp_path, ANSWERS.replace(old, new, 1))
        assert terminal("setup", "--answers", file) == 2, new
        assert told in capsys.readouterr().err
        assert rows(tmp_path, "SELECT id FROM company") == []


@pytest.mark.slow
def test_without_answers_it_prints_a_new_address(
    terminal: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("setup") == 0
    told = capsys.readouterr().err
    assert re.search(r"Set up your company at http://127\.0\.0\.1:\d+/setup/\S{40,}", told)
    assert len(rows(tmp_path, "SELECT token_hash FROM setup_address")) == 1
    terminal("setup", "--answers", answers(tmp_path, ANSWERS.partition("[rules]")[0]))
    capsys.readouterr()
    assert terminal("setup") == 0
    assert re.search(r" at http://127\.0\.0\.1:\d+/companies/new\n", capsys.readouterr().out)
