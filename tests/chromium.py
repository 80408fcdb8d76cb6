"""One Chromium a test process, for all tests that drive a browser.

A second Playwright in one process is refused, so nobody else starts one. Where Chromium or the
Playwright package is missing the tests are left out, loudly.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

# The shell has no windows to draw, and takes half the processor time of a whole browser.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROGRAM = os.environ.get("CLEARPOST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page runs its scripts once: to compile them well, or to clear up beside them, wins nothing.
    "--js-flags=--no-opt --single-threaded --min-semi-space-size=32",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NO BROWSER: no playwright")
    if not PROGRAM:
        pytest.skip("NO BROWSER: Chromium is missing, this test did not run")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=PROGRAM, args=ARGS)
        yield browser
        browser.close()
