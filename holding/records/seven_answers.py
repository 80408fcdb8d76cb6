"""Answer the seven questions about one record from stored rows."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from connectors import registry
from connectors.contract.errors import class_label
from connectors.contract.targets import Searchable
from grammar.nodes import Ruleset, Unique
from grammar.text.problem import Span
from holding.db.models import Version
from holding.db.refusal import listed, money, plural
from holding.intake.open_fields import describe_differences
from holding.platform.states import HOLD_LABELS, OF_READING
from holding.records.accepted_differences import Accepted
from holding.records.story import (
    NOT_RECORDED,
    Case,
    Proof,
    SeenThere,
    Taken,
    answer_approved,
    consts_of,
    is_constant,
    rule_proof,
)
from holding.records.story_holds import Changed, HeldBy
from rules.decisions import document_rules
from rules.decisions.posted_documents import TARGET_EDIT_RULE as TARGET_EDITED
from rules.facts import Facts
from rules.outcomes import Finding, Use, Verdict
from rules.rulebook.coverage import agreements
from rules.values.canonical import PostingState, in_sentence
from rules.values.cause_keys import CauseKind
from rules.values.wording import readable_name, readable_term

Told = tuple[str, str, list[Proof]]

_REFUSES: Final[Mapping[str, str]] = {
    "number": "takes no second document of that number",
    "number+customer": "takes no second document of that number and customer",
    "key": "takes no second document under the same key",
}

_SAID: Final[Mapping[str, str]] = {"pass": "pass", "hit": "duplicate", "unknown": "not known"}

SHOWN_CHANGES: Final = 6

SHOWN_ITEMS: Final = 20
"""How many changes of a record are shown, the newest ones."""

_DONE: Final = {"create": "posted", "update": "updated", "void": "voided"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; tone is good, bad or plain."""

    no: int
    question: str
    text: str
    tone: str
    proofs: tuple[Proof, ...]


class Mark(StrEnum):
    """The word of a short answer."""

    YES = "Yes"
    NO = "No"
    NOT_NEEDED = "Not needed"
    NOT_YET = "Not yet"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """One answer in a word and at most nine more; `tone` colours the word."""

    no: int
    question: str
    mark: Mark
    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class DocumentAnswers:
    """One document of a record with its seven answers.

    `posting_id` is None for a record without documents. `reverses` is the number of the document
    that this one reverses; `key_tail` the end of the key that it was sent with. `posted` states
    when and with which key it was posted, or that it was not. `short` is filled for a page alone.
    """

    posting_id: int | None
    number: str
    target: str
    doc_type: str
    state: PostingState | None
    posted_at: datetime | None
    key_tail: str
    reverses: str
    posted: str
    when: str
    answers: tuple[Answer, ...]
    short: tuple[ShortAnswer, ...] = ()

    @property
    def title(self) -> str:
        """Return the document's target, kind and number, and when and how it was posted."""
        if self.posting_id is None:
            return ""
        name = f"{self.target}, {readable_name(self.doc_type)} {self.number}"
        reverses = f", reverses {self.reverses}" if self.reverses else ""
        return f"{name}{reverses}: {self.posted}."


def answer_document(case: Case, ruleset: Ruleset | None) -> DocumentAnswers:
    """Return the answers of a case's document."""
    posting = case.posting
    posted_at = posting.posted_at if posting else None
    key = f" with the key …{case.key_tail}" if case.key_tail else ""
    return DocumentAnswers(
        posting_id=posting.id if posting else None,
        number=posting.number if posting else "",
        target=case.target.name if case.target else "",
        doc_type=posting.doc_type if posting else "",
        state=posting.state if posting else None,
        posted_at=posted_at,
        key_tail=case.key_tail,
        reverses=case.reverses,
        posted=f"posted {case.when(posted_at)}{key}" if posted_at else "not posted",
        when=case.when(posted_at) if posted_at else "",
        answers=answer_all(case, ruleset),
    )


