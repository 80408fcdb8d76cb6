"""What every target makes of a no: each class met at its stand-in, and each answer of its sheet.

Here: the tests, and the data that they are about (`refusals.toml` of a connector). Not here: what
is neither yes nor no (target_suite.py).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from connectors.conformance.answering_server import Fixed, answering
from connectors.conformance.target_bench import Bench
from connectors.contract import Answer, Sent
from connectors.contract.errors import ERROR_CLASSES, RETRY, RetryWay
from connectors.transport.strict_json import dumps, loads

FILE = "refusals.toml"
NO_WORD = "no_such_word_ever"
_KINDS = {RetryWay.AUTOMATIC: "temporary", RetryWay.LOOK_UP_FIRST: "uncertain"}
_REASON = 20  # characters that a reason has at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One way to a refusal of a class, with the code and a part of the words that come of it.

    Before it `there` was posted (`same` or `other`), and `acts` were done in the stand-in by hand.
    `fields` are other fields of the document; `body` are values in the JSON as it travels, by path
    (`lines.0.price`), for what the connector itself would refuse before it is sent.
    """

    error_class: str
    code: str
    told: str
    there: str = ""
    acts: Sequence[Mapping[str, Any]] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    key: str = "cp-1"
    secret: str = ""

    def meet(self, bench: Bench) -> Sent:
        """What the target says."""
        if self.there:
            before = bench.make() if self.there == "same" else bench.changed()
            (answer,) = bench.send(before, key="cp-there").answers
            assert answer.kind == "accepted", answer
        for one in self.acts:
            bench.sim.control(one["act"], **{name: one[name] for name in one if name != "act"})
        payload = bench.build(bench.make(**self.fields))
        if self.body:
            content = loads(payload.body)
            for path, value in self.body.items():
                _put(content, path.split("."), value)
            payload = replace(payload, body=dumps(content))
        secret = self.secret or bench.sample.secret
        sent: Sent = bench.target.send(payload, bench.sim.settings, secret, self.key, bench.http)
        return sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """An answer of the sheet word by word, and the class that it has."""

    error_class: str
    status: int
    body: str

    def heard(self, bench: Bench) -> tuple[Answer, bool]:
        """What the connector makes of it, and whether it wrote at all."""
        return _heard(bench, self.status, self.body.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What `refusals.toml` says: a way to each class, or why the target never tells it."""

    ways: tuple[Refused, ...] = ()
    never: Mapping[str, str] = field(default_factory=dict)
    literal: tuple[Literal, ...] = ()


def refusals_of(folder: Path) -> Refusals:
    """Those of a connector; none where it has no such file."""
    file = folder / FILE
    if not file.is_file():
        return Refusals()
    told = tomllib.loads(file.read_text("utf-8"))
    ways = told.get("refusals", {}).items()
    return Refusals(
        ways=tuple(Refused(error_class=name, **one) for name, one in ways),
        never=told.get("never", {}),
        literal=tuple(
            Literal(error_class=one["class"], status=one["status"], body=one["body"])
            for one in told.get("answers", ())
        ),
    )


class RefusalSuite:
    """The contract of a target about a no. `refusals`: what it says of them; `way` and `literal`:
    each of them.
    """

    def test_each_class_is_met_or_never_told(self, refusals: Refusals) -> None:
        """What is missing in refusals.toml: a way to the class, or the reason why there is none."""
        met = [one.error_class for one in refusals.ways]
        assert sorted([*met, *refusals.never]) == sorted(ERROR_CLASSES)
        assert [name for name, why in refusals.never.items() if len(why) < _REASON] == []

    def test_each_code_of_its_table_is_met(self, target: Any, refusals: Refusals) -> None:
        """A class that nobody ever saw is a guess: a way to the code, or an answer that has it."""
        answers = " ".join(one.body for one in refusals.literal)
        met = {one.code for one in refusals.ways}
        assert [code for code in target.refusals if code not in met and code not in answers] == []

    def test_a_refusal_has_its_class(self, bench: Bench, way: Refused) -> None:
        sent = way.meet(bench)
        (answer,) = sent.answers
        assert (answer.error_class, answer.code) == (way.error_class, way.code), answer
        assert way.told in answer.words, answer
        (known,) = (rule for name, rule in RETRY.items() if name == way.error_class)
        assert answer.kind == _KINDS.get(known.retry, "refused")
        if answer.kind != "uncertain":
            assert len(bench.standing()) == bool(way.there), "a no leaves the books as they were"

    def test_an_answer_of_the_sheet_has_its_class(self, bench: Bench, literal: Literal) -> None:
        answer, wrote = literal.heard(bench)
        if wrote:  # else it looked first, and nothing was sent
            assert answer.error_class == literal.error_class, answer
            assert answer.words

    def test_a_word_that_nobody_knows_is_for_a_person(
        self, bench: Bench, refusals: Refusals
    ) -> None:
        """Each no once more with another code: it is never tried again for nothing."""
        met = False
        for way in refusals.ways:
            bench.afresh()
            sent = way.meet(bench)
            (answer,) = sent.answers
            code = answer.code.encode()
            if answer.kind != "refused" or not sent.status or code not in sent.body:
                continue
            told, wrote = _heard(bench, sent.status, sent.body.replace(code, NO_WORD.encode()))
            assert not wrote or (told.kind, told.error_class) == ("refused", "business_rule"), told
            met = met or wrote
        known = any(one.error_class == "business_rule" for one in refusals.literal)
        assert met or known, "an answer with a word that is in no sheet belongs into refusals.toml"


def _heard(bench: Bench, status: int, body: bytes) -> tuple[Answer, bool]:
    bench.afresh()
    with answering(Fixed(status, body)) as server:
        (answer,) = bench.send(bench.make(), base_url=server.url).answers
        return answer, bool(server.written)


def _put(content: Any, path: Sequence[str], value: Any) -> None:
    """Set one value of a JSON."""
    for name in path[:-1]:
        content = content[int(name) if isinstance(content, list) else name]
    content[int(path[-1]) if isinstance(content, list) else path[-1]] = value
