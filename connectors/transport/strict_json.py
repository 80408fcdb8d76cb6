"""Read JSON strictly, check addresses before they are called, and trigger planned faults.

JSON that two readers could understand differently is refused.
"""

import errno
import ipaddress
import json
import os
import random
import re
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

MAX_DEPTH = 50

MAX_DIGITS = 40

MAX_VALUES = 2_000_000
"""Of a whole text: each takes memory when it is read, and no delivery needs as many."""

TEXT_CAP = 32_767

# Also one without an end: else each quotation mark in it would begin a search to the end of all.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")

_BRACKETS = re.compile(rb"[\[\]{}]")

POINTS = {
    "claim.before": "a worker is about to take records that are due",
    "claim.after_commit": "records are leased, none is judged yet",
    "eval.each": "one record is about to be judged",
    "eval.before_commit": "decisions are written and not yet committed",
    "eval.after_commit": "decisions are committed, nobody was told",
    "approve.before_commit": "an approval is written and not yet committed",
    "approve.after_commit": "an approval is committed",
    "push.claimed": "postings are leased, nothing is written down yet",
    "push.before_intent": "the intent is about to be written",
    "push.after_intent": "the intent is committed, no byte has left",
    "push.after_connect": "the target is connected, no byte has left",
    "push.after_send": "the whole request has left",
    "push.after_answer": "the answer is here, and nobody wrote it down",
    "push.before_answer_commit": "the answer is written and not yet committed",
    "push.after_answer_commit": "the answer is committed",
    "lookup.before": "a doubt is about to be looked up",
    "lookup.after": "the look-up is answered, and nobody wrote it down",
    "lookup.before_commit": "the look-up is written and not yet committed",
    "sweep.mid": "leases of the dead are taken and not yet committed",
    "inbox.before_commit": "a delivery is stored and not yet committed",
    "inbox.after_commit": "a delivery is committed, the sender was not told",
    "export.after_file": "the file of a batch is made and not yet written down",
    "chain.before_link": "events are about to be chained",
    "doorbell.after_commit": "work is committed, nobody was rung for",
}
"""Every point, and what has just happened or is about to."""

POINT_NAMES = tuple(POINTS)

_PART = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<action>kill|stop|raise|note|sleep|error)(?::(?P<argument>[a-z0-9.]+))?"
    r"(?:@(?P<nth>[1-9]\d*)|%(?P<chance>\d+(?:\.\d+)?))?"
)

_ERRORS = ("locked", "full", "io")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class JsonRefusal:
    """Why a text is not read as JSON."""

    code: str
    message: str
    hint: str


def loads(raw: bytes, *, keep_odd: bool = False) -> object | JsonRefusal:
    """Return the value: dict, list, str, int, Decimal, bool or None.

    `keep_odd`: texts that cannot be stored and numbers without an exact value do not refuse the
    whole text. Such a number stays the text it was, so that the reader names the field.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return JsonRefusal("not_utf8", "The text is not UTF-8.", "Send it as UTF-8.")
    if misshapen := _shape_refusal(raw):
        return misshapen
    try:
        value: object = json.loads(
            text,
            parse_float=_number_or_text(_decimal) if keep_odd else _decimal,
            parse_int=_number_or_text(_whole) if keep_odd else _whole,
            parse_constant=str if keep_odd else _constant,
            object_pairs_hook=_build_object,
        )
        if not keep_odd:
            _check_texts(value)
    except _RefusedError as refused:
        return refused.refusal
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return JsonRefusal("bad_json", f"This is no JSON: {error.msg} at {where}.", "Correct it.")
    return value


def _shape_refusal(raw: bytes) -> JsonRefusal | None:
    """Return why a text has too many values or too deep nesting, or None."""
    bare = _STRING.sub(b"", raw)
    if sum(bare.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        words = f"The JSON holds more than {MAX_VALUES:,} values."
        return JsonRefusal("too_wide", words, "Send it in parts.")
    depth = 0
    for bracket in _BRACKETS.finditer(bare):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            words = f"The JSON is nested deeper than {MAX_DEPTH} levels."
            return JsonRefusal("too_deep", words, "Send a flat order.")
    return None


def _decimal(text: str) -> Decimal:
    mantissa, _, exponent = text.lower().partition("e")
    power = exponent.lstrip("+-").lstrip("0")  # zeros before it make it no smaller
    if len(mantissa) > MAX_DIGITS or len(power) > 2 or int(power or "0") > MAX_DIGITS:
        raise _RefusedError("bad_number", f"The number {text[:30]}… is too long.", "Round it.")
    return Decimal(text)


class _RefusedError(ValueError):
    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.refusal = JsonRefusal(code, message, hint)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _RefusedError(
            "bad_number", f"The number {text[:30]}… is too long.", "Send a shorter one."
        )
    return int(text)


def _constant(text: str) -> NoReturn:
    raise _RefusedError("bad_number", f"{text} is no number.", "Leave the field out or send null.")


def _number_or_text(parse: Callable[[str], object]) -> Callable[[str], object]:
    """Return a parser that leaves a number it refuses as text."""

    def read(text: str) -> object:
        try:
            return parse(text)
        except _RefusedError:
            return text

    return read


def _build_object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        name = _first_duplicate([name for name, _ in pairs])
        raise _RefusedError(
            "duplicate_key", f"The key {name[:50]!r} occurs twice in one object.", "Send it once."
        )
    return fields


def _first_duplicate(names: Sequence[str]) -> str:
    """Return the first repeated name in one pass: there may be a million names."""
    earlier_names: set[str] = set()
    for name in names:
        if name in earlier_names:
            return name
        earlier_names.add(name)
    raise LookupError("each name is there once")


def _check_texts(value: object) -> None:
    """Refuse text that cannot be stored, at any depth. The depth is bounded by now."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