def answer_all(case: Case, ruleset: Ruleset | None) -> tuple[Answer, ...]:
    """Return all seven answers, in order."""
    target = case.target.name if case.target else "the accounting system"
    unknown = f"Not known: {case.unknown_because}." if case.unknown_because else ""

    def if_known(answer: Callable[[], Told]) -> Callable[[], Told]:
        """Return the answer, or that it is not known because the evaluation has no outcome."""
        return (lambda: (unknown, "bad", [])) if unknown else answer

    questions: tuple[tuple[str, Callable[[], Told]], ...] = (
        ("What was its status before posting?", if_known(lambda: _status(case))),
        ("Who approved it?", if_known(lambda: answer_approved(case, ruleset))),
        (f"Which fields were mapped to {target}?", if_known(lambda: _mapped(case, ruleset))),
        ("Did the units of measure and item set-up match?", if_known(lambda: _units(case))),
        ("Was it changed after posting?", lambda: answer_changed(case)),
        ("Was a duplicate check in force?", if_known(lambda: answer_duplicates(case, ruleset))),
        ("Was it put on hold?", lambda: _caught(case)),
    )
    answered = [(question, *answer()) for question, answer in questions]
    return tuple(
        Answer(no, question, text, tone, tuple(proofs))
        for no, (question, text, tone, proofs) in enumerate(answered, start=1)
    )


def _status(case: Case) -> Told:
    version = case.version
    if version is None or case.outcome is None:
        return "It was not checked yet.", "plain", []
    word, status = case.outcome.status_word, case.decided_status
    wrote = f" (the source wrote “{word}”)" if word and word != status else ""
    moment = source_moment(case, version) if version.stamp else "not recorded"
    unsent = "It is not posted." if case.over else "Not posted yet."
    proofs = [Proof("version", str(version.no), f"version {version.no}")]
    if version.delivery_id:
        delivery = str(version.delivery_id)
        proofs.append(Proof("delivery", delivery, f"delivery {delivery}"))
    gates = [v for v in case.verdicts if v.kind == "gate" and v.result != "not_applicable"]
    proofs += [rule_proof(case.files, gate.span) for gate in gates]
    text = f"{status}{wrote}, version {version.no}, source time {moment}."
    if not status:
        text = f"Status not recorded, version {version.no}, source time {moment}."
    if case.sent_at:
        return text, "good", proofs
    return " ".join([text, unsent]), "plain", proofs


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How many fields of a document have the value that the rules gave them."""

    used: int
    all: int
    constant: int
    by_table: int
    tables: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every field has it."""
        return self.used == self.all


def count_fields(case: Case, ruleset: Ruleset | None) -> FieldCount | None:
    """Count the fields of the case's document; None without a document."""
    document = case.decision.document if case.decision else None
    if document is None or case.posting is None:
        return None
    sent = case.last_sent.push.content if case.last_sent else (case.posting.content or {})
    fields: Mapping[str, str] = sent.get("fields", document.fields)
    lines = sent.get("lines", document.lines)
    rows = {(row.field, row.line): row for row in case.lineage}
    used = [
        row for (field, line), row in rows.items() if _at(fields, lines, field, line) == row.value
    ]
    consts = consts_of(ruleset)
    return FieldCount(
        used=len(used),
        all=len(fields) + sum(map(len, lines)),
        constant=sum(1 for row in used if not row.used and is_constant(row, consts)),
        by_table=sum(1 for row in used if row.used),
        tables=tuple(sorted({use.table for row in used for use in row.used})),
    )


def _mapped(case: Case, ruleset: Ruleset | None) -> Told:
    if is_reversal(case) and case.posting is not None and case.last_sent:
        words = "All from the document that it takes back, except for what the rules set again."
        return words, "good", [Proof("lineage", str(case.posting.id), "lineage")]
    count = count_fields(case, ruleset)
    if count is None or case.posting is None:
        none = "No document was created."
        return none if case.over else "No document has been created yet.", "plain", []
    text = (
        f"{count.used} of {count.all} fields: {count.by_table} through mapping tables, "
        f"{plural(count.constant, 'constant')}."
    )
    proofs = [Proof("lineage", str(case.posting.id), "lineage")]
    proofs += [Proof("table", table, f"table {table}") for table in count.tables]
    return text, "good" if count.whole else "bad", proofs


def is_reversal(case: Case) -> bool:
    """Check whether the case's document reverses another one."""
    return case.posting is not None and case.posting.reverses_id is not None


def _at(
    fields: Mapping[str, str], lines: Sequence[Mapping[str, str]], field: str, line: int | None
) -> str | None:
    """Return the sent value of a document field or line field."""
    if line is None:
        return fields.get(field)
    return lines[line - 1].get(field) if 0 < line <= len(lines) else None


def unmatched_lines(case: Case) -> tuple[Finding, ...]:
    """Return the findings about items and units that have no mapping."""
    return tuple(
        finding
        for finding in (case.decision.findings if case.decision else ())
        if finding.lines and finding.error_class == "mapping_missing"
        if finding.cause_key.kind is not CauseKind.LISTED
    )


