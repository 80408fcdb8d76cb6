"""A person at work whose clicks are counted by a listener in the browser, from the dashboard on.

Here: the counting. A click on a choice (a radio button, a tick, its label) is a choice, not a
click; Enter in a field is a step like a click. An address cannot be typed. Not here: the jobs
(test_clicks.py).
"""

from typing import Any

from tests.acceptance.browser import Person

LISTENER = """
addEventListener("click", event => {
    const at = event.target;
    if (!event.isTrusted || at.closest("label, input, select, textarea")) return;
    counted(event.detail ? "click" : "enter", (at.closest("a, button, summary") || at).textContent);
}, true);
addEventListener("change", event => {
    const field = event.target;
    if (event.isTrusted && !field.closest("[type=search]")) counted("choice", field.name);
}, true);
"""


class Counted:
    """What somebody who stands on the dashboard did since."""

    def __init__(self, person: Person) -> None:
        self.page = person.page
        self._done: list[tuple[str, str]] = []
        assert self.page.locator("#dash").count() == 1, self.page.url
        self.page.expose_function("counted", self._heard)
        self.page.context.add_init_script(LISTENER)
        self.page.evaluate(LISTENER)
        self.page.goto = _typed  # from here on only what pages offer

    def _heard(self, kind: str, what: str) -> None:
        self._done.append((kind, " ".join(what.split())))

    def all(self) -> list[tuple[str, str]]:
        """Each step in its order, with the words that were clicked."""
        self.page.wait_for_timeout(50)  # the last one is on its way
        return self._done

    def steps(self) -> int:
        """Clicks, and Enter in a field."""
        return sum(kind != "choice" for kind, _ in self.all())

    def choices(self) -> int:
        """Fields that were ticked, chosen or filled in."""
        return sum(kind == "choice" for kind, _ in self.all())


def _typed(*_: Any, **__: Any) -> None:
    raise AssertionError("Somebody typed an address.")
