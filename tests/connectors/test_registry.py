"""Every folder of sources and targets is a connector, also those of a folder beside the product."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors
import connectors.targets
from connectors import registry
from connectors.transport.http import FOLDERS_VARIABLE, BrokenConnectorError, connector_folders

ROOT = Path(__file__).resolve().parents[2]
Plant = Callable[[str, str], Path]


def folder_names(side: str) -> list[str]:
    return sorted(one.parent.name for one in (ROOT / "connectors" / side).glob("*/connector.py"))


def test_every_folder_is_a_connector_of_that_name() -> None:
    assert list(registry.targets()) == folder_names("targets")
    assert list(registry.sources()) == folder_names("sources")
    assert len(registry.targets()) >= 5
    assert len(registry.sources()) >= 7


def test_what_nothing_posts_is_described_and_not_connected() -> None:
    assert {one.name for one in registry.unposted("quickbooks")} == {"deposit", "journal_entry"}
    assert not any(one.connected for one in registry.unposted("autocount"))
    assert registry.unposted("aiaccount") == ()


def test_each_document_that_a_target_does_not_take_has_another_way_into_its_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a connector of the same system takes goes by it, all else by hand."""
    ways = registry.other_ways("autocount")
    told = {one.document.name: (one.system, one.by) for one in ways}
    imported = dict.fromkeys(
        ("sales_order", "delivery_order", "cash_sale", "goods_received_note"),
        ("AutoCount", ("AutoCount Excel import",)),
    )
    assert told == imported
    excel, cloud = registry.targets()["autocount_excel"], registry.targets()["autocount"]
    invoice = next(one for one in cloud.documents if one.name == "invoice")
    assert "invoice" in {one.name for one in excel.documents}
    monkeypatch.setattr(type(cloud), "unposted", (invoice,))
    [way] = registry.other_ways("autocount")
    assert way.by == ("AutoCount Excel import",), "On The Go takes A/R invoices alone"
    assert {one.system for one in registry.other_ways("quickbooks")} == {"QuickBooks Online"}
    assert registry.other_ways("aiaccount") == ()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("day.SHOPIFY.json", "shopify"),
        ("day.woocommerce.json", "woocommerce"),
        ("day.records.json", "intake"),
        ("day.json", "netshop"),
        ("day.csv", "workbook"),
    ],
)
def test_the_longest_ending_says_who_reads_a_file(name: str, source: str) -> None:
    assert registry.readers_of(name)[0].name == source


def test_a_file_that_nobody_reads_has_no_reader() -> None:
    assert registry.readers_of("day.pdf") == []


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a target of one module into a folder that the product looks into."""
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    place = tmp_path / "targets"

    def write(name: str, text: str) -> Path:
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").touch()
        (place / name / "connector.py").write_text(text, "utf-8")
        own = [one for one in connectors.targets.__path__ if one != str(place)]
        monkeypatch.setattr(connectors.targets, "__path__", [*own, str(place)])
        return place

    return write


def called(name: str | None) -> str:
    return f"class TARGET:\n    name = {name!r}\n"


def found() -> list[Any]:
    return list(registry.load_connectors(connectors.targets, "TARGET"))


def test_a_target_of_ones_own_is_found_behind_ours(plant: Plant) -> None:
    assert connector_folders("targets")[0] == str(plant("tiny_a", called("tiny_a")))
    assert found()[:-1] == list(registry.targets().values())
    assert found()[-1].name == "tiny_a"


@pytest.mark.parametrize("name", ["aiaccount", "Tiny_c", None])
def test_one_that_calls_itself_otherwise_takes_nobodys_place(
    plant: Plant, name: str | None
) -> None:
    folder = f"tiny_c{str(name).lower()}"
    place = plant(folder, called(name))
    with pytest.raises(BrokenConnectorError, match=f"{folder} in {place} calls itself {name}"):
        found()


def test_a_folder_whose_path_begins_as_ours_is_somebody_elses(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = plant("tiny_d", "import no_such_module\n")
    monkeypatch.setattr(connectors, "__path__", [str(place)[:-2]])
    with pytest.raises(BrokenConnectorError, match=r"tiny_d in .* cannot be loaded"):
        list(registry.load_connectors(connectors.targets, "TARGET"))


def test_one_with_the_name_of_ours_is_refused(plant: Plant) -> None:
    place = plant("quickbooks", "TARGET = 'mine'\n")
    with pytest.raises(BrokenConnectorError, match="two connectors quickbooks") as told:
        found()
    assert str(place) in str(told.value)
    assert told.value.hint == "Give it a name of its own."


@pytest.mark.parametrize("text", ["TARGET = \n", "import no_such_module\n", "OTHER = 1\n"])
def test_a_broken_one_is_told_by_name_and_place(plant: Plant, text: str) -> None:
    name = f"tiny_b{len(text)}"
    place = plant(name, text)
    with pytest.raises(BrokenConnectorError, match=f"{name} in {place} cannot be loaded") as told:
        found()
    assert FOLDERS_VARIABLE in told.value.hint


def test_a_folder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDERS_VARIABLE, "/no/such/folder")
    with pytest.raises(BrokenConnectorError, match="no folder /no/such/folder"):
        found()


def test_what_a_page_asks_for_hundreds_of_times_is_put_together_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents, _ = registry.schemas()
    assert registry.schemas()[0] is documents
    assert all(registry.document(one.target, one.name) is one for one in documents)
    monkeypatch.setattr(registry, "_TARGETS", (registry.targets()["quickbooks"],))
    assert registry.document("aiaccount", "sales_invoice") is None
    assert {one.target for one in registry.schemas()[0]} == {"quickbooks"}
