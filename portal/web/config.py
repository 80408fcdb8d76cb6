"""The portal's own settings, made from those of the process.

Here: what pages and cookies need to know. Not here: reading the environment
(holding/platform/settings.py).
"""

import re
from dataclasses import dataclass
from typing import Final

from connectors.kit.delivery import DELIVERY_BYTES, MEGABYTE
from holding.access.actors import load_keys
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

FORM_BYTES: Final = MEGABYTE  # whatever a page sends, and a call of a program
REFUSED: Final = "clearpost.refused"  # in the environment of a request: the status that ends it
_DELIVERIES: Final = "/hooks/"


_FILES: Final = re.compile(
    r"/c/[^/]+/(?:uploads|mappings/lists|mappings/workbook|files/[0-9]+/listing)"
)
_AROUND_FILE: Final = MEGABYTE // 16  # the other fields of the form, and what stands between them


def body_limit(path: str) -> int:
    """How many bytes may be sent to an address."""
    if _FILES.fullmatch(path):
        return DELIVERY_BYTES + _AROUND_FILE
    return DELIVERY_BYTES if path.startswith(_DELIVERIES) else FORM_BYTES


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """What the portal was told."""

    secret: bytes
    secure: bool
    env: str
    settings: Settings


def config_of(settings: Settings) -> PortalConfig | Refusal:
    """The portal's settings, or why its key cannot be used."""
    keys = load_keys(settings)
    if isinstance(keys, Refusal):
        return keys
    return PortalConfig(
        secret=keys.derive("portal").encode(),
        secure=(settings.public_url or "").startswith("https://"),
        env=settings.env,
        settings=settings,
    )
