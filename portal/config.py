"""The portal's own settings, made from those of the process.

Here: what pages and cookies need to know. Not here: reading the environment (holding/settings.py).
"""

from dataclasses import dataclass

from holding.refusal import Refusal
from holding.secrets import load_keys
from holding.settings import Settings

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """What the portal was told."""

    secret: bytes
    secure: bool
    env: str
    settings: Settings
    upload_limit: int = 20 * MEGABYTE
    form_limit: int = MEGABYTE


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
