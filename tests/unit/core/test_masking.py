# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of secret, in every form, by every way in which a service gets it, is hidden; what is no secret stays."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import known_secrets, paths
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import (
    FRAGMENT,
    HIDDEN,
    WITHHELD,
    Masker,
    clean,
    foreign,
    mask,
    masked,
    masker,
    written,
)
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

from .planted import FORMS, KINDS, STACK, WAYS, pieces, printed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, looked at each time."""
    monkeypatch.setattr(paths, "SECRETS", tmp_path)
    monkeypatch.setattr(known_secrets, "RECHECK", 0.0)
    made = tmp_path / STACK
    made.mkdir()
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_value_is_left_in_what_others_wrote(kind: str, form: str, store: Store) -> None:
    for way in WAYS:
        value = (store.value(f"{kind}_{way}") or "").strip()
        assert value
        lines = printed(value, form)
        whole, one_by_one = mask("\n".join(lines)), "\n".join(mask(line) for line in lines)
        for piece in pieces(value, form):
            assert piece in "\n".join(lines), "the test looks for something that is not there"
            assert piece not in whole + one_by_one, way
        assert whole.startswith("connect 10.0.0.1 with ") and whole.endswith(" failed")


@pytest.mark.parametrize("name", ["htpasswd_file.password", "htpasswd_file"])
def test_both_halves_of_an_htpasswd_line_are_hidden(name: str, store: Store) -> None:
    value = store.value(name) or ""
    assert value.partition(":")[2] not in mask(f"hash {value.partition(':')[2]}") if "$2b$" in value else mask(value) == HIDDEN


def test_a_public_key_is_no_secret(store: Store) -> None:
    public = store.value("rsa_file.pub") or ""
    assert "PUBLIC KEY" in public and mask(public) == public


def test_what_was_retired_is_still_hidden(folder: Path) -> None:
    (folder / "retired").mkdir()
    (folder / "retired" / "password").write_text("still-good-somewhere")
    assert mask("x still-good-somewhere") == f"x {HIDDEN}"


def test_a_value_that_only_an_environment_file_holds_is_hidden(folder: Path) -> None:
    (folder / "env").mkdir()
    (folder / "env" / "web.env").write_text('A=\'two\nlines of it, literally\'\nB=plain-value\nC="\\"quoted\\" \\$5 \\\\\\n"\n')
    assert mask('lines of it, literally; plain-value; "quoted" $5 \\') == f"{HIDDEN}; {HIDDEN}; {HIDDEN}"


@pytest.mark.parametrize("change", ["written", "made", "removed"])
def test_a_store_that_changed_is_read_again(change: str, folder: Path) -> None:
    (folder / "token").write_text("first-value")
    assert mask("first-value second-value") == f"{HIDDEN} second-value"
    before = masker()
    assert masker() is before  # nothing changed, so nothing is built again
    if change == "removed":
        (folder / "token").unlink()
    else:
        (folder / ("token" if change == "written" else "other")).write_text("second-value")
    wanted = {
        "written": f"first-value {HIDDEN}",
        "made": f"{HIDDEN} {HIDDEN}",
        "removed": "first-value second-value",
    }
    assert mask("first-value second-value") == wanted[change]


def test_the_store_is_not_looked_at_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_secrets, "RECHECK", 60.0)
    mask("")
    (folder / "token").write_text("first-value")
    assert mask("first-value") == "first-value"


def test_whoever_comes_while_it_is_made_waits_or_makes_it_too(folder: Path) -> None:
    (folder / "token").write_text("first-value")
    seen: list[list[str]] = []

    def make(values: Iterable[str]) -> list[str]:
        made = list(values)
        if not seen:
            seen.append(made)
            seen.append(known.current())  # as another thread would in the middle of it
        return made

    known = known_secrets.Known(make)
    assert known.current() == ["first-value"] and seen == [["first-value"], ["first-value"]]


def test_a_store_that_is_not_there_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SECRETS", tmp_path / "none")
    assert mask("plain words") == foreign(b"plain words") == "plain words"


@pytest.mark.parametrize("what", ["store", "stack", "file"])
def test_whoever_may_not_read_the_store_gets_nothing_of_what_containers_wrote(what: str, folder: Path, tmp_path: Path) -> None:
    """A process without root's rights, as a real one is: it cannot tell a secret from a word."""
    (folder / "token").write_text("first-value")
    for path in [*tmp_path.parents, tmp_path, folder, folder / "token"]:
        path.chmod(path.stat().st_mode | 0o055)
    assert as_nobody(lambda: foreign(b"says first-value")) == f"says {HIDDEN}"
    {"store": tmp_path, "stack": folder, "file": folder / "token"}[what].chmod(0o700)
    assert as_nobody(lambda: foreign(b"says first-value")) == WITHHELD
    assert as_nobody(lambda: written(b"says first-value")) == WITHHELD
    assert as_nobody(lambda: foreign(b" \n")) == " \n"
    assert as_nobody(lambda: written("of the archive") + mask(", password=x")) == f"of the archive, password={HIDDEN}"