def _check_text(text: str) -> None:
    if _NO_TEXT.search(text):
        raise _RefusedError("bad_text", "A text contains a sign that is no text.", "Remove it.")
    if len(text) > TEXT_CAP:
        raise _RefusedError(
            "too_long", f"A text is longer than {TEXT_CAP} characters.", "Shorten it."
        )


def dumps(value: object) -> bytes:
    """Encode compact JSON in which a decimal is a bare number with exactly its digits."""
    # a half character becomes its JSON escape: as bytes it could not be written
    return _encode(value).encode("utf-8", "backslashreplace")


def _encode(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        inner = (
            f"{json.dumps(name)}:{_encode(field_value)}" for name, field_value in value.items()
        )
        return f"{{{','.join(inner)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_encode, value))}]"
    return json.dumps(value, ensure_ascii=False)


class FaultError(Exception):
    """Raised at a point by the action `raise`, and at start when the plan itself cannot be used."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One part of a plan: what to do at a point, and at which hits."""

    name: str
    action: str
    argument: str
    nth: int | None
    chance: float | None


class FaultPlan:
    """The faults of this process, with the hits counted so far."""

    def __init__(self, faults: Mapping[str, Fault], *, seed: str, log: Path | None) -> None:
        self._faults = faults
        self._random = random.Random(seed)  # noqa: S311 - a test plan, repeatable on purpose
        self._log = log
        self._hits: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """Count a hit of a point, and do what is planned for it."""
        fault = self._faults.get(name)
        if fault is None:
            return
        with self._lock:
            self._hits[name] += 1
            hit = self._hits[name]
            chance = self._random.random() * 100 if fault.chance is not None else 0.0
        if fault.nth not in (None, hit) or chance >= (
            100 if fault.chance is None else fault.chance
        ):
            return
        self._write(fault, hit)
        _act(fault)

    def _write(self, fault: Fault, hit: int) -> None:
        if self._log is None:
            return
        line = {"pid": os.getpid(), "point": fault.name, "hit": hit, "action": fault.action}
        with self._log.open("a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _act(fault: Fault) -> None:
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif fault.action == "sleep":
        time.sleep(float(fault.argument or "1"))
    elif fault.action == "raise":
        raise FaultError(f"planned fault at {fault.name}")
    elif fault.argument == "locked":
        raise sqlite3.OperationalError("database is locked")
    elif fault.argument == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    elif fault.argument == "io":
        raise OSError(errno.EIO, "Input/output error")


def fault_point(name: str) -> None:
    """Run the fault that a test planned for this point. Does nothing without a fault plan."""
    if _PLAN is not None:
        _PLAN.reach(name)


def read_plan(environment: Mapping[str, str]) -> FaultPlan | None:
    """Return the fault plan of the environment.

    Raise FaultError for an unreadable plan, or for any plan outside a test.
    """
    text = environment.get("CLEARPOST_FAULTS", "")
    if not text:
        return None
    if environment.get("CLEARPOST_ENV") != "test":
        raise FaultError(
            "CLEARPOST_FAULTS is set, but CLEARPOST_ENV is not test: refusing to start"
        )
    faults = dict(_fault(part) for part in text.split(";") if part)
    log = environment.get("CLEARPOST_FAULT_LOG")
    return FaultPlan(
        faults, seed=environment.get("CLEARPOST_SEED", "0"), log=Path(log) if log else None
    )


def _fault(part: str) -> tuple[str, Fault]:
    match = _PART.fullmatch(part.strip())
    if match is None or match["name"] not in POINT_NAMES:
        raise FaultError(f"CLEARPOST_FAULTS: {part!r} is no fault at a known point")
    if match["action"] == "error" and match["argument"] not in _ERRORS:
        raise FaultError(f"CLEARPOST_FAULTS: {part!r}: error is one of {', '.join(_ERRORS)}")
    nth, chance = match["nth"], match["chance"]
    fault = Fault(
        name=match["name"],
        action=match["action"],
        argument=match["argument"] or "",
        nth=int(nth) if nth else None,
        chance=float(chance) if chance else None,
    )
    return fault.name, fault


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that may be connected to, and its host name."""

    scheme: str
    host: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a URL is not called. `temporary` when only the name could not be resolved."""

    words: str
    temporary: bool = False


def loopback_allowed() -> bool:
    """Check whether targets on this machine may be called: only in a demo or test that allows
    it.
    """
    return os.environ.get("CLEARPOST_ALLOW_LOOPBACK") == "1" and os.environ.get(
        "CLEARPOST_ENV"
    ) in {"demo", "test"}


def resolve_url(url: str) -> Destination | Blocked:
    """Resolve a URL once and return its checked address, or why it is blocked.

    Every address of the name must be allowed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
        host.encode("idna")
    except ValueError:
        return Blocked("The address of the accounting system is no URL.")
    if parts.scheme not in {"https", "http"} or not host:
        return Blocked(
            "The address of the accounting system must begin with https:// and name a host."
        )
    if parts.username is not None or parts.password is not None:
        return Blocked(
            "The address of the accounting system must not contain a user name or password."
        )
    addresses = _addresses(host, port)
    if isinstance(addresses, Blocked):
        return addresses
    for address in addresses:
        fault = _address_fault(parts.scheme, ipaddress.ip_address(address))
        if fault:
            return Blocked(f"{host} is {address}: {fault}")
    return Destination(parts.scheme, host, port, addresses[0])


def _addresses(host: str, port: int) -> list[str] | Blocked:
    """Return all addresses of a name, at least one."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return Blocked(f"The name {host} could not be resolved.", temporary=True)
    return [str(entry[4][0]).split("%")[0] for entry in entries]


def _address_fault(scheme: str, address: IPAddress) -> str:
    inner = _embedded_ipv4(address)
    if inner.is_loopback and loopback_allowed():
        return ""
    if inner.is_loopback:
        return (
            "this machine, which is not called. For a stand-in, start Clearpost with"
            " CLEARPOST_ENV=test and CLEARPOST_ALLOW_LOOPBACK=1."
        )
    if not _is_public(address) or not _is_public(inner):
        return "an address inside a network, which is not called."
    if scheme != "https":
        return "only https is used outside this machine."
    return ""


def _embedded_ipv4(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address wraps, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _is_public(address: IPAddress) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or site_local
    )


def resolve_host(host: str, port: int, own_hosts: Collection[str]) -> Destination | Blocked:
    """Resolve a server without HTTP and return its checked address, or why it is blocked.

    `own_hosts` are private hosts that the operator allows. The scheme is `tls` if nothing may be
    sent unencrypted.
    """
    addresses = _addresses(host, port)
    if isinstance(addresses, Blocked):
        return addresses
    is_own = host.lower() in own_hosts
    for address in addresses:
        ip = ipaddress.ip_address(address)
        fault = _own_address_fault(ip) if is_own else _address_fault("https", ip)
        if fault:
            return Blocked(f"{host} is {address}: {fault}")
    is_loopback = all(_embedded_ipv4(ipaddress.ip_address(ip)).is_loopback for ip in addresses)
    return Destination("any" if is_own or is_loopback else "tls", host, port, addresses[0])


def _own_address_fault(address: IPAddress) -> str:
    """Return why an allowed private host has an address that no server can have; blank if it is
    fine.
    """
    inner = _embedded_ipv4(address)
    unusable = inner.is_link_local or inner.is_multicast or inner.is_unspecified
    return "an address that no server of yours has." if unusable else ""


_PLAN = read_plan(os.environ)
