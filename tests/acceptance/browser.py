"""Chromium in front of a running product, with everything its console says.

Here: a person at a page. Not here: what they do there.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

AXE = Path(__file__).parents[1] / "browser" / "axe.min.js"
LOOK = """typeof axe === 'undefined' ? '' :
    axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(
    found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160)).join(' | '))))"""
HEIGHT = 900
REFUSED = tuple(f"status of {code}" for code in range(400, 500))


class Person:
    """Somebody with a browser window of their own, closed at the end of the block."""

    def __init__(
        self,
        browser: Any,
        address: str,
        *,
        script: bool = True,
        width: int = 1280,
        scheme: str = "light",
        touch: bool = False,
    ) -> None:
        self.address = address
        self.said: list[str] = []
        self._context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            has_touch=touch,
            java_script_enabled=script,
        )
        self.page = self._context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def __enter__(self) -> "Person":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.close()

    def _hear(self, message: Any) -> None:
        handled = message.text.startswith("Failed to load resource") and any(
            word in message.text for word in REFUSED
        )
        if message.type == "error" and not handled:
            self.said.append(message.text)

    def go(self, path: str) -> Any:
        """Open a page, and insist that it is there."""
        answer = self.page.goto(self.address + path)
        assert answer.status == 200, f"{path}: {answer.status}"
        return self.page

    def now(self, width: int, scheme: str) -> None:
        """The window has another width, and the machine another scheme; the page stays open."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    def sign_in(self, email: str, password: str) -> None:
        """Through the form."""
        self.go("/signin")
        self.page.fill("#email", email)
        self.page.fill("#password", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/c/*/")

    def violations(self) -> list[str]:
        """What axe finds on this page; it runs through the debugger, past the page's policy. A page
        that was looked at before still has it, compiled.
        """
        session = self._context.new_cdp_session(self.page)
        asked = {"expression": LOOK, "awaitPromise": True, "returnByValue": True}
        if not (found := session.send("Runtime.evaluate", asked)["result"]["value"]):
            session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
            found = session.send("Runtime.evaluate", asked)["result"]["value"]
        session.detach()
        told: list[str] = json.loads(found)
        return told
