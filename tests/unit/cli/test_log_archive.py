# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl logs --archive` and `log-archive`: one request over services and hosts, from closed days and the present one, without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import log_archive
from ansible_collections.latentum.ops.plugins.module_utils.logs import digests, settings
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import encode

from . import host
from .dockerd import Dockerd

SECRET = "s3cr3t-of-the-shop-93kd"
REQUEST = "7f3c2a9b51e04d8c"
NOW = datetime.now(timezone.utc)
TODAY, YESTERDAY = f"{NOW:%Y-%m-%d}", f"{NOW - timedelta(days=1):%Y-%m-%d}"
KEEP = {"application": settings.Kept(90), "audit": settings.Kept(366)}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.chdir("/")
    host.declare(tmp_path, "shop", "web", "db")
    (tmp_path / "etc/secrets/shop").mkdir(parents=True)
    (tmp_path / "etc/secrets/shop/db_password").write_text(SECRET + "\n")
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"version": 1, "host": "web1", "tree": str(tmp_path / "tree"), "state": str(tmp_path / "state")}))
    monkeypatch.setattr(settings.load, "__defaults__", (path,))
    tree = tmp_path / "tree"
    write(tree, YESTERDAY, "web1/_host/auditd.audit", 0, "ann became root")
    write(tree, YESTERDAY, "web1/shop/web.application", 1, f"yesterday's of {REQUEST}-2", f"older, id={REQUEST}")
    digests.close(tree, TODAY, KEEP)
    write(tree, TODAY, "web1/shop/web.access", 10, json.dumps({"id": REQUEST, "path": "/api"}))
    write(tree, TODAY, "web1/shop/web.application", 11, f"web passes {REQUEST} on", "something else", first=3)
    write(
        tree,
        TODAY,
        "web2/shop/api.application",
        12,
        f'{{"request_id":"{REQUEST}","password":"{SECRET}"}}',
        f"not {REQUEST}0 and not x{REQUEST}",
    )
    write(tree, TODAY, "web1/shop/web.access", -18_000, f"five hours before: {REQUEST}", first=2)
    write(tree, TODAY, "web2/blog/api.application", 14, "of another stack \x1b]0;title\x07")
    return tree


def write(tree: Path, day: str, place: str, seconds: int, *texts: str, first: int = 1) -> None:
    """Records, so many seconds before now; the later of a call are a second younger."""
    path = tree / day / f"{place}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for number, text in enumerate(texts):
            begin = NOW - timedelta(hours=1 if day == TODAY else 25) + timedelta(seconds=seconds + number)
            file.write(encode(f"{begin:%Y-%m-%dT%H:%M:%S}.5Z", "s@1.r", number + first, "", text))


@pytest.fixture
def opsctl(tree: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        code = host.run(words)
        answer = capsys.readouterr()
        return code, answer.out, answer.err

    return run


Opsctl = Callable[..., tuple[int, str, str]]


def test_one_request_through_nginx_and_services_of_two_hosts(opsctl: Opsctl) -> None:
    code, out, _err = opsctl("logs", "--archive", "--request", REQUEST)
    assert code == 0 and SECRET not in out
    assert [line.partition("|")[0].strip() for line in out.splitlines()] == [*["web1/shop/web"] * 4, "web2/shop/api"]
    assert out.splitlines()[0].partition("| ")[2] == f"older, id={REQUEST}"
    assert '"password":********' in out.splitlines()[-1]


def test_since_leaves_out_what_is_older(opsctl: Opsctl) -> None:
    _code, out, _err = opsctl("logs", "--archive", "--request", REQUEST, "--since", "2h")
    assert "older" not in out and "five hours" not in out and len(out.splitlines()) == 3


def test_a_service_a_host_a_class_and_a_pattern(opsctl: Opsctl) -> None:
    assert "something else" in opsctl("logs", "web", "--archive", "--class", "application", "--grep", "SOME|some")[1]
    assert opsctl("logs", "--archive", "--host", "web2", "--stack", "blog", "--no-prefix")[1] == "of another stack \n"
    assert opsctl("logs", "--archive", "--class", "audit", "--no-prefix")[1] == "ann became root\n"


def test_the_last_lines_of_each(opsctl: Opsctl) -> None:
    out = opsctl("logs", "--archive", "-n", "1", "--no-prefix", "--class", "application")[1].splitlines()
    assert out == ["something else", f"not {REQUEST}0 and not x{REQUEST}", "of another stack "]


def test_json_for_programs(opsctl: Opsctl) -> None:
    lines = json.loads(opsctl("logs", "--archive", "--json", "--request", REQUEST)[1])["lines"]
    assert [line["host"] for line in lines] == ["web1", "web1", "web1", "web1", "web2"]
    assert set(lines[0]) == {"at", "host", "stack", "service", "class", "source", "text"} and lines[0]["at"].endswith(".500Z")


def test_nobody_finds_a_secret_by_searching_for_its_parts(opsctl: Opsctl) -> None:
    assert opsctl("logs", "--archive", "--grep", SECRET[:9])[1] == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--archive", "--host", "web3"], "web3"),
        (["--archive", "--stack", "shpo"], "shop"),
        (["wbe", "--archive"], "web"),
        (["--archive", "--request", "short"], "8 to 64"),
        (["--archive", "--request", "a b c d e f g"], "is no id of a request"),
        (["--archive", "--grep", "("], "is no regular expression"),
        (["--host", "web1"], "write --archive as well"),
        (["--class", "audit"], "write --archive as well"),
        (["--archive", "--since", "soon"], "--since 'soon'"),
        (["--archive", "-n", "many"], "--lines 'many'"),
    ],
)
def test_what_cannot_be(opsctl: Opsctl, words: list[str], message: str) -> None:
    code, _out, err = opsctl("logs", *words)
    assert code == 2 and message in err, err


