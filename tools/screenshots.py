"""Takes the pictures of docs/ from a sample shop and an empty home, both thrown away afterwards.

Here: which screen becomes which picture: eight of the shop, each in a wide light window and on a
dark phone, and the first page of a new company. Not here: the pages.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SCREENS = {
    "dashboard": "/c/kedai/",
    "holding": "/c/kedai/holding",
    "approvals": "/c/kedai/holding/inbox",
    "record": "/c/kedai/records/netshop/order/240001",
    "mappings": "/c/kedai/mappings/missing",
    "rules": "/c/kedai/rules/book",
    "connection": "/c/kedai/connections/aiaccount",
    "reconciliation": "/c/kedai/reconcile",
}
Scheme = Literal["light", "dark"]
WINDOWS: tuple[tuple[str, ViewportSize, Scheme], ...] = (
    ("wide", {"width": 1440, "height": 900}, "light"),
    ("phone", {"width": 390, "height": 844}, "dark"),
)
LOADED = "Sample data loaded"
FIRST_RUN = "Set up your company at "
COMPANY = {
    "name": "Kedai Contoh Sdn Bhd",
    "registration": "202001012345",
    "person": "Tan Mei Ling",
    "email": "meiling@example.com",
    "password": "made for a picture",
}
PATIENCE = 240


def main() -> int:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with _running(LOADED, "demo", "--targets", "0") as told:
        address = re.search(r"http://\S+", told)
        person = re.search(r"(approver@\S+)\s+(\S+)", told)
        if address is None or person is None:
            return 1
        with _browser() as browser:
            for name, size, scheme in WINDOWS:
                page = browser.new_page(viewport=size, color_scheme=scheme)
                _sample_shop(page, address[0], person[1], person[2], name)
    with _running(FIRST_RUN, "up") as told, _browser() as browser:
        page = browser.new_page(viewport=WINDOWS[0][1])
        _first_run(page, told.partition(FIRST_RUN)[2].split()[0])
    return 0


@contextmanager
def _running(ready: str, *words: str) -> Iterator[str]:
    """The product with a home of its own; what it said until it was ready."""
    home = Path(tempfile.mkdtemp(prefix="clearpost-pictures-"))
    notes = home / "notes"
    with notes.open("w") as file:
        shop = subprocess.Popen(
            [Path(sys.executable).parent / "clearpost", *words, "--port", "0"],
            env={**os.environ, "CLEARPOST_HOME": str(home)},
            stdout=file,
            stderr=file,
        )
    try:
        yield _wait(notes, shop, ready)
    finally:
        shop.terminate()
        shop.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)


def _wait(notes: Path, shop: subprocess.Popen[bytes], ready: str) -> str:
    limit = time.monotonic() + PATIENCE
    while ready not in notes.read_text("utf-8"):
        if shop.poll() is not None or time.monotonic() > limit:
            sys.exit(notes.read_text("utf-8"))
        time.sleep(0.2)
    return notes.read_text("utf-8")


@contextmanager
def _browser() -> Iterator[Browser]:
    program = next(
        found
        for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    )
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def _sample_shop(page: Page, address: str, email: str, password: str, window: str) -> None:
    page.goto(f"{address}/signin")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    for name, path in SCREENS.items():
        answer = page.goto(address + path)
        if answer is None or not answer.ok:
            sys.exit(f"{path} is not there.")
        _save(page, f"{name}-{window}")


def _first_run(page: Page, address: str) -> None:
    page.goto(address)
    for name, value in COMPANY.items():
        page.fill(f"#{name}", value)
    page.click("#createcompany")
    page.wait_for_selector("#checklist")
    _save(page, "setup")


def _save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file)
    sys.stdout.write(f"{file.relative_to(PICTURES.parents[1])}\n")


if __name__ == "__main__":
    sys.exit(main())
