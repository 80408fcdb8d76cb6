"""What kept a record from being posted twice, when it was judged: the answer to the sixth question.

Here: the duplicate rules with what each really asked and found, how its party was matched, and the
rule of identity, which is always in force. Not here: those rules (rules/decisions/duplicates.py),
the search in the target before sending (holding/posting/lookups.py).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from connectors import registry
from connectors.contract.targets import Searchable
from grammar.nodes import Ruleset, Unique
from grammar.text.problem import Span
from holding.db.refusal import listed
from holding.records.story import Case, Proof, place, rule_proof
from rules.decisions import duplicates as in_rules
from rules.facts.world import Facts
from rules.outcomes.outcome import Use, Verdict
from rules.rulebook.coverage import agreements
from rules.values.cause_keys import CauseKind
from rules.values.names import plain, term

_REFUSES: Final[Mapping[str, str]] = {
    "number": "takes no second document of that number",
    "number+customer": "takes no second document of that number and customer",
    "key": "takes no second document under the same key",
}
_SAID: Final[Mapping[str, str]] = {"pass": "pass", "hit": "duplicate", "unknown": "not known"}


def duplicates(case: Case, ruleset: Ruleset | None) -> tuple[str, str, list[Proof]]:
    """The answer, its tone and its proofs."""
    if case.rules is None:
        return "It was not checked yet.", "plain", []
    version = f"rule version {case.rules.no} (hash {case.rules.hash[:12]})"
    proofs = [Proof("ruleset", str(case.rules.no), f"hash {case.rules.hash}")]
    said = [v for v in case.verdicts if v.kind == "duplicates"]
    more = [_in_target(case, ruleset, said), _party(case, ruleset, proofs), _identity(case)]
    if not said:
        none = f"None: {version} had no duplicate rule for this record."
        return _and_more(none, more), "bad", proofs
    uniques = _uniques(case, ruleset)
    told = []
    for verdict in said:
        told.append(_asked(case, verdict, uniques.get(verdict.span)))
        proofs.insert(0, rule_proof(case.files, verdict.span))
    clean = all(v.result == "pass" for v in said) and not _conflicts(case)
    by = f", unique by {_unique_by(uniques)}" if uniques else ""
    yes = f"Yes, in {version}{by}: {'; '.join(told)}."
    return _and_more(yes, more), "good" if clean else "plain", proofs


def _and_more(first: str, more: list[str]) -> str:
    return " ".join([first, *(one for one in more if one)])


def _uniques(case: Case, ruleset: Ruleset | None) -> dict[Span, Unique]:
    """What must be unique of this kind under this route, by its place."""
    return {
        unique.span: unique
        for rule in (ruleset.duplicates if ruleset else ())
        if case.record.type in {word.name for word in rule.records}
        and (rule.route is None or str(rule.route) == case.route)
        for unique in rule.uniques
    }


def _unique_by(uniques: Mapping[Span, Unique]) -> str:
    return "; ".join(map(_looked_for, uniques.values()))


def _looked_for(one: Unique) -> str:
    """What is compared, and where: among what came before, or in the accounting system."""
    keys = " + ".join(map(plain, one.keys))
    return f"{keys} in history" if one.where == "history" else f"{keys} in target"


def _asked(case: Case, verdict: Verdict, unique: Unique | None) -> str:
    """What one of them said, with what it compared and with whose."""
    at, said = place(verdict.span), _result(verdict)
    if unique is None or unique.where == "history":
        keys = listed([f"{term(name)} = {value}" for name, value in verdict.operands])
        return f"{at} said {said}, compared {keys}" if keys else f"{at} said {said}"
    same = next((value for name, value in verdict.operands if name == "same as"), "")
    who = f"another record here, {same}, has" if same else "no other record here has"
    what = f"a document of {case.route}"
    if unique.where == "number_in_target":
        if verdict.result not in {"pass", "hit"}:
            return f"{at} said {said}: nothing was asked, for the document had no number yet"
        number = f"the number {case.number}" if case.number else "its number"
        return f"{at} said {said}: {who} {what} with {number}"
    fields = [f"{term(name)} = {value}" for name, value in verdict.operands if name != "same as"]
    return f"{at} said {said}: {who} {what} with {' and '.join(fields)}"


def _result(verdict: Verdict) -> str:
    return "released" if verdict.released else _SAID.get(verdict.result, "not applicable")


def _in_target(case: Case, ruleset: Ruleset | None, said: list[Verdict]) -> str:
    """What the target itself was asked, or does itself, where a rule speaks of the target."""
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
    stood = next((h for h in case.holds if h.cause.key.kind == CauseKind.MANUAL), None)
    if stood is not None:
        return f"{name} was searched for {like}, and held it: {stood.hold.message}"
    if case.sent_at is None:
        return f"Before it is sent, {name} is searched for {like}."
    return f"Before it was sent, {name} was searched for {like}: there was none."


def _party(case: Case, ruleset: Ruleset | None, proofs: list[Proof]) -> str:
    """By which entries its party was found, and which checks let two ways of knowing it agree."""
    if ruleset is None:
        return ""
    found = [*_entries(case, ruleset, proofs), *_agreed(case, ruleset, proofs)]
    return f"Party matching: {'; '.join(found)}." if found else ""


def _entries(case: Case, ruleset: Ruleset, proofs: list[Proof]) -> Iterator[str]:
    """The mapping entries behind the document's party."""
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
    """The checks by which one party under two keys is found, with what each said."""
    names = {one.check.name: one.check for one in agreements(ruleset, case.record.type)}
    for verdict in case.verdicts:
        if verdict.kind != "check" or verdict.rule not in names:
            continue
        proofs.append(rule_proof(case.files, names.pop(verdict.rule).span))
        words = {"hit": "two parties"}.get(verdict.result, _result(verdict))
        keys = listed([f"{term(name)} = {value}" for name, value in verdict.operands])
        compared = f", compared {keys}" if keys and verdict.result != "not_applicable" else ""
        yield f"{verdict.rule} ({place(verdict.span)}) said {words}{compared}"


def _conflicts(case: Case) -> bool:
    return any(f.code == in_rules.CODE for f in (case.decision.findings if case.decision else ()))


def _identity(case: Case) -> str:
    """The rule that no rule file has to name: one id has one number, and one number one id."""
    rule = "Identity (one id has one number, and one number one id; always in force)"
    findings = case.decision.findings if case.decision else ()
    held = [finding.message for finding in findings if finding.code == in_rules.CODE]
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
