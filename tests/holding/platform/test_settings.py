"""Settings: one reading of the environment, with a clear word for what makes no sense."""

from pathlib import Path

import pytest

from holding.platform.settings import Settings


def test_defaults_are_an_embedded_production_house(tmp_path: Path) -> None:
    settings = Settings.from_env({"XDG_DATA_HOME": str(tmp_path)})
    assert settings.env == "production"
    assert settings.home == tmp_path / "clearpost"
    assert settings.database_url == f"sqlite:///{tmp_path}/clearpost/clearpost.sqlite3"
    assert settings.embedded
    assert (settings.redis_url, settings.settle_seconds) == (None, None)
    assert (settings.lease_seconds, settings.sweep_seconds, settings.undo_seconds) == (60, 5, 30)


def test_playthings_count_only_where_they_belong() -> None:
    given = {"CLEARPOST_ALLOW_LOOPBACK": "1"}
    found = {env: Settings.from_env({**given, "CLEARPOST_ENV": env}) for env in ("demo", "test")}
    assert all(settings.allow_loopback for settings in found.values())
    assert not Settings.from_env(given).allow_loopback
    assert (found["demo"].undo_seconds, found["test"].undo_seconds) == (30, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLEARPOST_ENV", "prod"),
        ("CLEARPOST_LEASE_SECONDS", "soon"),
        ("CLEARPOST_SWEEP_SECONDS", "-1"),
        ("CLEARPOST_SETTLE_SECONDS", "nan"),
    ],
)
def test_nonsense_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.from_env({name: value})
