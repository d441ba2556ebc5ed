# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the sample application: where secrets come from, which values are refused, and that none is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from latentum_sample.config import ConfigError, Settings, address, number, seconds_asked, secret

SCHEMES = ("postgres", "postgresql")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("from the file\n")
    return path


def test_a_secret_comes_from_its_file_without_the_newline(file: Path) -> None:
    assert secret({"API_KEY_FILE": str(file)}, "API_KEY") == "from the file"


def test_spaces_belong_to_the_secret(file: Path) -> None:
    file.write_text(" a b \r\n")
    assert secret({"API_KEY_FILE": str(file)}, "API_KEY") == " a b "


def test_a_secret_may_come_from_the_environment() -> None:
    assert secret({"API_KEY": "direct"}, "API_KEY") == "direct"
    assert secret({}, "API_KEY", "default") == "default"


def test_two_sources_are_a_mistake(file: Path) -> None:
    with pytest.raises(ConfigError, match="both set") as caught:
        secret({"API_KEY": "hidden-value", "API_KEY_FILE": str(file)}, "API_KEY")
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_no_secret(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigError, match="is empty"):
        secret({"API_KEY_FILE": str(file)}, "API_KEY")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"API_KEY_FILE: cannot read .*/absent as uid"):
        secret({"API_KEY_FILE": str(tmp_path / "absent")}, "API_KEY")


def test_nothing_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match="set API_KEY_FILE"):
        secret({}, "API_KEY")


@pytest.mark.parametrize(
    "url",
    [
        "postgres://latentum:pw@database:5432/latentumdb",
        "postgresql://latentum:p%40ss%2Fw%3Ard@database/latentumdb",
        "postgres://user:pw@[2001:db8::1]:5432/db",
    ],
)
def test_addresses_that_are_sound(url: str) -> None:
    assert address({"DATABASE_URL": url}, "DATABASE_URL", SCHEMES) == url


@pytest.mark.parametrize(
    "url",
    [
        "database:5432/latentumdb",
        "mysql://latentum:hidden@database/latentumdb",
        "postgres:///latentumdb",
        "postgres://latentum:hidden/word@database:5432/latentumdb",  # not quoted: the host ends at the slash
        "postgres://latentum:hidden@database:port/latentumdb",
        "postgres://latentum:hidden@database:99999/latentumdb",
        "postgres://latentum:hidden@[database/latentumdb",
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL is not a URL such as postgres://") as caught:
        address({"DATABASE_URL": url}, "DATABASE_URL", SCHEMES)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("given", ["0", "65536", "many", "nan", "inf", "-1"])
def test_numbers_out_of_range(given: str) -> None:
    with pytest.raises(ConfigError, match="from 1 to 65535"):
        number({"PORT": given}, "PORT", 8080, 1, 65535)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("0.5", 0.5), ("60", 60.0)])
def test_seconds_that_may_be_asked_for(text: str, seconds: float) -> None:
    assert seconds_asked(text, 60) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "60.1", "nan", "inf", "1e9"])
def test_seconds_that_may_not(text: str) -> None:
    with pytest.raises(ValueError):
        seconds_asked(text, 60)


def test_settings_of_a_service() -> None:
    settings = Settings.read({"SERVICE": "worker", "VERSION": "1.2.0-broken", "FAULT": "unhealthy", "LOG_LEVEL": "debug", "PORT": "9000"})
    assert (settings.identity.service, settings.identity.version) == ("worker", "1.2.0-broken")
    assert (settings.broken, settings.log_level, settings.port) == (True, "DEBUG", 9000)
    assert not Settings.read({"FAULT": ""}).broken


def test_an_unknown_log_level() -> None:
    with pytest.raises(ConfigError, match="LOG_LEVEL='loud'"):
        Settings.read({"LOG_LEVEL": "loud"})
