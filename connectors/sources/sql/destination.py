"""Where a database may be: a host by the rules of all addresses, a file in one folder.

Here: what whoever runs this machine allows, by its environment. Not here: how an address is written
(contract/database_settings.py).

`CLEARPOST_SQL_HOSTS` names hosts inside the network that may be asked, with commas;
`CLEARPOST_SQL_FOLDER` the one folder whose SQLite files may be read; `CLEARPOST_SQL_CA` a file of
certificates that is trusted instead of those of the machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.contract.database_settings import DatabaseAddress
from connectors.transport.addresses import Blocked, Destination, resolve_host


@dataclass(frozen=True, slots=True)
class Server:
    """One address to connect to; with `certificates` ("" are those of the machine) nothing is said
    that is not encrypted, None leaves it to the server.
    """

    to: Destination
    certificates: str | None


def place_of(address: DatabaseAddress) -> Server | Path | Blocked:
    """The server or the file, or why it is not asked."""
    if address.is_file:
        return _file(address.database)
    own = {one.strip().lower() for one in os.environ.get("CLEARPOST_SQL_HOSTS", "").split(",")}
    to = resolve_host(address.host, address.port, own - {""})
    if isinstance(to, Blocked):
        return to
    trusted = os.environ.get("CLEARPOST_SQL_CA", "")
    return Server(to, trusted if to.scheme == "tls" else None)


def _file(path: str) -> Path | Blocked:
    folder = os.environ.get("CLEARPOST_SQL_FOLDER", "")
    if not folder:
        return Blocked(
            "No file of this machine is read, because CLEARPOST_SQL_FOLDER is not set. Who runs"
            " Clearpost's server can set it."
        )
    inside = Path(folder).resolve()
    found = (inside / path).resolve()
    if not found.is_relative_to(inside):
        return Blocked("The file is outside the folder that CLEARPOST_SQL_FOLDER names.")
    if not found.is_file():
        return Blocked("There is no such file in the folder of databases.", temporary=True)
    return found
