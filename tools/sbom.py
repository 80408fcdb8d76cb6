"""`make sbom`: list what an installation consists of as CycloneDX JSON, and write NOTICE.

Versions and hashes are those of deploy/requirements.lock, licences those of the installed packages.
NOTICE is kept in the repository: tests/test_package.py compares it with the lock file.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from grammar.version import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "deploy" / "requirements.lock"
NOTICE = ROOT / "NOTICE"
HEAD = """Clearpost
See LICENSE for its own terms. An installation contains the following packages, each under its own
licence. This file is written by `make sbom`.

"""
FAMILIES = {
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "Apache 2": "Apache-2.0",
    "PSFL": "PSF-2.0",
    "ZPL 2.1": "ZPL-2.1",
}
"""How packages without an SPDX expression name their licence."""

VENDORED = {"htmx.min.js": ("htmx.org", "0BSD"), "idiomorph-ext.min.js": ("idiomorph", "0BSD")}
"""File in static/vendor -> name and licence of the scripts of pages."""

_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """A package of the lock file."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locked() -> Iterator[Package]:
    """Yield the packages of the lock file, by name."""
    for part in re.split(r"\n(?=\S)", LOCK.read_text("utf-8")):
        if pin := _PIN.match(part):
            yield Package(pin["name"], pin["version"], tuple(_HASH.findall(part)))


def licence_of(name: str) -> str:
    """Return the SPDX expression of an installed package's licence, or its own words."""
    about = metadata(name)
    if expression := about.get("License-Expression"):
        return str(expression)
    words = (about.get("License") or "").strip()
    families = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or ()
                if text.startswith("License :: OSI Approved ::")]  # fmt: skip
    if words and "\n" not in words and len(words) < 40 and "Copyright" not in words:
        return FAMILIES.get(words, words)
    return FAMILIES.get(families[0], families[0]) if families else words.partition("\n")[0]


def kept_licences() -> Mapping[str, str]:
    """Return package -> licence as NOTICE has them, for packages of another Python version."""
    if not NOTICE.exists():
        return {}
    rows = (line.split("  ") for line in NOTICE.read_text("utf-8").splitlines() if "  " in line)
    return {row[0].split(" ")[0]: row[-1].strip() for row in rows}


def licences() -> Mapping[str, str]:
    """Return package -> licence of everything in the lock file."""
    kept, found = kept_licences(), {}
    for package in locked():
        try:
            found[package.name] = licence_of(package.name)
        except PackageNotFoundError:
            found[package.name] = kept.get(package.name, "")
    return found


def notice() -> str:
    """Return the text of NOTICE."""
    by_name = licences()
    rows = ((f"{one.name} {one.version}", by_name[one.name]) for one in locked())
    every = [*rows, *((f"{name} (static/vendor)", licence) for name, licence in VENDORED.values())]
    return HEAD + "".join(f"{name:<36}  {licence}\n" for name, licence in every)


def bill() -> dict[str, Any]:
    """Return the bill of materials; the same packages give the same bytes."""
    by_name = licences()
    components: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{one.name}@{one.version}",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:pypi/{one.name}@{one.version}",
            "licenses": [{"expression": by_name[one.name]}],
            "properties": [{"name": "clearpost:sha256", "value": text} for text in one.hashes],
        }
        for one in locked()
    ]
    for file, (name, licence) in VENDORED.items():
        raw = (ROOT / "static" / "vendor" / file).read_bytes()
        digest = {"alg": "SHA-256", "content": sha256(raw).hexdigest()}
        components.append({"type": "library", "bom-ref": f"pkg:npm/{name}", "name": name,
                           "licenses": [{"expression": licence}], "hashes": [digest]})  # fmt: skip
    own = {"type": "application", "bom-ref": "clearpost", "name": "clearpost",
           "version": __version__}  # fmt: skip
    content = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
        "dependencies": [{"ref": "clearpost", "dependsOn": [one["bom-ref"] for one in components]}],
    }


def main() -> int:
    """Write the list of packages and the file of their licences."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "sbom.cdx.json")
    given = parser.parse_args()
    NOTICE.write_text(notice(), "utf-8")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(bill(), indent=1) + "\n", "utf-8")
    sys.stdout.write(f"{given.out}: {len(bill()['components'])} components\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
