# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Kafka lets in who signs in, and says what a client asks first."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kafka_stand_in
import pytest
import yaml
from kafka_stand_in import API_VERSIONS, METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE, Session, accounts, check, text

STACK = Path(__file__).resolve().parents[3] / "inventories/market_ml/group_vars/all/stack.yml"


class Loader(yaml.SafeLoader):
    """YAML with Ansible's tag for strings that are not evaluated."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
SECRETS = yaml.load(STACK.read_text(), Loader)["market_ml_secrets"]  # noqa: S506 - a subclass of the safe loader


def properties(name: str) -> str:
    """A configuration of the inventory, with passwords that tell whose they are."""
    return re.sub(r"\{\{ (\w+) \}\}", r"\1", SECRETS[name]["template"])


def ask(session: Session, key: int, version: int, body: bytes = b"") -> bytes:
    """The body of the answer, after the correlation id."""
    answer = session.answer(struct.pack(">hhi", key, version, 7) + text("test") + body)
    assert not answer or answer[:4] == struct.pack(">i", 7)
    return answer[4:]


def sign_in(session: Session, user: str, password: str) -> int:
    """The error code."""
    assert struct.unpack_from(">h", ask(session, SASL_HANDSHAKE, 1, text("PLAIN"))) == (0,)
    token = f"\0{user}\0{password}".encode()
    return int(struct.unpack_from(">h", ask(session, SASL_AUTHENTICATE, 1, struct.pack(">i", len(token)) + token))[0])


@pytest.fixture
def session() -> Session:
    return Session(accounts(properties("kafka_server")))


def test_accounts_are_those_of_the_inventory() -> None:
    assert accounts(properties("kafka_server")) == {"broker": "kafka_broker_password", "ingestion": "kafka_ingestion_password"}


def test_a_continued_line_of_properties_has_nothing_after_its_backslash() -> None:
    """Java's properties end there otherwise, and Kafka starts without accounts."""
    for name in ("kafka_server", "kafka_client"):
        assert not re.search(r"\\[ \t]+\n", SECRETS[name]["template"])


@pytest.mark.parametrize("version", [3, 4])
def test_a_newer_client_is_told_which_version_to_ask_by(session: Session, version: int) -> None:
    error, count = struct.unpack_from(">hi", ask(session, API_VERSIONS, version))
    assert (error, count) == (kafka_stand_in.UNSUPPORTED_VERSION, 4)
    assert struct.unpack_from(">hi", ask(session, API_VERSIONS, 0)) == (0, 4) and not session.ends


def test_who_has_not_signed_in_is_told_nothing(session: Session) -> None:
    assert ask(session, METADATA, 1, struct.pack(">i", -1)) == b"" and session.ends


@pytest.mark.parametrize(
    ("user", "password"), [("ingestion", "wrong"), ("nobody", "kafka_ingestion_password"), ("", ""), ("ingestion", "")]
)
def test_a_wrong_account_is_refused_and_the_connection_ends(session: Session, user: str, password: str) -> None:
    assert sign_in(session, user, password) == kafka_stand_in.AUTHENTICATION_FAILED
    assert session.ends and session.user is None


@pytest.mark.parametrize("version", [0, 1])
def test_who_has_signed_in_learns_the_broker(session: Session, version: int) -> None:
    assert sign_in(session, "ingestion", "kafka_ingestion_password") == 0
    answer = ask(session, METADATA, version, struct.pack(">i", -1))
    assert struct.unpack_from(">ii", answer) == (1, 1) and text("kafka") + struct.pack(">i", 9092) in answer


def test_another_mechanism_is_refused(session: Session) -> None:
    assert struct.unpack_from(">h", ask(session, SASL_HANDSHAKE, 1, text("GSSAPI"))) == (kafka_stand_in.UNSUPPORTED_MECHANISM,)


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in that listens, and a client's properties."""
    (tmp_path / "server").write_text(properties("kafka_server"))
    (tmp_path / "client").write_text(properties("kafka_client"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(kafka_stand_in, "PORT", free.getsockname()[1])
    environment = {**os.environ, "PORT": str(kafka_stand_in.PORT)}
    argv = [sys.executable, kafka_stand_in.__file__, str(tmp_path / "server")]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "stand-in for Kafka: accounts broker, ingestion\n"
        yield tmp_path / "client"
        process.terminate()
        assert process.wait(10) == 0


def test_the_check_signs_in_as_the_inventory_says(broker: Path) -> None:
    assert check(broker) == ""


def test_the_check_tells_a_wrong_password_and_a_missing_account(broker: Path) -> None:
    broker.write_text(broker.read_text().replace("kafka_broker_password", "another"))
    assert check(broker) == "the account broker is refused"
    broker.write_text("security.protocol=PLAINTEXT\n")
    assert "names no account" in check(broker)


def test_the_check_tells_that_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_stand_in, "PORT", 9)
    (tmp_path / "client").write_text(properties("kafka_client"))
    assert check(tmp_path / "client").startswith("no answer")
