"""Which addresses a target may have: the door against requests that are sent to the inside of a
network.

Here: reading a base URL and resolving its host, once. Not here: the connection, which then goes
to exactly the address that was judged (transport/http.py).
"""

import ipaddress
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that may be connected to, and the host name it stands for."""

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
    """Whether targets on this machine may be called: only in a demo or test that says so."""
    return os.environ.get("CLEARPOST_ALLOW_LOOPBACK") == "1" and os.environ.get(
        "CLEARPOST_ENV"
    ) in {"demo", "test"}


def resolve(url: str) -> Destination | Blocked:
    """The address behind a URL, resolved once and judged; every address of the name must be
    allowed.
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
        refused = _judge(parts.scheme, ipaddress.ip_address(address))
        if refused:
            return Blocked(f"{host} is {address}: {refused}")
    return Destination(parts.scheme, host, port, addresses[0])


def resolve_host(host: str, port: int, own: Collection[str]) -> Destination | Blocked:
    """The address of a server that speaks no HTTP, judged as that of a URL is. `own` are hosts
    inside the network that whoever runs this machine lets in. The scheme is `tls` where nothing may
    be said to it that is not encrypted.
    """
    addresses = _addresses(host, port)
    if isinstance(addresses, Blocked):
        return addresses
    let_in = host.lower() in own
    for address in addresses:
        one = ipaddress.ip_address(address)
        refused = _judge_own(one) if let_in else _judge("https", one)
        if refused:
            return Blocked(f"{host} is {address}: {refused}")
    here = all(_inner(ipaddress.ip_address(one)).is_loopback for one in addresses)
    return Destination("any" if let_in or here else "tls", host, port, addresses[0])


def _addresses(host: str, port: int) -> list[str] | Blocked:
    """All addresses of a name, at least one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return Blocked(f"The name {host} could not be resolved.", temporary=True)
    return [str(entry[4][0]).split("%")[0] for entry in found]


def _judge_own(address: IPAddress) -> str:
    """Even inside there are addresses that are no server's."""
    inner = _inner(address)
    strange = inner.is_link_local or inner.is_multicast or inner.is_unspecified
    return "an address that no server of yours has." if strange else ""


def _judge(scheme: str, address: IPAddress) -> str:
    inner = _inner(address)
    if inner.is_loopback and loopback_allowed():
        return ""
    if not _public(address) or not _public(inner):
        return "an address inside a network, which is not called."
    if scheme != "https":
        return "only https is used outside this machine."
    return ""


def _public(address: IPAddress) -> bool:
    of_a_site = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or of_a_site
    )


def _inner(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one wraps, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
