"""The word laws hold for every command: its help, and what it answers over the example company.

A command is found from its parser, so a new one is among them by itself: it is either asked here or
says below why it is not.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import pytest

from portal import cli
from tests.portal.web.test_page_words import PROGRAM

STARTERS = Path(__file__).resolve().parents[3] / "portal" / "starters"
RULES = str(STARTERS / "netshop-aiaccount")
OF = ("--company", "kedai")
BY = (*OF, "--as", "adam@kedai.my")
SELDOM = re.compile(
    rf"{PROGRAM.pattern}|\bNone\b|\b0 min\b|\.\.(?!\.|/)"
    r"|\b\w+[^aeiou\W]ys\b|\bwould_pass\b|\bNaN\b|<\w+ object"
)
"""What people do not say: ids, placeholders, amounts without their thousands apart, plurals such as
`currencys`, the words of Python.
"""
TYPED = re.compile(r"`[^`]*`|“[^”]*”|\"[^\"]*\"|'[^']*'|--[\w-]+|\{[\w|\s]*\}|\S*/\S*|\S+@\S+")
"""What is typed or quoted: commands, words of others, files, addresses."""

ASKED: dict[str, Sequence[Sequence[str]]] = {
    "check": [[RULES]],
    "test": [[RULES]],
    "fmt": [["--check", RULES]],
    "explain": [[RULES], [RULES, "--topic", "ready"]],
    "diff": [[RULES, RULES]],
    "kinds": [["nothing"]],
    "version": [[]],
    "company add": [["kedai", "--name", "Kedai"],
                    ["dua", "--name", "Dua", "--like", "nothing"]],
    "company cutover": [["kedai", "2026-10-01", "--as", "adam@kedai.my"],
                        ["nothing", "2026-10-01", "--as", "adam@kedai.my"]],
    "company due": [["kedai", "mapping_missing", "12"], ["kedai", "nonsense", "1"],
                    ["kedai", "mapping_missing", "0"]],
    "company dry-run": [["kedai", "--as", "adam@kedai.my"], ["nothing", "--as", "adam@kedai.my"]],
    "company go-live": [["kedai", "--as", "adam@kedai.my"],
                        ["kedai", "--as", "adam@kedai.my", "--documents", "1"]],
    "user add": [["x@y.my", *OF, "--role", "boss"], ["adam@kedai.my", *OF, "--role", "viewer"]],
    "user password": [["nobody@y.my"]],
    "user remove": [["nobody@y.my", *OF]],
    "user two-factor-off": [["nobody@y.my", "--reason", "lost phone"],
                            ["adam@kedai.my", "--reason", "lost phone"]],
    "user sources": [["farah@kedai.my", *OF], ["farah@kedai.my", *OF, "--source", "nothing"]],
    "token add": [["nobody@y.my", *OF, "--name", "till"]],
    "token list": [[*OF]],
    "token revoke": [["99", *OF]],
    "deputy add": [["farah@kedai.my", "--for", "farah@kedai.my", *BY, "--until", "2026-12-01",
                    "--reason", "leave"]],
    "deputy end": [["99", *BY]],
    "deputy list": [[*OF]],
    "connection add": [["aiaccount", *BY, "--side", "target"]],
    "connection key": [["nothing", *BY]],
    "connection pause": [["nothing", *BY, "--reason", "r"],
                         ["aiaccount", *BY, "--reason", "night"]],
    "connection resume": [["aiaccount", *BY], ["nothing", *BY]],
    "connection preflight": [["aiaccount", *BY], [*BY]],
    "connection rates": [["aiaccount", *BY]],
    "connection set": [["aiaccount", *OF, "--as", "farah@kedai.my", "--set", "zone=UTC"],
                       ["aiaccount", *BY, "--set", "nothing=1"]],
    "connection test": [["netshop", *BY], ["nothing", *BY]],
    "doctor": [[], ["aiaccount", *BY]],
    "faults list": [],
    "ingest": [[RULES, *OF, "--source", "netshop"], ["/nowhere.json", *OF, "--source", "nothing"]],
    "invariants": [[*OF]],
    "ledger": [["/nowhere.jsonl", *OF]],
    "prune": [[*OF, "--dry-run"]],
    "publish": [["99", *BY], ["1", *OF, "--as", "farah@kedai.my"]],
    "records export": [["/proc/none", *OF]],
    "replay": [[*OF]],
    "rules pull": [["/proc/none", *OF], [RULES, *OF]],
    "rules push": [[RULES, *BY]],
    "trace": [["SO-10240", *OF], ["SO-10203", *OF], ["nothing", *OF]],
    "try": [[RULES, "/nowhere.json"]],
    "preflight": [[RULES, "/nowhere"]],
    "backtest": [[RULES, RULES, "/nowhere"]],
    "evidence verify": [["/nowhere.zip"]],
    "verify": [[*OF], [*OF, "--not-covered"]],
    "packet": [["nothing", *BY]],
    "migrate": [[]],
    "setup": [["--answers", "/nowhere.toml"]],
    "init": [["/proc/none"]],
    "connector test": [["nothing"]],
    "backup": [["/proc/none/b.zip"]],
    "restore": [["/nowhere.zip"]],
    "key new": [[]],
}  # fmt: skip
NOT_ASKED = {
    "up": "goes on until it is stopped",
    "portal": "goes on until it is stopped",
    "worker": "goes on until it is stopped",
    "lsp": "speaks the protocol of editors",
    "simulate": "goes on until it is stopped",
    "demo": "goes on until it is stopped; tests/sandbox/demo",
    "bench": "measures for minutes",
    "key rotate": "replaces the key of the home that other tests use",
    "connector new": "writes a folder of code",
    "connection settings": "lists the names that --set takes",
    "user roles": "lists the addresses of programs",
    "faults list": "lists the names that CLEARPOST_FAULTS takes",
    "kinds": "lists fields as rule files name them",
}


def commands(group: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command by its words, groups too."""
    yield " ".join(path), group
    if isinstance(group, click.Group):
        for name in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), name)
            assert command is not None
            yield from commands(command, *path, name)


