"""The bill of materials and NOTICE name every package of the lock file, each with its licence."""

import re

from tests.installed import ROOT
from tools import sbom


def test_notice_is_what_the_lock_file_and_the_packages_say() -> None:
    assert (ROOT / "NOTICE").read_text("utf-8") == sbom.notice(), "run make sbom"


def test_each_package_has_a_licence_that_allows_distribution() -> None:
    words = {word for text in sbom.licences().values() for word in re.split(r" (?:OR|AND) ", text)}
    allowed = {"MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "PSF-2.0",
               "LGPL-3.0-only", "ZPL-2.1"}  # fmt: skip
    assert words <= allowed, words - allowed


def test_the_bill_is_cyclonedx_and_the_same_each_time() -> None:
    bill = sbom.bill()
    assert bill == sbom.bill()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    refs = [one["bom-ref"] for one in bill["components"]]
    assert len(refs) == len(set(refs)) == len(list(sbom.locked())) + len(sbom.VENDORED)
    assert bill["dependencies"] == [{"ref": "clearpost", "dependsOn": refs}]
    hashed = [one for one in bill["components"] if one.get("hashes") or one["properties"]]
    assert len(hashed) == len(refs)
