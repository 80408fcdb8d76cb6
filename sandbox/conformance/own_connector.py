"""A pytest plugin for `clearpost connector test`: fixtures for the connector under test.

The suites that use it are own_target_suite.py and own_source_suite.py.
"""

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import sources, targets
from connectors.transport.http import Http
from sandbox.conformance.new_connector import open_places
from sandbox.conformance.source_suite import EARLY, Scheme
from sandbox.conformance.target_bench import Bench, Posted, Process, Refusals, Sample, refusals_of

NOTHING = "nothing"
"""The parameter of a test about open places where a connector has none."""

_PACKAGES = {
    "targets": "connectors.targets",
    "sources": "connectors.sources",
    "simulators": "sandbox.simulators",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with the connector's name."""
    parser.addoption("--connector", required=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Combine the tests with open places, batches and refusals.

    A target that takes many documents in a call is tested with batches as well. Each place that is
    still to be filled in is a test of its own, and so is each refusal in the connector's list.
    """
    if "place" in metafunc.fixturenames:
        metafunc.parametrize("place", _open(metafunc.config) or [NOTHING])
    if "batch" in metafunc.fixturenames:
        most = targets()[_name(metafunc.config)].file_limits.documents
        metafunc.parametrize(
            "batch", [False, True] if most > 1 else [False], ids=("", "many")[:most]
        )
    refusals = (
        _refusals(metafunc.config) if {"refusal", "literal"} & {*metafunc.fixturenames} else None
    )
    if refusals is not None and "refusal" in metafunc.fixturenames:
        metafunc.parametrize("refusal", refusals.ways, ids=lambda refusal: refusal.error_class)
    if refusals is not None and "literal" in metafunc.fixturenames:
        metafunc.parametrize("literal", refusals.literal, ids=lambda answer: answer.error_class)


def _open(config: pytest.Config) -> list[str]:
    name = _name(config)
    sides = {"targets": targets(), "sources": sources()}
    (side,) = (side_name for side_name, connectors in sides.items() if name in connectors)
    return open_places(folder_of(side, name)) + open_places(folder_of("simulators", name))


def _name(config: pytest.Config) -> str:
    return str(config.getoption("--connector"))


def _refusals(config: pytest.Config) -> Refusals:
    return refusals_of(folder_of("targets", _name(config)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Iterator[None]:
    """Skip a test that reached an open place; the test of that place fails."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, NotImplementedError) and str(error) in _open(item.config):
        report.outcome = "skipped"  # type: ignore[attr-defined]
        report.longrepr = (str(item.path), None, f"waits for {error}")  # type: ignore[attr-defined]
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the places."""
    for place in _open(config):
        terminalreporter.write_line(f"TO FILL IN  {place}")


def folder_of(side: str, name: str) -> Path:
    """Return the folder of a connector's package on one side, or of its simulator."""
    return Path(str(import_module(f"{_PACKAGES[side]}.{name}").__file__)).parent


def sample_of(name: str) -> Sample:
    """Return the sample in a target's `sample.toml`."""
    values = tomllib.loads((folder_of("targets", name) / "sample.toml").read_text("utf-8"))
    (schema,) = (
        schema_candidate
        for schema_candidate in targets()[name].documents
        if schema_candidate.name == values["document"]
    )

    def make(
        number: str = "NS-1",
        *,
        lines: tuple[Mapping[str, str], ...] = tuple(values.get("lines", ())),
        amount: str = values["amount"],
        **changed: str,
    ) -> Posted:
        all_fields = {schema.number_field: number, **values["fields"], **changed}
        fields = {name: value for name, value in all_fields.items() if value != ""}
        return Posted(
            number=number,
            party=fields.get(schema.party_field, ""),
            currency=values["currency"],
            amount=Decimal(amount),
            document=schema.name,
            fields=fields,
            lines=lines,
        )

    more: dict[str, Any] = {"amount": values["other_amount"]}
    if "other_lines" in values:
        more["lines"] = tuple(values["other_lines"])
    names = ("party", "day", "rate", "secret", "settings")
    return Sample(
        make=make,
        more=more,
        stored=tuple(values["stored"]),
        not_stored=tuple(values["not_stored"]),
        **{name: values[name] for name in names},
    )


class OwnProcess(Process):
    """The simulator of a target of one's own, with the settings of its sample."""

    own: Mapping[str, Any] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """The sample's settings, and the simulator's address."""
        return {**super().settings, **self.own}


@pytest.fixture(scope="session")
def standing_by(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnProcess]:
    """Start the simulator once per session."""
    name = _name(request.config)
    process = OwnProcess(name, tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    process.own = sample_of(name).settings
    yield process
    process.kill()


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Any:
    """Return the target."""
    return targets()[_name(request.config)]


@pytest.fixture
def refusals(request: pytest.FixtureRequest) -> Refusals:
    """Return the target's list of refusals."""
    return _refusals(request.config)


@pytest.fixture
def bench(target: Any, standing_by: OwnProcess) -> Bench:
    """Return the target with its simulator and empty books."""
    test_bench = Bench(target, standing_by, Http(read_seconds=20), sample_of(target.name))
    test_bench.afresh()
    return test_bench


@pytest.fixture
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """Return the source with the deliveries of its simulator."""
    name = _name(request.config)
    sent = import_module(f"sandbox.simulators.{name}.deliveries")
    return Scheme(
        source=lambda: sources()[name],
        sign=sent.signed,
        body=sent.delivery(sent.STATES[0], EARLY, "99.00"),
        signature=sent.SIGNATURE,
        state=sent.delivery,
        states=sent.STATES,
    )
