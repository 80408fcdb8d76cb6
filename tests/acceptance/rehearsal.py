"""What the process behind `warm.py` does before it starts anything: a company's first day.

Here: that day, in a folder of its own. Every start inherits the SQL statements as SQLAlchemy has
compiled them: that was a fifth of a run of the worker; and what builds the portal's addresses.
Nothing else of it is left: settings,
signals, streams, connections and what the product remembers are as they were. This file is run by
the installed product's own Python, where neither the tests nor their packages are; nothing of the
six packages is imported by name.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Main = Callable[[], Any]
COMPANY = ("--company", "kedai")
ADMIN = (*COMPANY, "--as", "admin@kedai.example")
ROLES = ("finance", "consultant", "publisher", "admin")
SETTINGS = {
    "CLEARPOST_ENV": "test",
    "CLEARPOST_ALLOW_LOOPBACK": "1",
    "CLEARPOST_SETTLE_SECONDS": "0",
}
PAGES = ("", "/holding?view=all", "/records/netshop/order/1", "/records/netshop/order/1?tab=trace")


def rehearse(main: Main, become: Callable[..., None], starter: Path) -> None:
    """A day of a company whose one order is posted; all is as before afterwards."""
    engines = _share_statements()
    _share_builders()
    environment, words, typed, execv = dict(os.environ), sys.argv, sys.stdin, os.execv
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    folder = tempfile.mkdtemp()
    os.execv = become  # type: ignore[assignment]
    os.environ.update(SETTINGS, CLEARPOST_HOME=f"{folder}/home")
    try:
        _first_day(main, Path(folder), starter)
    finally:
        _forget(engines, folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, sys.stdin, os.execv = words, typed, execv
        for number, answer in signals.items():
            signal.signal(number, answer)
    assert threading.active_count() == 1, threading.enumerate()


def _share_statements() -> list[Any]:
    """Let all engines share their compiled statements, also in a fork; return the engines.

    SQLAlchemy caches statements by engine and dialect; dialects of one class compile alike.
    """
    sqlalchemy = importlib.import_module("sqlalchemy")
    database = vars(importlib.import_module("holding.db.database"))
    create_engine, engines = database["create_engine"], list[Any]()
    shared = {"compiled_cache": sqlalchemy.util.LRUCache(4000)}

    def create_sharing_engine(*arguments: Any, **options: Any) -> Any:
        engine = create_engine(*arguments, **options, execution_options=shared)
        engines.append(engine)
        return engine

    database["create_engine"] = create_sharing_engine
    for module, name in (
        ("sqlite.pysqlite", "SQLiteDialect_pysqlite"),
        ("postgresql.psycopg", "PGDialect_psycopg"),
    ):
        dialect = getattr(importlib.import_module(f"sqlalchemy.dialects.{module}"), name)
        dialect.__hash__ = lambda self: hash(type(self))
        dialect.__eq__ = lambda self, other: type(self) is type(other)
    return engines


def _share_builders() -> None:
    """The functions that build addresses are the same in every application of a fork."""
    rule = importlib.import_module("werkzeug.routing").Rule
    write, written = rule._compile_builder, dict[Any, Any]()

    def builder(self: Any, append_unknown: bool = True) -> Any:
        key = (self.rule, tuple(self._trace), append_unknown)
        if self.defaults or key not in written:
            written[key] = write(self, append_unknown)
        return written[key]

    rule._compile_builder = builder


def _forget(engines: list[Any], folder: str) -> None:
    """Close its database, which SQLite must not know in a fork, and drop what was remembered."""
    for engine in engines:
        engine.dispose()
    engines.clear()
    importlib.import_module("workers.jobs").bench.cache_clear()
    importlib.import_module("holding.programs.world").forget()
    gc.collect()
    links = Path("/proc/self/fd")
    if links.exists():
        left = [os.path.realpath(one) for one in links.iterdir()]
        assert not [one for one in left if one.startswith(folder)], left
    shutil.rmtree(folder)


def _first_day(main: Main, folder: Path, starter: Path) -> None:
    child, url = _target(main, folder / "ledger")
    given = (f"base_url={url}", "company_id=CMP-1042", "company_name=Kedai Contoh Sdn Bhd")
    settings = [word for one in given for word in ("--set", one)]
    try:
        _say(main, "migrate")
        _say(main, "company", "add", "kedai", "--name", "Kedai Contoh Sdn Bhd")
        people = [
            _say(main, "user", "add", f"{role}@kedai.example", *COMPANY, "--role", role)
            for role in ROLES
        ]
        _say(main, "connection", "add", "netshop", *ADMIN, "--side", "source")
        _say(main, "connection", "key", "netshop", *ADMIN, typed="netshop-secret-of-the-test")
        _say(main, "connection", "add", "aiaccount", *ADMIN, "--side", "target", *settings)
        _say(main, "connection", "key", "aiaccount", *ADMIN, typed="aia_live_demo_7Qk2")
        _say(main, "connection", "test", "aiaccount", *ADMIN)
        _say(main, "rules", "push", str(starter), *COMPANY, "--as", "consultant@kedai.example")
        _say(main, "publish", "1", *COMPANY, "--as", "publisher@kedai.example")
        _let_live(Path(os.environ["CLEARPOST_HOME"]) / "clearpost.sqlite3")
        file = folder / "order.json"
        file.write_text(json.dumps({"orders": [_order()]}), "utf-8")
        _say(main, "ingest", str(file), *COMPANY, "--source", "netshop")
        password = people[0].split("only now: ")[1].split()[0]
        _look(password)
        _say(main, "worker", "--once", "--no-redis")
        _say(main, "trace", "NS-1", *COMPANY, "--json")
        _look(password)
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def _let_live(file: Path) -> None:
    """Take the company live without its set-up."""
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE company SET live = 1")


def _target(main: Main, ledger: Path) -> tuple[int, str]:
    """The stand-in of the target in a fork: its number and its address."""
    heard, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(tells, 1)
        sys.stdout = os.fdopen(1, "w")
        sys.argv = ["clearpost", "simulate", "aiaccount", "--port", "0", "--ledger", str(ledger)]
        try:
            main()
        finally:
            os._exit(0)
    os.close(tells)
    with os.fdopen(heard) as told:
        return child, json.loads(told.readline())["url"]


def _say(main: Main, *words: str, typed: str = "") -> str:
    """What a command prints, which must end well."""
    sys.argv, sys.stdin = ["clearpost", *words], io.StringIO(typed)
    code: Any = 0
    with tempfile.TemporaryFile("w+") as out:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                main()
            except SystemExit as end:
                code = end.code
        out.seek(0)
        told = out.read()
    assert not code, (words, told)
    return told


def _look(password: str) -> None:
    """Somebody of finance signs in and reads."""
    frame = importlib.import_module("portal.terminal.command_frame")
    portal = importlib.import_module("portal.app")
    with frame.open_installation() as installation:
        app = portal.create_app(installation.database, installation.clock, installation.settings)
        reader = app.test_client()
        form = reader.get("/signin").text
        token = re.search('name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token, form
        given = {"csrf_token": token[1], "email": "finance@kedai.example", "password": password}
        assert reader.post("/signin", data=given).status_code == 303
        _read_all(reader, [f"/c/kedai{path}" for path in PAGES])


def _read_all(reader: Any, paths: Sequence[str]) -> None:
    for path in paths:
        answer = reader.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.text)


def _order() -> dict[str, Any]:
    """Two glasses at RM 5.00, paid for yesterday."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(time.time() - 16 * 3600))
    line = {"pos": 1, "sku": "CUP-GLASS-20", "name": "Kopitiam glass, 200 ml", "uom": "PCS"}
    amounts = {"qty": "2", "price": "5.00", "discount": None, "tax": "SST"}
    return {
        "id": 1,
        "number": "NS-1",
        "status": "paid",
        **dict.fromkeys(("ordered_at", "paid_at", "updated_at"), moment),
        "channel": "FPX",
        "currency": "MYR",
        "customer": {"id": "C-101", "name": "Warung Melati", "tin": None, "address": None},
        "created_by": "Mei Ling",
        "approved_by": None,
        "approved_version": None,
        "version": 1,
        "items": [{**line, **amounts, "delivered_qty": None, "returned_qty": None}],
        "round_off": "0.00",
        "subtotal": "10.00",
        "tax_total": "1.00",
        "total": "11.00",
    }