EVERY = dict(commands(cli.commands))
LEAVES = {name for name, one in EVERY.items() if not isinstance(one, click.Group)}


def odd(text: str) -> list[str]:
    """The lines that say what people do not say."""
    return [line for line in text.splitlines() if SELDOM.search(TYPED.sub(" ", line))]


def test_odd_words_are_seen() -> None:
    text = "tax_rate\nRM 1234.00\nNone\n0 min\n2 currencys\nmapping_missing\nend..\n‹x›\n%(x)s"
    assert odd(text) == text.split("\n")
    assert odd("as `mapping_missing`, “tax_rate”, /a/b_c.rules, two keys, days …, on …") == []


@pytest.mark.parametrize("name", sorted(EVERY))
def test_its_help_is_in_words(name: str) -> None:
    command = EVERY[name]
    usage = re.compile(r"Usage:.*?\n\n", re.DOTALL)
    text = usage.sub("", command.get_help(click.Context(command, info_name=name)), count=1)
    begins = re.compile(r'\s*["{]')  # a line of a file
    lines = [line for line in text.splitlines() if not begins.match(line)]
    assert odd("\n".join(lines)) == []
    assert [line for line in lines if line.endswith("...")] == []  # nothing is cut off
    assert command.help


def test_each_command_is_asked_or_says_why_not() -> None:
    assert set(ASKED) | set(NOT_ASKED) >= LEAVES
    assert not (set(ASKED) | set(NOT_ASKED)) - LEAVES


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.usefixtures("database")
def test_what_it_answers_is_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    found = {}
    for name, asked in ASKED.items():
        for words in asked:
            told = io.StringIO()
            monkeypatch.setattr("sys.argv", ["clearpost", *name.split(), *words])
            with redirect_stdout(told), redirect_stderr(told), pytest.raises(SystemExit) as ended:
                cli.main()
            assert ended.value.code in (0, 1, 2, 3), (name, words, told.getvalue())
            if wrong := odd(told.getvalue()):
                found[name, *words] = wrong
    assert found == {}
