"""The small parts every connector stands on: clock, faults, the way out."""

import errno
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.contract.schema import MASTER_DATA
from connectors.registry import schemas, sources, targets
from connectors.transport import strict_json
from connectors.transport.http import (
    ANSWER_CAP,
    LONGEST_PAUSE,
    Http,
    HttpFailure,
    MachineClock,
    mask,
    retry_after,
    without_secrets,
)
from connectors.transport.strict_json import Blocked, resolve_url

ROOT = Path(__file__).parents[3]


class TestClock:
    def test_the_offset_is_read_at_each_call(self, tmp_path):
        clock = MachineClock(tmp_path)
        (tmp_path / "clock").write_text("3600\n")
        assert clock.now() - datetime.now(UTC) > timedelta(minutes=59)
        (tmp_path / "clock").write_text("-3600.5")
        assert clock.now() < datetime.now(UTC)
        (tmp_path / "clock").unlink()
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)

    @pytest.mark.parametrize("text", ["", "soon"])
    def test_a_file_that_is_being_written_does_not_move_time(self, tmp_path, text):
        clock = MachineClock(tmp_path)
        (tmp_path / "clock").write_text("3600")
        assert clock.now() - datetime.now(UTC) > timedelta(minutes=59)
        (tmp_path / "clock").write_text(text)
        assert clock.now() - datetime.now(UTC) > timedelta(minutes=59)

    @pytest.mark.parametrize("environment", ["production", ""])
    def test_production_has_no_offset(self, tmp_path, monkeypatch, environment):
        monkeypatch.setenv("CLEARPOST_ENV", environment)
        (tmp_path / "clock").write_text("3600")
        assert abs(MachineClock(tmp_path).now() - datetime.now(UTC)) < timedelta(seconds=5)

    def test_without_a_home(self):
        clock = MachineClock()
        before = clock.monotonic()
        clock.sleep(0)
        assert clock.now().tzinfo is UTC
        assert clock.monotonic() >= before


def plan(text, **more):
    return strict_json.read_plan({"CLEARPOST_FAULTS": text, "CLEARPOST_ENV": "test", **more})


class TestFaults:
    def test_nothing_is_planned_by_default(self):
        assert strict_json.read_plan({}) is None
        strict_json.fault_point("push.after_send")

    @pytest.mark.parametrize("environment", ["production", "demo", ""])
    def test_a_plan_outside_a_test_refuses_to_start(self, environment):
        with pytest.raises(strict_json.FaultError, match="refusing to start"):
            strict_json.read_plan(
                {"CLEARPOST_FAULTS": "sweep.mid=kill", "CLEARPOST_ENV": environment}
            )

    @pytest.mark.parametrize(
        "text",
        ["x", "no.such=kill", "sweep.mid=explode", "sweep.mid=error:odd", "sweep.mid=kill@0"],
    )
    def test_a_plan_that_means_nothing(self, text):
        with pytest.raises(strict_json.FaultError):
            plan(text)

    def test_only_at_the_nth_hit(self):
        third = plan("sweep.mid=raise@3;eval.each=note")
        third.reach("sweep.mid")
        third.reach("sweep.mid")
        third.reach("eval.each")
        third.reach("claim.before")
        with pytest.raises(strict_json.FaultError):
            third.reach("sweep.mid")
        third.reach("sweep.mid")

    def test_by_chance_but_the_same_each_time(self):
        def hits(seed):
            planned, found = plan("sweep.mid=raise%30", CLEARPOST_SEED=seed), []
            for at in range(100):
                try:
                    planned.reach("sweep.mid")
                except strict_json.FaultError:
                    found.append(at)
            return found

        assert hits("1") == hits("1") != hits("2")
        assert 15 < len(hits("1")) < 45

    def test_the_kinds_of_errors(self):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            plan("sweep.mid=error:locked").reach("sweep.mid")
        for word, number in (("full", errno.ENOSPC), ("io", errno.EIO)):
            with pytest.raises(OSError) as raised:  # noqa: PT011 - the number is checked
                plan(f"sweep.mid=error:{word}").reach("sweep.mid")
            assert raised.value.errno == number

    def test_a_kill_is_a_kill_and_stands_in_the_log(self, tmp_path):
        log = tmp_path / "faults.log"
        program = (
            "from connectors.transport.strict_json import fault_point\n"
            "for _ in 'abc': fault_point('sweep.mid')"
        )
        given = {
            "CLEARPOST_FAULTS": "sweep.mid=kill@2",
            "CLEARPOST_ENV": "test",
            "CLEARPOST_FAULT_LOG": str(log),
        }
        child = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **given}, check=False, cwd=ROOT
        )
        assert child.returncode == -signal.SIGKILL
        (line,) = [json.loads(one) for one in log.read_text().splitlines()]
        assert (line["point"], line["hit"], line["action"]) == ("sweep.mid", 2, "kill")

    def test_every_point_in_the_code_is_in_the_register(self):
        used = set()
        for floor in ("connectors", "holding", "workers", "portal"):
            for file in (ROOT / floor).rglob("*.py"):
                used |= set(re.findall(r"\bfault_point\(\"([a-z._]+)\"\)", file.read_text()))
        assert used <= set(strict_json.POINT_NAMES)
        assert {"push.after_connect", "push.after_send", "push.after_answer"} <= used


