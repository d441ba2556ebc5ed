# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small languages of backups: calendar expressions, repositories, recipients, certificates, queries."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.model import parse
from ansible_collections.latentum.ops.plugins.module_utils.declaration.backups.values import authority, query, recipient, repository
from ansible_collections.latentum.ops.plugins.module_utils.schema.calendar import calendar
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem, Refused

from .samples import AGE, AGE_SECRET, CERTIFICATE, ssh_blob, ssh_line

ANALYZE = shutil.which("systemd-analyze")
CALENDAR = [
    *("daily", "Weekly", "hourly UTC", "daily Europe/Berlin", "quarterly", "semi-annually", "Mon", "2026-01-01", "02:30"),
    *("*-*-* 02:30", "*-*-*  02:30", "*-*-* 02:30:15.5", "*-*-* 02:30 Europe/Berlin", "*-*-* 02:30 Etc/GMT+1", "12-25 03:00", "*-*-*"),
    *("*-*-* 02:30 America/Port-au-Prince", "Sun *-*-* 03:00", "Mon..Fri 02:30", "Mon-Fri 02:30", "Mon,Wed *-*-* 1,13:00"),
    *("Sat,Sun 03:00:00", "*-*~01 04:00", "*-02~3/1", "Mon *-*-1..7 04:00", "*:0/15", "2026-*-* 0/6:00", "*-*-* *:*:*"),
]
NO_CALENDAR = [
    *("nightly", "every day", "@daily", "30 2 * * *", "*/5 * * * *", "*-*-* 25:00", "*-*-* 24:00", "*-*-* 12:61", "*-*-* 2.30"),
    *("*-*-* 02:30 *-*-* 03:30", "02:30 Mon", "Moonday 02:30", "*-*-* 02:30 Mon", "-", "%i", "02:30\n03:30", "02:30\tUTC"),
]


def test_calendar() -> None:
    assert [calendar(f" {text} ") for text in CALENDAR] == CALENDAR
    for text in NO_CALENDAR:
        with pytest.raises(Refused):
            calendar(text)


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
# What stands in one line of a unit has neither; systemd-analyze makes something of them all the same.
@pytest.mark.parametrize("text", [one for one in (*CALENDAR, *NO_CALENDAR) if "\n" not in one and "\t" not in one])
def test_calendar_is_that_of_systemd(text: str) -> None:
    judged = subprocess.run([str(ANALYZE), "calendar", "--", text], capture_output=True, check=False).returncode == 0
    try:
        calendar(text)
    except Refused:
        assert not judged
    else:
        assert judged


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/srv/backup/acme", "folder /srv/backup/acme"),
        ("/srv/backup/acme/", "folder /srv/backup/acme"),
        ("sftp:b@nas:/srv/acme", "sftp nas:22/srv/acme"),
        ("sftp:nas:/srv//acme/", "sftp nas:22/srv/acme"),
        ("sftp://b@NAS//srv/acme", "sftp nas:22/srv/acme"),
        ("sftp://b@nas:2222//srv/acme", "sftp nas:2222/srv/acme"),
        ("sftp://b@[2001:db8::1]:2222//srv/acme", "sftp [2001:db8::1]:2222/srv/acme"),
        ("sftp:b@nas:acme", "sftp nas:22~b/acme"),
        ("sftp://b@nas/acme", "sftp nas:22~b/acme"),
        ("s3:https://S3.example.com/bucket", "s3 s3.example.com:443/bucket"),
        ("s3:https://s3.example.com:443/bucket/", "s3 s3.example.com:443/bucket"),
        ("s3:http://s3.example.com:9000/bucket/a", "s3 s3.example.com:9000/bucket/a"),
        ("rest:https://r.example.com", "rest r.example.com:443/"),
        ("rest:https://r.example.com:8000/user@acme/", "rest r.example.com:8000/user@acme"),
        ("rest:https://[::1]:8000/", "rest [::1]:8000/"),
    ],
)
def test_one_place_has_one_name(text: str, place: str) -> None:
    found = repository(text)
    assert found.place == place
    assert found.plain == ("http://" in text)
    assert found.folder == (place.removeprefix("folder ") if text.startswith("/") else "")
    assert found.text == text.rstrip("/") if text.startswith("/") else found.text == text


@pytest.mark.parametrize(
    "text",
    [
        *("acme", "local:/srv/acme", "gs:b:/", "azure:c:/", "rclone:r:p", "swift:c:/p", "http://r.example.com", "s3:", "s3:https://"),
        *("s3:https:///bucket", "s3:ftp://s3.example.com/b", "rest:https://r.example.com:0/", "rest:https://r.example.com:x/"),
        *("rest:https://r.example.com/a b", "rest:https://r.example.com/a#b", "rest:https://r.example.com/../a", "rest:https://r_/%2e"),
        *("sftp:", "sftp:nas", "sftp:nas:", "sftp://nas", "sftp://nas/", "sftp:b@[::1]:/acme", "sftp:a@b@nas:/acme", "sftp:nas:/a b"),
    ],
)
def test_no_place(text: str) -> None:
    with pytest.raises(Refused) as refused:
        repository(text)
    assert text not in (refused.value.problem, refused.value.fix)


