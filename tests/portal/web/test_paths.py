"""An address that is written down holds no one-time token."""

import pytest
from flask import Flask

from portal.web.observation import logged_path


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/setup/s3cr3t-token", "/setup/…"),
        ("/join/s3cr3t-token", "/join/…"),
        ("/c/kedai/setup/rules", "/c/kedai/setup/rules"),
        ("/c/kedai/people/", "/c/kedai/people/"),
    ],
)
def test_the_token_of_a_link_is_not_written_down(app: Flask, path: str, written: str) -> None:
    with app.test_request_context(path):
        assert logged_path() == written