def conversions(case: Case) -> tuple[tuple[int | None, str], ...]:
    """Return each line's conversion, such as `2 CTN × 40 = 80 PCS`."""
    units = [v for v in case.verdicts if v.kind == "units"]
    return tuple((v.line, _proof_of(v)) for v in units if _proof_of(v))


def _units(case: Case) -> Told:
    if is_reversal(case):
        return "As in the document that it takes back.", "good", []
    body = (case.version.body if case.version else None) or {}
    if not body.get("lines"):
        return "Not applicable: this record has no items.", "plain", []
    units = [v for v in case.verdicts if v.kind == "units"]
    spans = {(v.span.file, v.span.line): v.span for v in units}
    proofs = [rule_proof(case.files, span) for span in spans.values()]
    missing = [
        f"line {listed([str(line) for line in finding.lines])}: {finding.message}"
        for finding in unmatched_lines(case)
    ]
    if missing:
        return f"No: {' '.join(missing)}", "bad", [*proofs, *_entry_proofs(case)]
    told = "; ".join(f"line {line}: {conversion}" for line, conversion in conversions(case))
    if not told:
        return "The rules use no items or units for this record.", "bad", proofs
    return f"Yes: {told}.", "good", [*proofs, *_entry_proofs(case)]


def _entry_proofs(case: Case) -> list[Proof]:
    """Return the mapping entries behind units and items of the posting's lines."""
    uses = {use for row in case.lineage if row.line is not None for use in row.used}
    return [
        Proof("entry", str(use.entry_id), f"{use.table}(“{use.key}”) = {use.value}")
        for use in sorted(uses, key=lambda use: (use.table, use.key))
    ]


def _proof_of(verdict: Verdict) -> str:
    """Return the conversion of a units verdict, such as `2 CTN × 40 = 80 PCS`."""
    return next((value for name, value in verdict.operands if name == "conversion"), "")


def _caught(case: Case) -> Told:
    if not case.holds:
        return "No. It was never put on hold.", "bad", []
    said = Counter(_hold_words(case, held) for held in case.holds)
    told = "; ".join(f"{one} ({n} holds)" if n > 1 else one for one, n in said.items())
    proofs = [Proof("hold", str(held.hold.id), f"hold {held.hold.id}") for held in case.holds]
    return f"Yes: {told}.", "good", proofs


def _hold_words(case: Case, held: HeldBy) -> str:
    hold = held.hold
    owner = held.person or held.team or ""
    label = class_label(hold.error_class, hold.code == "APP01")
    rule = readable_term(hold.rule) if hold.rule else hold.code
    owned = f"owner {owner}" if owner else "no owner"
    opened = f"{label} ({rule}), opened {case.when(hold.opened_at)}"
    if hold.closed_at is None:
        return f"{opened}, {owned}, still open"
    by = f" by {held.closed_by}" if held.closed_by else ""
    told = _cleared(case, held.change) if held.change else hold.closed_why
    why = f": {told}" if told else ""
    state = in_sentence(HOLD_LABELS[hold.state])
    return f"{opened}, {owned}, {state} {case.when(hold.closed_at)}{by}{why}"


def _cleared(case: Case, change: Changed) -> str:
    """Describe the change that cleared a hold: what, when and why."""
    when = f"{case.when(change.at)} (revision {change.no})"
    if change.kind == "rules":
        return f"published {change.what} {when}"
    return f"mapped {change.what} {when}, {change.reason or NOT_RECORDED}"