def as_nobody(say: Callable[[], str]) -> str:
    """What it says in a process without any rights."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            os.setgroups([])
            os.setuid(65534)
            os.write(writer, say().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_what_docker_login_keeps_is_hidden(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LOGINS", tmp_path / "config.json")
    assert mask("robot pull-word-1") == "robot pull-word-1"
    login = base64.b64encode(b"robot:pull-word-1").decode()
    paths.LOGINS.write_text(json.dumps({"auths": {"a": {"auth": login}, "b": {"identitytoken": "opaque-token-2"}, "c": {}}}))
    assert mask(f"robot pull-word-1, {login}, opaque-token-2") == f"robot {HIDDEN}, {HIDDEN}, {HIDDEN}"
    for damaged in ("", "{", "[]", '{"auths": {"a": {"auth": "no base64"}}}', '{"auths": {"a": 1}}'):
        paths.LOGINS.write_text(damaged)
        assert mask("pull-word-1") == "pull-word-1"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n        ", "\n\t"])
@pytest.mark.parametrize("kind", ["password", "hex", "fernet", "template", "short"])
def test_a_value_that_an_end_of_a_line_cuts_in_two_is_hidden(kind: str, end: str, store: Store) -> None:
    value = (store.value(f"{kind}_master") or "").strip()
    for at in range(1, len(value)):
        shown = mask(f"connect to a host with{end}{value[:at]}{end}{value[at:]} and more{end}lines")
        assert shown == f"connect to a host with{end}{HIDDEN} and more{end}lines", at


def test_a_value_whose_end_was_cut_off_is_hidden() -> None:
    """The engine keeps the first 4096 bytes of what a health check wrote."""
    known = Masker(["tank-Baker-4711-zulu"])
    assert known.mask("says tank-Baker") == f"says {HIDDEN}"
    assert known.mask("says tank-Bak") == "says tank-Bak", "that is no half of it"
    assert known.mask("tank-Baker stays in the middle") == "tank-Baker stays in the middle"
    assert known.mask("our tank-Baker", own=True) == "our tank-Baker"


def test_a_number_is_hidden_where_it_stands_alone() -> None:
    known = Masker(["123456"])
    assert known.mask("pin 123456, at 1764123456789, 123456.") == f"pin {HIDDEN}, at 1764123456789, {HIDDEN}."
    assert known.mask("pin 123456", own=True) == f"pin {HIDDEN}"


@pytest.mark.parametrize("value", ["test", "1", "12345", "true", "x" * 5])
def test_a_value_that_may_be_any_word_or_number_shreds_nothing(value: str) -> None:
    assert Masker([value]).mask(f"a {value} of {value}s") == f"a {value} of {value}s"


def test_json_without_values_is_still_json() -> None:
    told = {"a": 'first "value", with\nlines', "password": "x", "n": [1, True, None]}
    hidden = json.loads(Masker(['first "value", with\nlines']).hide(json.dumps(told, indent=2)))
    assert hidden == {**told, "a": HIDDEN}


def test_plain_data_is_masked_with_its_names(folder: Path) -> None:
    (folder / "token").write_text("first-value")
    assert masked({"first-value": [("first-value", 1)], 2: None}) == {HIDDEN: [[HIDDEN, 1]], "2": None}


def test_a_cut_or_wrapped_key_is_hidden(store: Store) -> None:
    body = "".join((store.value("rsa_master") or "").splitlines()[1:-1])
    assert mask(f"x {body[64 + 7 : 64 + 7 + FRAGMENT]} y").count(HIDDEN) in (0, 1)  # over the end of a line: only what is in one
    line = (store.value("rsa_master") or "").splitlines()[3]
    for begin in range(len(line) - FRAGMENT):
        assert mask(line[begin : begin + FRAGMENT]) == HIDDEN


def test_one_value_that_is_a_part_of_another_leaves_nothing_of_it() -> None:
    assert Masker(["abcde7", "xxabcde7yy", "de7yyzz"]).mask("1 xxabcde7yyzz 2 abcde7 3") == f"1 {HIDDEN} 2 {HIDDEN} 3"


@pytest.mark.parametrize("value", ["", "\n", "12345", "-----BEGIN PRIVATE KEY-----\n{\n}\n"])
def test_what_is_too_short_or_says_nothing_stays(value: str) -> None:
    assert Masker([value]).mask("{ 12345 -----BEGIN PRIVATE KEY----- }") == "{ 12345 -----BEGIN PRIVATE KEY----- }"


def test_a_word_is_hidden_where_it_stands_alone_and_stays_in_our_own_sentences(folder: Path) -> None:
    (folder / "user").write_text("latentum")
    assert mask("user latentum of latentum_db, latentumdb") == f"user {HIDDEN} of latentum_db, latentumdb"
    assert clean("latentum/api-gateway fails") == "latentum/api-gateway fails"
    (folder / "token").write_text("a-real-secret")
    assert clean("latentum a-real-secret") == f"latentum {HIDDEN}"


@pytest.mark.parametrize(
    "text",
    [
        word * 30_000
        for word in (
            *("a", "token", "a://", "a.b-", "password=", 'token\\":\\"', " --", "eyJ", "authorization ", "mysql ", "curl -u ", "cookie: "),
            *("-----BEGIN PRIVATE KEY-----", "authorization: a ", "x\n", "key=", "webhook.office.com/", "a-rea", "tokens ", "pass_"),
        )
    ],
    ids=lambda text: text[:9],
)
def test_no_log_makes_the_masker_slow(text: str) -> None:
    """Were one pattern quadratic, each of these would take minutes."""
    began = time.process_time()
    Masker(["a-real-secret"]).mask(text)
    assert time.process_time() - began < 5


# Lines of crontabs, with what people put there.
OPTIONS = {
    "mysqldump -u root -pTopS3cret shop": "mysqldump -u root -p******** shop",
    "mariadb-dump --all-databases -p'with blank' > x": "mariadb-dump --all-databases -p******** > x",
    "curl -fsS -u shop:hunter22 https://shop.example.test/": "curl -fsS -u shop:******** https://shop.example.test/",
    "curl --user=shop:hunter22 x": "curl --user=shop:******** x",
    "sshpass -p hunter22 ssh nas": "sshpass -p ******** ssh nas",
    "redis-cli -h db -a hunter22 BGSAVE": "redis-cli -h db -a ******** BGSAVE",
    "7z a -phunter22 x.7z /srv": "7z a -p******** x.7z /srv",
    "zip -r -P hunter22 x.zip /srv": "zip -r -P ******** x.zip /srv",
}
HARMLESS = [
    "docker run -u 1000:1000 x",
    "mysqldump shop; tar -pczf x.tgz /srv",
    "rsync -a -p /srv nas:",
    "psql -p 5432 shop",
    "mysql -h db -P 3306",
]


@pytest.mark.parametrize("text", OPTIONS)
def test_a_password_given_by_an_option_of_one_letter_is_hidden(text: str) -> None:
    assert mask(text) == OPTIONS[text]


@pytest.mark.parametrize("text", HARMLESS)
def test_an_option_of_another_program_is_no_password(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("text", ["canary passed: not enough traffic", "12 tests passed: all", "passes: 3", "second passing: ok"])
def test_a_check_that_passed_is_no_password(text: str) -> None:
    assert mask(text) == text
    assert HIDDEN in mask(text.replace("passed", "passwd").replace("passes", "pass").replace("passing", "passphrase"))
