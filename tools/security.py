"""`make security`: run the security checks by subject, then report in one line of JSON.

The tests lie beside what they test; here is only which of them prove which subject.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
SUBJECTS = {
    "webhooks": ("tests/portal/intake/test_hooks.py",),
    "outgoing_addresses": ("tests/connectors/transport/test_http_and_clock.py",),
    "scripts_in_names": ("tests/portal/web/test_hostile_names.py",),
    "edited_rows": (
        "tests/holding/operations/test_sealed_rows.py",
        "tests/holding/operations/test_contents.py",
        "tests/holding/operations/test_acts_kept.py",
        "tests/holding/db/models/test_append_only.py",
    ),
    "packets": ("tests/holding/records/test_packet_check.py", "tests/acceptance/test_evidence.py"),
    "truncate_and_grants": ("tests/holding/platform/test_grants.py",),
    "limits": ("tests/portal/web/test_security.py", "tests/portal/web/test_serving.py"),
    "lock_out": (
        "tests/portal/access/test_sign_in_log.py",
        "tests/portal/access/test_second_step.py",
    ),
    "permissions": (
        "tests/portal/web/test_permissions.py",
        "tests/portal/web/test_other_company.py",
    ),
    "secrets": (
        "tests/holding/access/test_secrets.py",
        "tests/portal/access/test_two_factor.py",
        "tests/holding/operations/test_key_file_rotation.py",
        "tests/acceptance/test_canaries.py",
    ),
    "schema_mismatch": ("tests/holding/platform/test_migrations.py",),
}
"""Subject -> the test modules that prove it."""


def run(modules: tuple[str, ...], sheet: Path, more: list[str]) -> dict[str, int]:
    """Run test modules and return how many tests passed, failed and were skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", f"--junit-xml={sheet}", *modules]
    subprocess.run([*command, *more], cwd=ROOT, check=False)
    if not sheet.exists():
        return {"passed": 0, "failed": 1, "skipped": 0}
    suite = next(ElementTree.parse(sheet).iter("testsuite"))  # noqa: S314 - pytest wrote it
    count = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    passed = count["tests"] - failed - count["skipped"]
    return {"passed": passed, "failed": failed, "skipped": count["skipped"]}


def main() -> int:
    """Run every subject; return 1 if a test fails, or a subject has no test that passed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--subject", choices=SUBJECTS, action="append", help="only these")
    given, more = parser.parse_known_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for subject in given.subject or SUBJECTS:
            results[subject] = run(SUBJECTS[subject], Path(folder) / f"{subject}.xml", more)
    bad = [name for name, counts in results.items() if counts["failed"] or not counts["passed"]]
    sys.stdout.write(json.dumps({"ok": not bad, "failed": bad, "subjects": results}) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