INSIDE = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://localhost/",
    "https://localhost./",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://198.18.0.1/",
    "https://192.0.2.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2001:0:7f00:1::]/",
    "https://0x7f.1/",
    "https://127.0.0.1#@example.com/",
    "https://[ff02::1]/",
    "https://127.255.255.254/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0300.0250.1.1/",
    "https://3232235777/",
    "https://0xc0a80101/",
    "https://2852039166/",
    "https://0xa9fea9fe/latest/meta-data",
    "https://10.255.255.255/",
    "https://172.31.255.255/",
    "https://192.168.255.255/",
    "https://192.0.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://239.255.255.250/",
    "https://0.1.2.3/",
    "https://100.127.255.255/",
    "https://169.254.170.2/v2/credentials",
    "https://LOCALHOST/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:192.168.1.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fd00:ec2::254]/latest/meta-data",
    "https://[fe80::1%25eth0]/",
    "https://[2002:c0a8:101::]/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[ff05::2]/",
]
ODD = [
    "",
    "aiaccount.example",
    "//example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/",
    "https://",
    "https:///path",
    "https://user@93.184.216.34/",
    "https://user:password@93.184.216.34/",
    "https://example.com@127.0.0.1/",
    "https://[::1",
    "https://93.184.216.34:99999/",
    "https://" + "a" * 70 + ".example/",
    "http://93.184.216.34/",
]


class TestTheWayOut:
    @pytest.fixture(autouse=True)
    def _closed(self, monkeypatch):
        monkeypatch.delenv("CLEARPOST_ALLOW_LOOPBACK")

    @pytest.mark.parametrize("url", INSIDE + ODD)
    def test_these_are_not_called(self, url):
        assert isinstance(resolve_url(url), Blocked)
        answer = Http().request("GET", url, headers={})
        assert isinstance(answer, HttpFailure)
        assert answer.kind in {"blocked", "not_sent"}

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8201/", "http://[::1]:8201/"])
    def test_a_refused_stand_in_names_its_settings(self, url):
        blocked = resolve_url(url)
        assert "CLEARPOST_ENV=test" in blocked.words
        assert "CLEARPOST_ALLOW_LOOPBACK=1" in blocked.words
        assert "CLEARPOST" not in resolve_url("http://10.0.0.1/").words

    def test_loopback_needs_both_settings(self, monkeypatch):
        monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
        assert not isinstance(resolve_url("http://127.0.0.1:1/"), Blocked)
        assert isinstance(resolve_url("http://10.0.0.1:1/"), Blocked)
        monkeypatch.setenv("CLEARPOST_ENV", "production")
        assert isinstance(resolve_url("http://127.0.0.1:1/"), Blocked)

    def test_one_bad_address_of_a_name_is_enough(self, monkeypatch):
        monkeypatch.setattr(strict_json.socket, "getaddrinfo", answers("93.184.216.34", "10.0.0.1"))
        assert isinstance(resolve_url("https://two.example/"), Blocked)

    def test_a_public_address_is_allowed(self, monkeypatch):
        monkeypatch.setattr(strict_json.socket, "getaddrinfo", answers("93.184.216.34"))
        found = resolve_url("https://one.example:8443/x")
        assert (found.address, found.host, found.port) == ("93.184.216.34", "one.example", 8443)


