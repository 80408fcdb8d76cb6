"""The connection test of a shop that is asked: its steps, and how far one answer brings it.

Here: the order of the steps and what is said of those that pass. Not here: which answer means what
(the probe.py of each shop), the way there (kit/reach.py).
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.reach import NAME as REACH
from connectors.kit.reach import reach, says
from connectors.transport.http import HttpAnswer, HttpFailure, reached

TEXT, KEY, SHOP, RIGHTS = "Key text", "Key accepted", "Shop", "Permission"
STEPS: Final = (TEXT, REACH, KEY, SHOP, RIGHTS)
Judge = Callable[[HttpAnswer], Step | None]
"""The step that an answer fails; None where it shows what was asked for."""


def unwritten(words: str, hint: str) -> ConnectionReport:
    """The report of a key that cannot be used to ask."""
    return ConnectionReport.stopped(STEPS, Step.failed(TEXT, words, hint, "key.text"))


def report(
    title: str, settings: Settings, answer: HttpAnswer | HttpFailure, judge: Judge
) -> ConnectionReport:
    """The steps that follow from the answer to a question for orders."""
    way = reach(settings, answer)
    made = [Step(TEXT, ok=True, words="The key has all parts that asking needs."), way]
    if isinstance(answer, HttpFailure) or way.ok is False:
        return ConnectionReport.stopped(STEPS, *made, there=reached(answer))
    fault = judge(answer)
    for step in (
        Step(KEY, ok=True, words=f"{title} knows the key."),
        Step(SHOP, ok=True, words=f"The shop at {host_of(settings)} answers."),
        Step(RIGHTS, ok=True, words="It may read orders; Clearpost writes nothing there."),
    ):
        if fault is not None and fault.name == step.name:
            return ConnectionReport.stopped(STEPS, *made, fault)
        made.append(step)
    return ConnectionReport(steps=tuple(made), snapshot=None)


def host_of(settings: Settings) -> str:
    """The host that is asked, for sentences."""
    return urlsplit(str(settings.get("base_url") or "").strip()).hostname or "the address"


def no_shop(title: str, settings: Settings, hint: str) -> Step:
    """What answers there is another page, or no shop at all."""
    words = f"There is no {title} shop at this address of {host_of(settings)}."
    return Step.failed(SHOP, words, hint, "company.unknown")


def strange(title: str, answer: HttpAnswer, said: str) -> Step:
    """An answer that says nothing of key, shop or permission."""
    words = says(title, answer.status, said)
    hint = f"Test again in a few minutes. If it stays so, ask the support of {title}."
    return Step.failed(KEY, words, hint, "answer")
