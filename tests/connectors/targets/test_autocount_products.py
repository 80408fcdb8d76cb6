"""How AutoCount counts a product, beside literal calls: what is asked, and what the stand-in says.

The file under wire/autocount/product is written from the vendor's page and from the contract. Here
are the calls alone; what follows of a unit is shown elsewhere (acceptance/test_item_set_up.py).
"""

from connectors.contract import ItemSetup
from tests.connectors.recorded import Call, Tape, expected, handled, recorded
from tests.connectors.simulator_processes import SAMPLES
from tests.connectors.targets.test_wire import settings
from tests.connectors.targets.test_wire_corrupted import served

CALLS = recorded("autocount", "product/read")
CODES = {"read": "TEE-BLK-M", "absent": "TEE/BLK"}


def test_the_client_asks_as_recorded_and_reads_the_unit(autocount):
    tape = Tape([*CALLS["read"], *CALLS["absent"]])
    secret = SAMPLES["autocount"].secret
    found = autocount.items([*CODES.values()], settings("autocount"), secret, tape)
    assert tape.calls == []
    assert found == {"TEE-BLK-M": ItemSetup("PCS"), "TEE/BLK": None}


def test_the_stand_in_answers_as_recorded(tmp_path):
    handle = served("autocount", tmp_path)
    for step in CODES:
        for call in CALLS[step]:
            assert handled(handle, call) == expected(call)


def test_the_stand_in_wants_the_word_of_the_vendors_page(tmp_path):
    handle = served("autocount", tmp_path)
    (asked,) = CALLS["read"]
    path = "/1042/product?productCode=TEE-BLK-M"
    told = {"x-rate-limit-limit": "1m"}
    refused = '{"statusCode": 400, "message": "Code is required."}'
    call = Call("GET", path, asked.headers, "", 400, told, refused)
    assert handled(handle, call) == expected(call)
