"""Applications in the process of the tests: what each compiles is compiled once for all of them.

A test makes an application of its own. Four fifths of that was spent on writing the functions that
build the addresses of its routes, half of the rest on reading these addresses, and most of a first
page on its templates; all are the same each time. The processes that look at rule files are kept:
each takes a second to start.
"""

from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from holding.rulesets.check_processes import RuleChecks
from portal.web import store


class _Kept(BytecodeCache):
    """Compiled templates by file and content."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


def keep_compiled() -> None:
    """From now on."""
    vars(store)["RuleChecks"] = _with_kept_processes
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Kept()}
    if "written" not in vars(Rule._compile_builder):
        Rule._compile_builder = _written_once(Rule._compile_builder)  # type: ignore[method-assign]
        Rule.compile = _read_once(Rule.compile)  # type: ignore[method-assign,assignment]


def _read_once(read: Callable[[Rule], None]) -> Callable[[Rule], None]:
    """What an address says is the same for all rules with the same text, settings and kinds of
    part; only the functions that build it are bound to the rule.
    """
    known: dict[tuple[object, ...], Rule] = {}

    def compile_rule(rule: Rule) -> None:
        assert rule.map is not None
        kinds = tuple(rule.map.converters.items())
        told = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, rule.strict_slashes)
        key = (told, rule.is_leaf, rule.websocket, rule.map.host_matching, kinds)
        same = known.get(key)
        if same is None or rule.defaults:
            read(rule)
            known[key] = rule
            return
        rule._parts, rule._trace = [*same._parts], [*same._trace]
        rule._converters = dict(same._converters)
        rule.arguments |= same.arguments
        rule._build = rule._compile_builder(False).__get__(rule, None)
        rule._build_unknown = rule._compile_builder(True).__get__(rule, None)

    return compile_rule


def _written_once(write: Callable[..., Any]) -> Callable[..., Any]:
    """The function that builds an address names its rule as an argument: one serves all that have
    the same parts and no defaults.
    """
    written: dict[tuple[object, ...], Any] = {}

    def builder(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if rule.defaults or key not in written:
            written[key] = write(rule, append_unknown)
        return written[key]

    builder.written = written  # type: ignore[attr-defined]
    return builder


_checks = cache(RuleChecks)


def _with_kept_processes(cpu_seconds: float) -> RuleChecks:
    """The looks of a new application: nothing was told yet, but who looks is there."""
    found = _checks(cpu_seconds)
    found._told.clear()
    return found