def test_a_host_without_a_tree_says_what_to_write(tree: Path, opsctl: Opsctl) -> None:
    (tree.parent / "settings.json").unlink()
    for words in (["logs", "--archive"], ["log-archive", "verify"]):
        code, _out, err = opsctl(*words)
        assert code == 2 and "log_shipping_enabled: true" in err


def test_following_over_midnight_and_new_services(tree: Path, opsctl: Opsctl, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, lines = [], []

    def tick() -> None:
        looks.append(1)
        if len(looks) == 2:
            write(tree, TODAY, "web1/shop/web.application", 20, "later", first=5)
            write(tree, TODAY, "web1/shop/new.application", 21, "new")
            write(tree, TODAY, "web1/shop/half.application", 22, "half a line")
            path = tree / TODAY / "web1/shop/half.application.jsonl"
            lines.append(path.read_bytes())
            path.write_bytes(lines[0][:40])
        if len(looks) == 3:
            (tree / TODAY / "web1/shop/half.application.jsonl").write_bytes(lines[0])
        if len(looks) == 4:
            write(tree, f"{NOW + timedelta(days=1):%Y-%m-%d}", "web1/shop/web.application", 22, "next day", first=6)
        if len(looks) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(log_archive, "_tick", tick)
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.logs.search.LOOK", 0.0)
    _code, out, _err = opsctl("logs", "--archive", "-f", "-n", "0", "--no-prefix")
    assert out.splitlines() == ["later", "new", "half a line", "next day"]


def test_a_line_that_is_being_written_is_shown_once_and_whole(tree: Path, opsctl: Opsctl) -> None:
    path = tree / TODAY / "web1/shop/web.application.jsonl"
    line = encode(f"{NOW:%Y-%m-%dT%H:%M:%S}Z", "s@1.r", 5, "", "whole")
    with path.open("ab") as file:
        file.write(line[:20])
        file.flush()
        assert "whole" not in opsctl("logs", "web", "--archive")[1]
        file.write(line[20:])
    assert opsctl("logs", "web", "--archive")[1].count("whole") == 1


def test_a_record_behind_half_a_record_is_found(tree: Path, opsctl: Opsctl) -> None:
    """What a power cut leaves on a log host: half a line, and behind it the record that was sent again."""
    path = tree / TODAY / "web1/shop/web.application.jsonl"
    line = encode(f"{NOW:%Y-%m-%dT%H:%M:%S}Z", "s@1.r", 5, "", "sent again")
    with path.open("ab") as file:
        file.write(line[:30] + line)
    assert opsctl("logs", "web", "--archive")[1].count("sent again") == 1


def test_a_damaged_file_is_named_and_the_others_are_shown(tree: Path, opsctl: Opsctl) -> None:
    (path,) = tree.glob(f"{YESTERDAY}/*/*/web.application.jsonl.gz")
    path.chmod(0o640)
    path.write_bytes(path.read_bytes()[:-12])
    code, out, err = opsctl("logs", "--archive")
    assert code == 1 and "web.application.jsonl.gz cannot be read" in err and "something else" in out


def test_verify_names_what_was_changed(tree: Path, opsctl: Opsctl) -> None:
    code, out, _err = opsctl("log-archive", "verify", "--json")
    well = json.loads(out)
    assert code == 0 and well["ok"] and well["files"] == 2 and len(well["digest"]) == 64
    assert opsctl("log-archive", "verify", "--known", well["digest"])[0] == 0
    assert opsctl("log-archive", "verify", "--known", "0" * 64)[0] == 1
    assert opsctl("log-archive", "verify", "--known", "0")[0] == 2
    (path,) = tree.glob(f"{YESTERDAY}/*/*/auditd.audit.jsonl.gz")
    path.unlink()
    code, out, _err = opsctl("log-archive", "verify")
    assert code == 1 and out.startswith(f"{YESTERDAY}/web1/_host/auditd.audit.jsonl.gz is gone")


def test_list_says_what_there_is(tree: Path, opsctl: Opsctl) -> None:
    code, out, _err = opsctl("log-archive", "list")
    assert code == 0 and len(out.splitlines()) == 6
    rows = json.loads(opsctl("log-archive", "list", "--json")[1])["logs"]
    assert {"host": "web1", "stack": "shop", "service": "web", "class": "application"}.items() <= rows[2].items()
    assert rows[2]["days"] == 2 and rows[2]["from"] == YESTERDAY


def test_a_request_among_what_docker_has(tree: Path, opsctl: Opsctl) -> None:
    docker = Dockerd(tree.parent / "docker.sock")
    try:
        web, db = docker.add("shop", "web"), docker.add("shop", "db")
        docker.write(web, f"request {REQUEST}: begins".encode())
        docker.write(web, f"request {REQUEST}1: another".encode())
        docker.write(db, f"SELECT 1 /* {REQUEST} */".encode())
        _code, out, _err = opsctl("logs", "--request", REQUEST, "--no-prefix")
        assert out.splitlines() == [f"request {REQUEST}: begins", f"SELECT 1 /* {REQUEST} */"]
        assert opsctl("logs", "--request", REQUEST, "--grep", "SELECT", "--no-prefix")[1].count("\n") == 1
    finally:
        docker.close()
