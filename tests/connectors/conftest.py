"""Fixtures of this folder: simulator processes and a session that may call them."""

from tests.connectors.simulator_fixtures import (
    aiaccount,
    autocount,
    autocount_sim,
    emptied,
    http,
    loopback_allowed,
    running,
    sim,
    start,
)

__all__ = [
    "aiaccount",
    "autocount",
    "autocount_sim",
    "emptied",
    "http",
    "loopback_allowed",
    "running",
    "sim",
    "start",
]