def source_moment(case: Case, version: Version) -> str:
    """Return the source's time of writing this version."""
    if not version.stamp:
        return NOT_RECORDED
    try:
        moment = datetime.fromisoformat(version.stamp)
    except ValueError:
        return version.stamp
    return case.when(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def answer_duplicates(case: Case, ruleset: Ruleset | None) -> tuple[str, str, list[Proof]]:
    """Return text, tone and proofs of the answer to "Was a duplicate check in force?"."""
    if case.rules is None:
        return "It was not checked yet.", "plain", []
    version = f"rule version {case.rules.no}"
    if case.lines:
        version = f"rule version {case.rules.no} (hash {case.rules.hash[:12]})"
    proofs = [Proof("ruleset", str(case.rules.no), f"hash {case.rules.hash}")]
    said = [v for v in case.verdicts if v.kind == "duplicates"]
    more = [_in_target(case, ruleset, said), _party(case, ruleset, proofs), _identity(case)]
    if not said:
        none = f"None: {version} had no duplicate rule for this document."
        return _and_more(none, more), "bad", proofs
    uniques = _uniques(case, ruleset)
    told = []
    for verdict in said:
        told.append(_describe_check(case, verdict, uniques.get(verdict.span)))
        proofs.insert(0, rule_proof(case.files, verdict.span))
    clean = all(v.result == "pass" for v in said) and not has_conflict(case)
    by = f", unique by {_unique_by(uniques)}" if uniques else ""
    yes = f"Yes, in {version}{by}: {'; '.join(told)}."
    return _and_more(yes, more), "good" if clean else "plain", proofs


def _in_target(case: Case, ruleset: Ruleset | None, said: list[Verdict]) -> str:
    """Describe the target's own duplicate check or search, if a rule refers to the target."""
    asked = {verdict.span for verdict in said}
    spoken = [u for u in _uniques(case, ruleset).values() if u.where != "history"]
    if case.target is None or not any(one.span in asked for one in spoken):
        return ""
    name, target = case.target.name, registry.targets().get(case.target.connector)
    if target is None:
        return ""
    if not isinstance(target, Searchable):
        words = _REFUSES.get(target.dedupe)
        return f"{name} itself {words}." if words else ""
    like = "one of the same party and amount, about the same day, that was not sent from here"
    stood = manual_twin(case)
    if stood is not None:
        return f"{name} was searched for {like}, and held it: {stood.hold.message}"
    if case.sent_at is None:
        return f"Before it is sent, {name} is searched for {like}."
    return f"Before it was sent, {name} was searched for {like}: there was none."


def manual_twin(case: Case) -> HeldBy | None:
    """Return the hold about a document like this one that a person made in the target."""
    return next((h for h in case.holds if h.cause.key.kind == CauseKind.MANUAL), None)


def _uniques(case: Case, ruleset: Ruleset | None) -> dict[Span, Unique]:
    """Return the uniqueness rules for this kind and route, by place."""
    return {
        unique.span: unique
        for rule in (ruleset.duplicates if ruleset else ())
        if case.record.type in {word.name for word in rule.records}
        and (rule.route is None or str(rule.route) == case.route)
        for unique in rule.uniques
    }


def _party(case: Case, ruleset: Ruleset | None, proofs: list[Proof]) -> str:
    """Describe the entries that identified the party, and the checks across two keys."""
    if ruleset is None:
        return ""
    found = [*_entries(case, ruleset, proofs), *_agreed(case, ruleset, proofs)]
    return f"Party matching: {'; '.join(found)}." if found else ""


def _entries(case: Case, ruleset: Ruleset, proofs: list[Proof]) -> Iterator[str]:
    """Yield the mapping entries behind the document's party."""
    document = case.decision.document if case.decision else None
    known = registry.document(document.target, document.document) if document else None
    field = known.party_field if known else ""
    maps = {one.name: one for one in ruleset.maps}
    uses = [
        use for row in case.lineage if (row.field, row.line) == (field, None) for use in row.used
    ]
    for use in uses:
        if use.table in maps:
            proofs.append(rule_proof(case.files, maps[use.table].span))
            yield _entry(use, maps[use.table].match)


def _entry(use: Use, match: tuple[str, ...]) -> str:
    how = listed([word.replace("_", " ") for word in match])
    return f"{use.table}(“{use.key}”) = {use.value}, {how} match"


def _agreed(case: Case, ruleset: Ruleset, proofs: list[Proof]) -> Iterator[str]:
    """Yield the checks that find one party under two keys, with their results."""
    names = {one.check.name: one.check for one in agreements(ruleset, case.record.type)}
    for verdict in case.verdicts:
        if verdict.kind != "check" or verdict.rule not in names:
            continue
        proofs.append(rule_proof(case.files, names.pop(verdict.rule).span))
        words = {"hit": "two parties"}.get(verdict.result, _result(verdict))
        keys = listed([f"{readable_term(name)} = {value}" for name, value in verdict.operands])
        compared = f", compared {keys}" if keys and verdict.result != "not_applicable" else ""
        place = case.place(verdict.span)
        yield f"{verdict.rule} ({place}) said {words}{compared}"


def _result(verdict: Verdict) -> str:
    return "released" if verdict.released else _SAID.get(verdict.result, "not applicable")


def _identity(case: Case) -> str:
    """Describe the built-in identity rule: one id has one number, and one number one id."""
    rule = "Identity (one id has one number, and one number one id; always in force)"
    findings = case.decision.findings if case.decision else ()
    held = [
        finding.message for finding in findings if finding.code == document_rules.DUPLICATE_CODE
    ]
    if held:
        return f"{rule} said conflict: {' '.join(held)}"
    stored = case.evaluation.facts if case.evaluation else None
    if stored is None or case.outcome is None:
        return ""
    facts = Facts.from_json(stored["facts"])
    if facts.conflicts:
        others = listed([other for one in facts.conflicts for other in one.others])
        return f"{rule} said released: it was {others}, too."
    return f"{rule} said pass."


def _and_more(first: str, more: list[str]) -> str:
    return " ".join([first, *(one for one in more if one)])


def _describe_check(case: Case, verdict: Verdict, unique: Unique | None) -> str:
    """Describe one duplicate check: its result, what it compared, and with what."""
    at, said = case.place(verdict.span), _result(verdict)
    if unique is None or unique.where == "history":
        keys = listed([f"{readable_term(name)} = {value}" for name, value in verdict.operands])
        return f"{at} said {said}, compared {keys}" if keys else f"{at} said {said}"
    same = next((value for name, value in verdict.operands if name == "same as"), "")
    who = f"another record here, {same}, has" if same else "no other record here has"
    what = f"a document of {case.route}"
    if unique.where == "number_in_target":
        if verdict.result not in {"pass", "hit"}:
            return f"{at} said {said}: nothing was asked, for the document had no number yet"
        number = f"the number {case.number}" if case.number else "its number"
        return f"{at} said {said}: {who} {what} with {number}"
    fields = [
        f"{readable_term(name)} = {value}" for name, value in verdict.operands if name != "same as"
    ]
    return f"{at} said {said}: {who} {what} with {' and '.join(fields)}"


def has_conflict(case: Case) -> bool:
    """Check whether the identity rule met another record."""
    return any(
        f.code == document_rules.DUPLICATE_CODE
        for f in (case.decision.findings if case.decision else ())
    )


def _unique_by(uniques: Mapping[Span, Unique]) -> str:
    return "; ".join(map(_describe_comparison, uniques.values()))


def _describe_comparison(one: Unique) -> str:
    """Describe what is compared, and whether with history or the accounting system."""
    keys = " + ".join(map(readable_name, one.keys))
    return f"{keys} in history" if one.where == "history" else f"{keys} in target"


def answer_changed(case: Case) -> tuple[str, str, list[Proof]]:
    """Return text, tone and proofs of the answer to "Was it changed after posting?"."""
    base = base_version(case)
    if base is None:
        return "It was not posted." if case.over else "Not posted yet.", "plain", []
    items = events_since(case, base)
    newest = max([base.no, *(v.no for v in case.versions if not v.stale)])
    proofs = [_span(base.no, newest), *(item.proof for item in items if item.proof.kind == "push")]
    proofs += _holds(case)
    told = "; ".join(item.text for item in items[-SHOWN_ITEMS:])
    if len(items) > SHOWN_ITEMS:
        told = f"{plural(len(items) - SHOWN_ITEMS, 'earlier change')}; {told}"
    if not any(item.changes for item in items):
        more = f"; {told}" if told else ""
        tone = "bad" if case.since.drifts else "good"
        return f"No. Version {base.no} is the latest version{more}.", tone, proofs
    text = f"Yes, since version {base.no} was sent: {told}."
    carried = case.since.taken and case.since.taken[-1].version_no == newest
    good = carried and case.since.ended and not (case.since.drifts or case.since.recounted)
    tone = "plain" if good else "bad"
    return " ".join([text, *(_describe_accepted(case, one) for one in case.accepted)]), tone, proofs


def base_version(case: Case) -> Version | None:
    """Return the first accepted version; before that, the version that was decided."""
    if case.sent_at is None:
        return None
    first = case.since.first
    if first is None:
        return case.version
    return next((v for v in case.versions if v.no == first.version_no), case.version)


@dataclass(frozen=True, slots=True)
class Item:
    """One event since the document was posted.

    `changes` means that the event answers "Was it changed after posting?" with yes.
    """

    at: datetime
    text: str
    proof: Proof
    changes: bool = True


def events_since(case: Case, base: Version) -> list[Item]:
    """Return what happened since this version was sent, oldest first."""
    items = [
        *_later_versions(case, base),
        *_accepted_pushes(case),
        *_readings(case),
        *_unit_changes(case),
    ]
    return sorted(items, key=lambda item: item.at)


def _later_versions(case: Case, base: Version) -> Iterator[Item]:
    """Yield each later version with its differences from the one before."""
    before = base
    for version in case.versions:
        if version.no <= base.no:
            continue
        who, when = version.person_id, case.when(version.at)
        by = f"from {case.source.name}" if who is None else f"by {case.person(who)}"
        why = f" ({version.reason})" if version.reason else ""
        head = f"version {version.no} at {when} {by}{why}"
        proof = Proof("version", str(version.no), f"version {version.no}")
        if version.stale:
            late = f"{head} came late: older than what was known, not checked"
            yield Item(version.at, late, proof, changes=False)
            continue
        changed_fields = describe_differences(before.body, version.body)
        more = len(changed_fields) - SHOWN_CHANGES
        told = listed(changed_fields[:SHOWN_CHANGES]) + (f" and {more} more" if more > 0 else "")
        yield Item(version.at, f"{head}: {told or 'nothing that is posted'}", proof)
        before = version


def _accepted_pushes(case: Case) -> Iterator[Item]:
    """Yield the pushes that the target accepted after the first document.

    A further document is another part of the order and no change, unless an earlier document was
    reversed.
    """
    target = case.target.name if case.target else "the accounting system"
    numbers = dict(case.since.numbers)
    replaced = False
    for one in case.since.taken[1:]:
        back = numbers.get(one.reverses_id or 0)
        replaced = replaced or back is not None or one.action != "create"
        why = f", reverses {back}" if back else f" with version {one.version_no}"
        text = f"{_did(one)} in {target} at {case.when(one.closed_at)}{why}"
        proof = Proof("push", str(one.id), f"push {one.id}")
        yield Item(one.closed_at, text, proof, changes=replaced)


def _did(one: Taken) -> str:
    return f"{one.number} {_DONE[one.action]}"


def _readings(case: Case) -> Iterator[Item]:
    """Yield the target's readings and, if it reports that, who changed the document."""
    target = case.target.name if case.target else "the accounting system"
    numbers = dict(case.since.numbers)
    several = len({one.posting_id for one in case.since.seen}) > 1
    faults = {held.hold.posting_id for held in case.holds if held.hold.code in OF_READING}
    for one in case.since.seen:
        changes = one.changed or one.posting_id not in faults
        which = f" {numbers[one.posting_id]}" if several else ""
        head = f"in {target}, seen {case.when(one.at)}{which}"
        proof = Proof("reading", "", "")
        yield Item(one.at, f"{head}{_look(one, changes=changes)}", proof, changes=changes)


def _look(one: SeenThere, *, changes: bool) -> str:
    if one.same:
        return ": as it was sent"
    if not changes:
        return f": {one.words.rstrip('.')}"
    by = f"changed by {one.by}" if one.by else "it does not say by whom"
    return f", {by}: {one.words.rstrip('.')}"


def _unit_changes(case: Case) -> Iterator[Item]:
    """Yield an event for each product whose unit was changed in the target since the posting."""
    target = case.target.name if case.target else "the accounting system"
    for one in case.since.recounted:
        head = f"in {target}, seen {case.when(one.at)}: {one.item} is counted otherwise"
        proof = Proof("event", str(one.event_id), f"event {one.event_id}")
        yield Item(one.at, f"{head}, {one.now} instead of {one.before}", proof)


def _span(first: int, last: int) -> Proof:
    if first == last:
        return Proof("version", str(first), f"version {first}")
    return Proof("versions", f"{first}..{last}", f"version {first} to {last}")


def _holds(case: Case) -> list[Proof]:
    """Return the holds opened by a late arrival, a change, or an edit in the target."""
    return [
        Proof(
            "hold", str(held.hold.id), f"hold {held.hold.id}: {class_label(held.hold.error_class)}"
        )
        for held in case.holds
        if held.hold.error_class == "stale_version" or held.hold.rule == TARGET_EDITED
    ]


def _describe_accepted(case: Case, one: Accepted) -> str:
    """Describe that a user accepted the target's value."""
    there = f"{one.target} keeps {money(one.posted, one.currency)}"
    now = "" if one.wanted is None else f", {one.source} says {money(one.wanted, one.currency)}"
    by = f"{one.by or NOT_RECORDED} accepted the difference on {case.when(one.at)}: {one.reason}"
    return f"{there}{now}; {by}."
