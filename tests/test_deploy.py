"""The files of deploy/: what they install, and whether their parsers and Clearpost accept them.

No container runtime runs here. The steps of the image and of the compose file are run in a virtual
environment against PostgreSQL; the files themselves are read by their parsers.
"""

import configparser
import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portal.operations.metrics import HELP
from tests.installed import ROOT, clean_environment, wheel
from tests.support.databases import new_postgresql_database

DEPLOY = ROOT / "deploy"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", re.MULTILINE)
SETTING = re.compile(r"\b(?:CLEARPOST_[A-Z_]+|DATABASE_URL|REDIS_URL)\b")


def pins(path: Path) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in PIN.findall(path.read_text())}


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return read


class TestLock:
    lock = pins(DEPLOY / "requirements.lock")

    def test_it_has_the_versions_that_the_tests_run_with(self) -> None:
        tested = pins(ROOT / "constraints.txt")
        assert {name: tested.get(name, version) for name, version in self.lock.items()} == self.lock

    def test_it_has_every_dependency_and_a_hash_of_each(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        wanted = [*project["dependencies"], *project["optional-dependencies"]["sql"]]
        assert {canonicalize_name(Requirement(one).name) for one in wanted} <= self.lock.keys()
        parts = re.split(r"^(?=\S)", (DEPLOY / "requirements.lock").read_text(), flags=re.MULTILINE)
        assert [part for part in parts if part and "--hash=sha256:" not in part] == []

    def test_every_dependency_has_an_upper_bound(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        open_ended = [
            one
            for one in project["dependencies"]
            if not any(part.operator == "<" for part in Requirement(one).specifier)
        ]
        assert open_ended == ["tzdata"]  # versions are dates


@pytest.mark.postgresql
@pytest.mark.slow
def test_the_steps_of_the_image_end_at_the_set_up_page(
    postgresql_url: str | None, worker_name: str, tmp_path: Path
) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: the steps of the image were not run")
    venv = tmp_path / "venv"
    script = [str(DEPLOY / "install.sh"), str(venv), str(wheel(tmp_path))]
    environment = clean_environment()
    subprocess.run(script, check=True, env=environment, capture_output=True)
    command = compose()["services"]["prepare"]["command"][0]
    with new_postgresql_database(postgresql_url, f"clearpost_deploy_{worker_name}") as url:
        environment |= {
            "DATABASE_URL": url,
            "CLEARPOST_HOME": str(tmp_path / "home"),
            "CLEARPOST_PORT": "0",
            "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        }
        command = command.replace("/var/lib/clearpost", str(tmp_path / "home"))
        for _ in range(2):  # a second start changes nothing
            said = _shell(command, environment)
            assert "/setup/" in said
        portal = subprocess.Popen(
            ["clearpost", "portal"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            executable=str(venv / "bin" / "clearpost"),
        )
        try:
            address = _address(portal)
            path = re.findall(r"/setup/\S+", said)[-1]
            assert requests.get(f"{address}/healthz", timeout=10).status_code == 200
            assert requests.get(f"{address}{path}", timeout=10).status_code == 200
        finally:
            portal.terminate()
            portal.wait(20)


def _shell(command: str, environment: dict[str, str]) -> str:
    ended = subprocess.run(
        ["/bin/sh", "-ec", command], env=environment, capture_output=True, text=True, check=True
    )
    return ended.stdout + ended.stderr


def _address(portal: "subprocess.Popen[str]") -> str:
    assert portal.stderr is not None
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if found := re.search(r"http://\S+", portal.stderr.readline()):
            return found[0]
    raise AssertionError("the portal did not start")


def test_services_run_without_rights_and_with_settings_that_exist() -> None:
    services = compose()["services"]
    known = set(SETTING.findall((ROOT / "docs" / "operations" / "settings.md").read_text("utf-8")))
    for name in ("prepare", "portal", "worker"):
        service = services[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert set(service["environment"]) <= known, name
    assert services["worker"]["deploy"]["replicas"] == 2
    assert all("max-size" in service["logging"]["options"] for service in services.values())
    inside = compose()["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    proxy = services["proxy"]["networks"]["inside"]["ipv4_address"]
    assert services["portal"]["environment"]["CLEARPOST_TRUSTED_PROXY"] == proxy
    assert proxy.rpartition(".")[0] == inside.rpartition(".")[0]
    unset = {one for one in _variables() if one not in _example()}
    assert unset == set()


def test_an_image_without_capabilities_does_not_change_its_user() -> None:
    """The image of Valkey starts as root and takes another user, which needs a capability."""
    own = {"prepare", "portal", "worker"}  # their image names its user
    others = {name: one for name, one in compose()["services"].items() if name not in own}
    bare = {name for name, one in others.items() if one.get("cap_drop") == ["ALL"]}
    assert bare == {"queue"}
    assert [name for name in bare if "user" not in others[name]] == []


def _variables() -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text("utf-8")))


def _example() -> set[str]:
    lines = (DEPLOY / "env.example").read_text("utf-8").splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def test_the_image_runs_as_a_user_and_checks_its_health() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    words = [line.split()[0] for line in lines if line and line[0].isupper()]
    assert words.count("FROM") == 2
    last = len(words) - 1 - words[::-1].index("FROM")
    assert {"USER", "HEALTHCHECK", "ENTRYPOINT"} <= set(words[last:])


UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_its_units(unit: Path, tmp_path: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text("utf-8"))
    service = parser["Service"]
    assert service["User"] == "clearpost"
    assert service["ExecStart"].startswith("/opt/clearpost/bin/clearpost ")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NO SYSTEMD: the unit was read by a parser of .ini files only")
    copy = tmp_path / unit.name.replace("@", "@1")
    copy.write_text(unit.read_text("utf-8").replace("/opt/clearpost/bin/clearpost", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_workflow_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    steps = workflow["jobs"]["test"]["steps"]
    assert steps[-1] == {"run": ".ci/run"}
    trial = workflow["jobs"]["trial"]
    assert trial["env"]["CLEARPOST_TRIAL"] == "2000"
    (module,) = re.findall(r"tests/\S+", trial["steps"][-1]["run"])
    assert (ROOT / module).is_file()


class TestMonitoring:
    """Every figure that the dashboard and the alerts read is one of `/metrics`."""

    FIGURE = re.compile(r"\bclearpost_[a-z_]+")

    def exported(self) -> set[str]:
        requests_total = {"clearpost_http_requests_total"}
        return {*HELP, *requests_total, "clearpost_http_request_seconds_bucket"}

    def test_the_dashboard_reads_existing_figures(self) -> None:
        dashboard = json.loads((DEPLOY / "monitoring/grafana-dashboard.json").read_text("utf-8"))
        queries = [
            target["expr"] for panel in dashboard["panels"] for target in panel["targets"]
        ] + [variable["query"]["query"] for variable in dashboard["templating"]["list"][1:]]
        figures = {figure for query in queries for figure in self.FIGURE.findall(query)}
        assert figures <= self.exported()
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])

    def test_the_alerts_read_existing_figures_and_say_what_is_wrong(self) -> None:
        groups = yaml.safe_load((DEPLOY / "monitoring/alerts.yaml").read_text("utf-8"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        figures = {figure for rule in rules for figure in self.FIGURE.findall(rule["expr"])}
        assert figures <= self.exported()
        assert all(rule["annotations"]["summary"] for rule in rules)
        assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}
