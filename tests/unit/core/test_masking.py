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


# As real programs write them: health checks, databases, web servers, the kernel, the journal, workers, builds.
INNOCENT = """
curl: (7) Failed to connect to 127.0.0.1 port 8080 after 0 ms: Couldn't connect to server
/var/run/postgresql:5432 - no response
wget: server returned error: HTTP/1.1 503 Service Unavailable
{"status":"DOWN","components":{"db":{"status":"DOWN","details":{"error":"Connection refused"}},"diskSpace":{"status":"UP"}}}
OCI runtime exec failed: unable to start container process: exec: "pg_isready": executable file not found in $PATH: unknown
NOAUTH Authentication required.
FATAL:  password authentication failed for user "shop"
FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "shop", database "shop", no encryption
LOG:  checkpoint complete: wrote 3 buffers (0.0%); 0 WAL file(s) added, 0 removed; write=0.201 s, sync=0.003 s, total=0.211 s
DETAIL:  Key (email)=(somebody) already exists.
1:M 20 Nov 2026 14:00:00.123 * Background saving terminated with success
2026/11/20 14:00:00 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1
2026/11/20 14:00:00 [warn] 31#31: *9 an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/1/00/0000000001
10.0.0.9 - - [20/Nov/2026:14:00:00 +0000] "GET /api/v1/tokens/refresh HTTP/1.1" 401 27 "-" "Mozilla/5.0"
web-1 sudo[140]:      ops : PWD=/home/ops ; USER=root ; COMMAND=/usr/bin/systemctl restart nginx
web-1 sshd[812]: Accepted publickey for ops from 10.0.0.2 port 50122 ssh2: ED25519 SHA256:fo0barBazQux0123456789abcdefghijklmnopqrstu
kernel: Speculative Store Bypass: Vulnerable
kernel: TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:443. Sending cookies.
net.ipv4.tcp_syncookies = 1
path_modes: {'/etc/passwd': '0644', '/etc/group': '0644', '/etc/shadow': '0640'}
systemd[1]: Starting systemd-ask-password-console.service - Dispatch Password Requests to Console...
usage: {"prompt_tokens": 812, "completion_tokens": 128, "total_tokens": 940}
max_tokens=4096, temperature=0.2
tokens: 1024 in, tokens=17 out
the password must be set: see POSTGRES_PASSWORD_FILE
POSTGRES_PASSWORD_FILE=/run/secrets/database_password
"password_file": "/etc/latentum-ops/secrets/shop/redis_password", "token": null, "secrets": [{"source": "api.url"}], "credentials": {}
[2026-11-20 14:00:00,123: INFO/MainProcess] Task shop.tasks.send[2f1c7e7e-55a1-4d6c-9d3a-1b1f5f0f2a11] succeeded in 0.01s: None
java.lang.IllegalStateException: passive mode: 12 passengers, 3 bypass: none
Step 4/9 : RUN --mount=type=secret,id=npm npm ci
error: unable to verify the first certificate; -----BEGIN CERTIFICATE----- is expected
Get "https://registry.example.com/v2/": x509: certificate signed by unknown authority
pull access denied for shop/web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied
ghost: sketchy xoxo, eyJ is how tokens begin; sk-learn 1.5, SG.1, hf_hub, npm_config_cache
authorization failed, basic auth is needed; bearer only
https://example.com/?page=2&sort=key&design=1
""".strip().splitlines()
# What must not stay: what is shown instead.
SHAPES = {
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,0\n\nMIIEowIBAAKCAQEA7bq\n-----END RSA PRIVATE KEY-----": HIDDEN,
    "key: -----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAA\\n-----END OPENSSH PRIVATE KEY-----\\n": f"key: {HIDDEN}\\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGq8zebra": HIDDEN,
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIAQWERTYUIOP123456/x, Signature=fe5f": f"Authorization: {HIDDEN} Signature={HIDDEN}",
    "authorization: Custom abcdefghijklmnop": f"authorization: {HIDDEN}",
    "proxy-authorization: Basic dXNlcjpwYXNz": f"proxy-authorization: Basic {HIDDEN}",
    "Cookie: sid=abc; csrf=def": f"Cookie: {HIDDEN}",
    '{"set-cookie": "sid=abc; Path=/"}': f'{{"set-cookie": {HIDDEN}}}',
    "https://bucket.example.com/x?X-Amz-Signature=fe5f80&page=2": f"https://bucket.example.com/x?X-Amz-Signature={HIDDEN}&page=2",
    "https://maps.example.com/?key=abcdef&z=1": f"https://maps.example.com/?key={HIDDEN}&z=1",
    "POST https://api.telegram.org/bot123456789:AAE-x/sendMessage 404": f"POST https://api.telegram.org/{HIDDEN} 404",
    "https://hc-ping.com/4b0d0a7c-aaaa-bbbb (timeout)": f"https://hc-ping.com/{HIDDEN} (timeout)",
    "https://shop.webhook.office.com/webhookb2/abc@def/IncomingWebhook/x": f"https://shop.webhook.office.com/webhookb2/{HIDDEN}",
    "token github_pat_11ABCDEFG0abcdefghijkl x": f"token {HIDDEN} x",
    "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQ": HIDDEN,
    "sk_live_abcdefghijklmnop1, sk-ant-api03-abcdefghijklmnop": f"{HIDDEN}, {HIDDEN}",
    "MYSQL_PWD=hunter22 PGPASSWORD=hunter22": f"MYSQL_PWD={HIDDEN} PGPASSWORD={HIDDEN}",
    "dbpass: hunter22": f"dbpass: {HIDDEN}",
    "session tokens: abcdef": f"session tokens: {HIDDEN}",
}


@pytest.mark.parametrize("text", INNOCENT)
def test_a_line_without_a_secret_stays_as_it_is(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("text", SHAPES)
def test_what_looks_like_a_secret_is_hidden_in_every_stack(text: str) -> None:
    assert mask(text) == SHAPES[text]


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