@pytest.mark.parametrize(
    "text",
    [AGE, f"{AGE}\n", ssh_line("ed25519"), f"{ssh_line('ed25519')} somebody@laptop\n", ssh_line("rsa"), f"  {ssh_line('rsa')}  a b"],
    ids=lambda text: repr(text[:16]),  # the keys are new in each run
)
def test_recipients(text: str) -> None:
    assert recipient(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "age1",
            AGE[:-1],
            f"{AGE}q",
            AGE.upper(),
            f"{AGE} {AGE}",
            f"{AGE}\n{AGE}",
            "age1yubikey1qwerty",
            "ops@example.com",
            "ssh-ed25519",
        ),
        *("ssh-ed25519 !!!!", "ssh-ed25519 AAAA", "ssh-rsa AAAAB3NzaC1yc2E=", ssh_line("ecdsa"), ssh_line("rsa", 1024)),
        ssh_line("ed25519")[:-4],
        f"ssh-rsa {ssh_line('ed25519').split()[1]}",
        f"ssh-ed25519 {ssh_blob(b'ssh-ed25519', b'short')}",
        f"ssh-ed25519 {ssh_blob(b'ssh-ed25519', bytes(32), b'')}",
        f"command=x {ssh_line('ed25519')}",
        f"{ssh_line('ed25519')}\n{ssh_line('ed25519')}",
    ],
    ids=lambda text: repr(text[:16]),
)
def test_no_recipients(text: str) -> None:
    with pytest.raises(Refused, match="not a public key"):
        recipient(text)


def test_a_letter_that_is_mistyped_is_found() -> None:
    """In any place, by any letter; and two that changed places."""
    for place in range(4, len(AGE)):
        for letter in "qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio":
            if letter != AGE[place]:
                with pytest.raises(Refused):
                    recipient(AGE[:place] + letter + AGE[place + 1 :])
    for number in range(4, len(AGE) - 1):
        if AGE[number] != AGE[number + 1]:
            with pytest.raises(Refused):
                recipient(AGE[:number] + AGE[number + 1] + AGE[number] + AGE[number + 2 :])


@pytest.mark.parametrize("text", [AGE_SECRET, AGE_SECRET.lower(), f"# key\n{AGE_SECRET}", "-----BEGIN OPENSSH PRIVATE KEY-----\nx"])
def test_a_secret_key_is_told_to_be_one(text: str) -> None:
    with pytest.raises(Refused, match="secret key") as refused:
        recipient(text)
    assert "lost" in refused.value.fix


def test_certificates() -> None:
    assert authority(CERTIFICATE.strip()) == CERTIFICATE
    assert authority(f"{CERTIFICATE}\n{CERTIFICATE}").count("BEGIN") == 2
    for wrong in ("x", CERTIFICATE[:-60], CERTIFICATE.replace("\nM", "\n!", 1), "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"):
        with pytest.raises(Refused, match="not a certificate"):
            authority(wrong)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("SELECT 1", "SELECT 1"),
        (" select 1 ;\n", "select 1"),
        ("WITH a AS (SELECT ';') SELECT * FROM a", "WITH a AS (SELECT ';') SELECT * FROM a"),
        ("SELECT 'it''s; fine'", "SELECT 'it''s; fine'"),
        ("SELECT(1)", "SELECT(1)"),
    ],
)
def test_queries(text: str, kept: str) -> None:
    assert query(text) == kept


@pytest.mark.parametrize("check", [repository, recipient, authority, query, calendar])
def test_anything_is_kept_or_refused(check: Callable[[str], object]) -> None:
    """Any text at all ends in a value or in a refusal with a fix, never in another error."""
    chance = random.Random(20261121)  # noqa: S311 - the same texts each time
    pieces = [
        "s3:",
        "rest:",
        "sftp:",
        "https://",
        "//",
        "/",
        "@",
        ":",
        "..",
        "ssh-rsa ",
        "AAAA",
        "age1",
        "ü",
        "\x00",
        "\n",
        " ",
        "1",
        "*",
        "-",
    ]
    for _number in range(5000):
        text = "".join(chance.choices(pieces, k=chance.randrange(1, 9)))
        try:
            check(text)
        except Refused as refused:
            assert refused.fix


def test_volumes_of_a_compose_file() -> None:
    problems: list[Problem] = []
    source = """
    services: {a: {image: "a:1"}}
    volumes:
      plain:
      outside: {external: true}
      memory: {driver: local, driver_opts: {type: tmpfs, device: tmpfs}}
      share: {driver_opts: {type: nfs}}
      plugin: {driver: rclone}
      folder: {driver: local, driver_opts: {type: none, o: bind, device: /srv/x}}
    """
    found = parse(source, {}, problems)
    assert problems == []
    assert found.volumes == {
        "plain": "here",
        "outside": "external",
        "memory": "memory",
        "share": "elsewhere",
        "plugin": "elsewhere",
        "folder": "here",
    }
    parse("services: {a: {image: 'a:1'}}\nvolumes: [a]", {}, problems)
    assert [one.key for one in problems] == ["compose.volumes"]
