"""Rule files with another hour for daily routes.

Here: the hour after `daily`, and in the tests beside the rules the moments that stand at the hour
of that run. Pure text in, text out. Not here: who may pick an hour and what becomes of the draft
(holding/rulesets/publication.py), and whether it holds: whoever offers it checks it.
"""

import re
from collections.abc import Mapping
from datetime import time
from typing import Final

from grammar import nodes as n
from grammar.text.problem import Span

_DAILY: Final = re.compile(r"daily(\s+)(?:at\s+\d\d:\d\d\s+)?by\b")
_UNTIL: Final = re.compile(
    r"(?P<before>(?:(?P<route>\w+\.\w+)\s+)?wait\s+until\s+)(?P<day>\d{4}-\d\d-\d\d)\s+"
    r"(?P<hour>\d\d:\d\d)\b"
)
_AT: Final = re.compile(r"(?P<before>\bat\s+)(?P<day>\d{4}-\d\d-\d\d)\s+(?P<hour>\d\d:\d\d)\b")
Hours = dict[str, tuple[str, str]]
"""Route -> the hour it had, and the hour it gets."""


def daily_routes(ruleset: n.Ruleset) -> dict[str, time]:
    """The hour of each route that goes once a day."""
    return {
        str(post.route): post.timing.at
        for post in ruleset.posts
        if isinstance(post.timing, n.Daily)
    }


def retimed(
    ruleset: n.Ruleset, files: Mapping[str, str], hours: Mapping[str, time]
) -> dict[str, str]:
    """The files with these hours (route -> hour); the same files where they have all of them.

    A test says when it looks and until when something waits: what it says of the old hour of the
    run, it says of the new one. A look at the run itself is only ever moved to later; one just
    before it stays before it.
    """
    lines = {path: text.split("\n") for path, text in files.items()}
    changed: dict[str, Hours] = {}
    for post in ruleset.posts:
        hour = hours.get(str(post.route))
        if hour is None or not isinstance(post.timing, n.Daily) or post.timing.at == hour:
            continue
        old, new = (f"{at:%H:%M}" for at in (post.timing.at, hour))
        changed.setdefault(post.record, {})[str(post.route)] = old, new
        span = post.timing.span
        line = lines[span.file][span.line - 1]
        lines[span.file][span.line - 1] = _DAILY.sub(rf"daily\g<1>at {new} by", line, count=1)
    record_of = {sample.name: sample.record for sample in ruleset.samples}
    spans = [(sample.record, sample.span) for sample in ruleset.samples]
    spans += [(record_of.get(test.given, ""), test.span) for test in ruleset.tests]
    for record, span in spans:
        if record in changed:
            _move(lines[span.file], span, changed[record])
    return {path: "\n".join(text) for path, text in lines.items()}


def _move(lines: list[str], span: Span, hours: Hours) -> None:
    """The moments of one sample or test."""
    waits: dict[str, tuple[str, str]] = {}  # day -> the hours of a wait that ends there

    def until(found: re.Match[str]) -> str:
        route, hour = found["route"], found["hour"]
        moved = [new for name, (old, new) in hours.items() if old == hour and route in (None, name)]
        if moved:
            waits[found["day"]] = hour, moved[0]
        return f"{found['before']}{found['day']} {moved[0] if moved else hour}"

    def at(found: re.Match[str]) -> str:
        hour = found["hour"]
        old, new = waits.get(found["day"], ("", ""))
        if new <= hour < old:
            later = _before(hour, old, new)
        else:
            later = max([hour, *(new for old, new in hours.values() if old == hour)])
        return f"{found['before']}{found['day']} {later}"

    within = range(span.line - 1, min(span.end_line, len(lines)))
    for pattern, move in ((_UNTIL, until), (_AT, at)):
        for no in within:
            lines[no] = pattern.sub(move, lines[no])


def _before(hour: str, old: str, new: str) -> str:
    """An hour as long before the new one as it was before the old one, on the same day."""
    seen, before, after = (int(word[:2]) * 60 + int(word[3:]) for word in (hour, old, new))
    minutes = max(0, seen - before + after)
    return f"{minutes // 60:02}:{minutes % 60:02}"
