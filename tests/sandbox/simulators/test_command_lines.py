"""Every stand-in says what its options do, and at its start all that a connection to it needs."""

import argparse
import importlib
import json
import subprocess
import sys
from urllib.request import urlopen

import pytest

from portal.cli.server import SIMULATORS

NAMES = sorted(SIMULATORS)
SHOPS = {"netshop", "woocommerce", "shopify", "shopee", "lazada"}
IDS = {
    "aiaccount": {"company_id", "company_name"},
    "autocount": {"company_id", "key_id"},
    "autocount_aotg": {"company_id", "user_name"},
    "quickbooks": {"company_id", "client_id", "token", "token_path", "authorization_path"},
    "shopee": {"partner_id", "shop_id"},
    "lazada": {"app_key"},
}
"""What each is asked for besides its key; the others have no such number."""


class HeardError(Exception):
    """The parser of a stand-in is made; it carries it."""


@pytest.fixture
def parser_of(monkeypatch):
    """The command line of a stand-in, as it is when it reads its words."""

    def heard(parser, *_):
        raise HeardError(parser)

    def made(name):
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", heard)
        main = importlib.import_module(f"{SIMULATORS[name][0]}.__main__").main
        with pytest.raises(HeardError) as error:
            main([])
        return error.value.args[0]

    return made


@pytest.mark.parametrize("name", NAMES)
def test_each_option_of_a_stand_in_has_words_of_its_own(name, parser_of):
    parser = parser_of(name)
    options = [one for one in parser._actions if one.option_strings]
    told = {one.option_strings[-1]: str(one.help or "") for one in options}
    assert {"--help", "--port", "--ledger", "--home", "--watch-parent"} <= told.keys()
    answers = {"--seed", "--withhold", "--hang"} & told.keys()
    if name == "autocount_excel":
        assert not answers, "a person imports there, and nothing waits for an answer"
    else:
        assert len(answers) == (1 if name in SHOPS else 3)
    assert [one for one, words in told.items() if len(words) < 10] == []
    assert len({*told.values()}) == len(told), "no two do the same"
    assert name in parser.description
    assert str(SIMULATORS[name][1]) in told["--port"]


@pytest.mark.parametrize("name", NAMES)
def test_its_first_line_tells_addresses_key_ids_and_faults_and_they_are_true(name, tmp_path):
    words = ["--port", "0", "--ledger", str(tmp_path / "ledger"), "--watch-parent"]
    child = subprocess.Popen(
        [sys.executable, "-m", SIMULATORS[name][0], *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told = json.loads(child.stdout.readline())
        assert told["name"] == name
        assert {"url", "control", "key", "faults"} | IDS.get(name, set()) <= told.keys()
        assert bool(told["key"]) == (name != "autocount_excel"), "a person imports there"
        assert all(told[one] for one in IDS.get(name, ()))
        assert ("webhooks_to" in told) == (name in SHOPS)
        with urlopen(f"{told['control']}faults", timeout=10) as answer:
            known = json.loads(answer.read())["known"]
        assert sorted(told["faults"]) == known
        assert known
    finally:
        child.kill()
        child.communicate()
