"""The permission of each view: the decorators agree with the table of the request guard."""

import pytest

from portal.web.permissions import permission_of
from portal.web.request_guard import act_of

pytestmark = pytest.mark.sqlite


def test_decorators_and_table_agree_endpoint_by_endpoint(app):
    declared = {endpoint: permission_of(app, endpoint) for endpoint in app.view_functions}
    assert declared == {endpoint: act_of(endpoint) for endpoint in app.view_functions}
    assert len(declared) > 260