def answers(*found):
    def getaddrinfo(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    return getaddrinfo


class TestHttp:
    def test_the_name_is_resolved_once_and_that_address_is_called(self, httpserver, monkeypatch):
        httpserver.expect_request("/x").respond_with_data("here")
        port, asked = httpserver.port, []
        original = socket.getaddrinfo

        def rebinding(host, wanted, *more, **named):
            if host == "rebind.example":
                asked.append(host)
                host = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
            return original(host, wanted, *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        answer = Http().request("GET", f"http://rebind.example:{port}/x", headers={})
        assert answer.body == b"here"
        assert len(asked) == 1

    def test_redirects_are_answers_not_orders(self, httpserver):
        httpserver.expect_request("/a").respond_with_data("", 302, {"Location": "/b"})
        answer = Http().request("GET", httpserver.url_for("/a"), headers={})
        assert answer.status == 302
        assert len(httpserver.log) == 1

    def test_proxies_of_the_environment_are_not_used(self, httpserver, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        httpserver.expect_request("/a").respond_with_data("x")
        assert Http().request("GET", httpserver.url_for("/a"), headers={}).body == b"x"

    def test_an_endless_answer_is_cut(self, httpserver):
        httpserver.expect_request("/a").respond_with_data(b"x" * (ANSWER_CAP + 1))
        answer = Http().request("GET", httpserver.url_for("/a"), headers={})
        assert (answer.kind, answer.status) == ("no_answer", 200)
        assert "longer than 5 MB" in answer.words

    def test_the_fault_points_lie_inside_a_push_only(self, httpserver, monkeypatch):
        httpserver.expect_request("/a").respond_with_data("x")
        reached = []
        monkeypatch.setattr("connectors.transport.http.fault_point", reached.append)
        Http().request("GET", httpserver.url_for("/a"), headers={})
        assert reached == []
        Http().request("POST", httpserver.url_for("/a"), headers={}, body=b"x", push=True)
        assert reached == ["push.after_connect", "push.after_send", "push.after_answer"]

    def test_nothing_secret_is_kept(self):
        proof = {"Authorization": "Bearer k", "Cookie": "c", "API-Key": "k"}
        assert without_secrets({**proof, "Accept": "a"}) == {
            **dict.fromkeys(proof, "***"),
            "Accept": "a",
        }
        assert mask(b'{"you sent": "k-1"}', "k-1") == b'{"you sent": "***"}'
        assert mask(b"x", "") == b"x"

    def test_retry_after(self):
        now = datetime(2026, 11, 20, 2, tzinfo=UTC)
        assert retry_after({"retry-after": "7"}, now) == 7
        assert retry_after({"retry-after": "2.5"}, now) == 2.5
        assert retry_after({"retry-after": "9" * 400}, now) == LONGEST_PAUSE  # no infinity
        assert retry_after({"retry-after": "Fri, 20 Nov 2026 02:00:30 GMT"}, now) == 30
        assert retry_after({"retry-after": "Thu, 19 Nov 2026 02:00:30 GMT"}, now) == 0
        assert retry_after({"retry-after": "soon"}, now) is None
        far = "Fri, 31 Dec 9999 23:59:59 GMT"
        assert retry_after({"retry-after": far}, now) == LONGEST_PAUSE
        for wrong in ("Fri, 20 Nov 99999999999999 02:00:30 GMT", f"{far[:-3]}+99999999999999"):
            assert retry_after({"retry-after": wrong}, now) is None
        assert retry_after({}, now) is None


def test_the_register_knows_its_connectors_by_their_names():
    shops = {"lazada", "netshop", "shopee", "shopify", "woocommerce"}
    assert set(sources()) == {"intake", "sql", "workbook", *shops}
    ways = {"autocount", "autocount_aotg", "autocount_excel"}
    assert set(targets()) == {"aiaccount", "quickbooks", *ways}
    documents, kinds = schemas()
    served = [(one.target, one.name) for one in documents if one.connected]
    assert served == [
        ("aiaccount", "sales_invoice"),
        ("aiaccount", "sales_receipt"),
        ("aiaccount", "expense_bill"),
        ("aiaccount", "expense_payment"),
        ("aiaccount", "sales_refund"),
        ("autocount", "invoice"),
        ("autocount", "credit_note"),
        ("autocount", "purchase_order"),
        ("autocount", "purchase_invoice"),
        ("autocount", "ar_payment"),
        ("autocount", "ap_invoice"),
        ("autocount", "ap_payment"),
        ("autocount", "knock_off"),
        ("autocount_aotg", "ar_invoice"),
        ("autocount_excel", "invoice"),
        ("autocount_excel", "credit_note"),
        ("autocount_excel", "cash_sale"),
        ("autocount_excel", "sales_order"),
        ("autocount_excel", "delivery_order"),
        ("autocount_excel", "goods_received_note"),
        ("autocount_excel", "ar_payment"),
        ("autocount_excel", "ap_invoice"),
        ("autocount_excel", "ap_payment"),
        ("quickbooks", "invoice"),
        ("quickbooks", "sales_receipt"),
        ("quickbooks", "payment"),
        ("quickbooks", "credit_memo"),
        ("quickbooks", "refund_receipt"),
        ("quickbooks", "bill"),
        ("quickbooks", "bill_payment"),
    ]
    assert [(one.source, one.kind) for one in kinds if one.connected] == [
        ("intake", "order"),
        ("intake", "delivery"),
        ("intake", "refund"),
        ("intake", "receipt"),
        ("intake", "purchase"),
        ("intake", "arrival"),
        ("intake", "settlement"),
        ("intake", "settlement_payment"),
        ("lazada", "order"),
        ("lazada", "refund"),
        ("lazada", "payout"),
        ("lazada", "order_payment"),
        ("netshop", "order"),
        ("netshop", "refund"),
        ("netshop", "delivery"),
        ("netshop", "purchase"),
        ("netshop", "settlement"),
        ("netshop", "payout"),
        ("netshop", "order_payment"),
        ("shopee", "order"),
        ("shopee", "refund"),
        ("shopee", "payout"),
        ("shopee", "order_payment"),
        ("shopify", "order"),
        ("shopify", "delivery"),
        ("shopify", "refund"),
        ("shopify", "payout"),
        ("shopify", "order_payment"),
        ("sql", "order"),
        ("sql", "settlement"),
        ("woocommerce", "order"),
        ("woocommerce", "refund"),
        *(("workbook", one.kind) for one in sources()["intake"].kinds),
    ]
    assert len({(one.target, one.name) for one in documents}) == len(documents)
    assert len({(one.source, one.kind) for one in kinds}) == len(kinds)
    for document in documents:
        names = [one.name for one in document.header]
        assert len(set(names)) == len(names)
        named = {document.number_field, document.date_field, document.party_field}
        assert named - {""} <= set(names)
        assert document.total_field in names


def test_what_has_no_connector_is_described_and_says_so():
    documents, kinds = schemas()
    assert {one.target for one in documents if not one.connected} <= set(targets())
    assert {one.source for one in kinds if not one.connected} <= set(sources())


def test_a_connected_target_may_have_documents_that_nothing_posts_yet():
    documents, _ = schemas()
    later = {one.name for one in documents if one.target == "autocount" and not one.connected}
    assert later == {"sales_order", "delivery_order", "cash_sale", "goods_received_note"}
    assert all(one.connected for one in documents if one.target == "aiaccount")


def test_what_a_field_names_over_there_is_a_known_kind_of_master_data():
    documents, _ = schemas()
    for document in documents:
        fields = (*document.header, *document.lines)
        assert {one.refers for one in fields} <= {"", *MASTER_DATA}
    named = {one.refers for d in documents for one in (*d.header, *d.lines) if one.refers}
    assert named == set(MASTER_DATA)
