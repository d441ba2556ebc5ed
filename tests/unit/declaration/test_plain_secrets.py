# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in plain text, wherever a Compose file can hold one, and that each message names a way that the next check accepts."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.plain_secrets import looks_secret, secret_in, secret_name
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems, report

SECRET = "correct-horse-battery-staple"
COMMANDS: list[Any] = [
    f"redis-server --requirepass {SECRET}",
    ["redis-server", "--requirepass", SECRET],
    ["sh", "-c", f"exec redis-server --appendonly yes --masterauth '{SECRET}'"],
    f"redis-cli -a {SECRET} ping",
    f"mysqladmin ping -h localhost -uroot -p{SECRET}",
    f"/usr/bin/mariadb -p{SECRET} -e 'select 1'",
    f"mongosh -u root -p {SECRET} --eval 1",
    f"kc.sh start --db-password={SECRET}",
    f"server --admin-token {SECRET}",
    f"env PGPASSWORD={SECRET} pg_isready",
    f"worker --broker amqp://guest:{SECRET}@queue:5672/",
    f'sh -c \'PGPASSWORD="{SECRET}" psql -c "select 1"\'',
    f"sh -c 'API_KEY={SECRET} run",  # an open quote
]
HARMLESS: list[Any] = [
    None,
    True,
    5,
    {"a": "b"},
    "redis-server --requirepass $REDIS_PASSWORD",
    ["sh", "-c", 'exec redis-server --requirepass "$REDIS_PASSWORD"'],
    ["sh", "-c", 'exec redis-server --requirepass "$(cat /run/secrets/redis_password)"'],
    "redis-cli ping",
    "mysqladmin ping -h localhost -P3306 -p$MYSQL_ROOT_PASSWORD",
    "server --password-file /run/secrets/p --token-ttl 5m",
    "server --password --user me",
    "server --use-token=true --reset-password",
    "worker amqp://guest:$PASSWORD@queue",
    "curl -f http://localhost:8080/",
    "docker run -p 8080:8080",
]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_secret_in_a_command_is_found(command: Any) -> None:
    assert secret_in(command)


@pytest.mark.parametrize("command", HARMLESS, ids=str)
def test_what_the_shell_fills_in_is_no_secret(command: Any) -> None:
    assert not secret_in(command)


@pytest.mark.parametrize(
    "name",
    ["DB_PASS", "APP_KEY", "PASSWORD", "dbPassword", "SECRET_KEY_BASE", "JWT_SECRET", "API_KEY", "TOKEN", "REDIS_PWD", "SMTP_PW", "pass"],
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name, "abc123")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MARIADB_RANDOM_ROOT_PASSWORD", "1"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("ENABLE_TOKEN", "0"),
        ("BYPASS", "all"),
        ("COMPASS", "north"),
        ("PRIMARY_KEY", "id"),
        ("TOKEN_FILE", "/run/secrets/t"),
        ("PUBLIC_KEY", "abc"),
    ],
)
def test_what_only_sounds_like_a_secret(name: str, value: str) -> None:
    assert not looks_secret(name, value)


@pytest.mark.parametrize("text", ["a" * 200_000, "a:" * 100_000, "x://" + "a" * 200_000, "x://:" * 50_000, "-----BEGIN " * 20_000])
def test_long_values_take_linear_time(text: str) -> None:
    began = time.process_time()
    looks_secret("NAME", text)
    assert time.process_time() - began < 5  # quadratic would be minutes


@pytest.mark.parametrize("variable", ["DB_PASS", "1PASSWORD_TOKEN", "A" * 90, "db.password", "__X"])
def test_names_for_secrets_can_be_declared(variable: str) -> None:
    compose = {"services": {"a": {"image": "a:1", "secrets": [secret_name(variable)]}}}
    assert not problems({"name": "s", "compose": compose, "secrets": {secret_name(variable): {"kind": "password"}}})


def stack(service: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "shop", "compose": {"services": {"redis": {"image": "redis:7.4", **service}}}, **more}


@pytest.mark.parametrize(
    ("service", "key"),
    [
        ({"command": f"redis-server --requirepass {SECRET}"}, "command"),
        ({"entrypoint": ["redis-server", "--requirepass", SECRET]}, "entrypoint"),
        ({"healthcheck": {"test": ["CMD-SHELL", f"redis-cli -a {SECRET} ping"]}}, "healthcheck.test"),
        ({"post_start": [{"command": f"redis-cli -a {SECRET} ping"}]}, "post_start[0].command"),
        ({"pre_stop": [{"command": ["redis-cli", "-a", SECRET, "shutdown"]}]}, "pre_stop[0].command"),
    ],
)
def test_a_secret_is_refused_wherever_a_service_runs_something_unless_waived(service: dict[str, Any], key: str) -> None:
    (problem,) = problems(stack(service))
    assert problem.key == f"compose.services.redis.{key}"
    assert SECRET not in str(problem)
    assert "$$REDIS_" in problem.fix
    assert "allow: [plain_secret]" in problem.fix
    assert not problems(stack(service, services={"redis": {"allow": ["plain_secret"]}}))


REFERENCES = [
    (
        {"command": "redis-server --requirepass ${REDIS_PASSWORD}"},
        {"command": ["sh", "-c", 'exec redis-server --requirepass "$$REDIS_PASSWORD"']},
    ),
    (
        {"entrypoint": ["redis-server", "--requirepass", "$REDIS_PASSWORD"]},
        {"entrypoint": ["sh", "-c", "exec x --requirepass $$REDIS_PASSWORD"]},
    ),
    (
        {"healthcheck": {"test": ["CMD", "redis-cli", "-a", "${REDIS_PASSWORD:?unset}"]}},
        {"healthcheck": {"test": ["CMD-SHELL", "redis-cli -a $$REDIS_PASSWORD ping"]}},
    ),
    ({"environment": {"REDIS_PASSWORD": "${REDIS_PASSWORD}"}}, {"environment": {}}),
    ({"environment": ["REDIS_PASSWORD=${REDIS_PASSWORD}"]}, {"environment": []}),
]
WAY_OUT = "declare secrets: {redis_password: {kind: password, environment: {redis: REDIS_PASSWORD}}}"


@pytest.mark.parametrize(("written", "instead"), REFERENCES)
def test_every_message_names_the_same_way_out_and_it_passes(written: dict[str, Any], instead: dict[str, Any]) -> None:
    secrets = {"redis_password": {"kind": "password"}}
    for declared in ({}, {"environment": {"REDIS_PASSWORD": SECRET}}, {"secrets": secrets}):
        found = problems(stack(written, **declared))
        assert found
        assert all(WAY_OUT in problem.fix for problem in found), report(found)
        assert SECRET not in report(found)
    secrets["redis_password"]["environment"] = {"redis": "REDIS_PASSWORD"}  # type: ignore[assignment]
    assert not problems(stack(instead, secrets=secrets))


def test_a_password_in_an_address_becomes_a_template() -> None:
    (problem,) = problems(stack({"environment": {"CACHE_URL": "redis://:${REDIS_PASSWORD}@redis:6379"}}))
    assert 'cache_url: {kind: template, template: !unsafe "…{{ redis_password }}…", environment: {redis: CACHE_URL}}' in problem.fix


def test_a_waiver_is_for_the_service_that_has_it() -> None:
    services = {
        "web": {"image": "a:1", "environment": ["DB_PASS"]},
        "worker": {"image": "a:1", "command": "run --token ${DB_PASS}"},
        "other": {"image": "a:1"},
    }
    declared: dict[str, Any] = {"name": "shop", "compose": {"services": services}, "environment": {"DB_PASS": SECRET}}
    waiver = {"allow": ["plain_secret"]}
    (problem,) = problems(declared)
    assert problem.key == "environment.DB_PASS"
    (problem,) = problems({**declared, "services": {"web": waiver}})
    assert problem.key == "environment.DB_PASS"
    assert "services.worker.allow: [plain_secret]" in problem.fix
    assert "services.web.allow" not in problem.fix
    assert not problems({**declared, "services": {"web": waiver, "worker": waiver}})
    assert {p.key for p in problems({**declared, "services": {"other": waiver}})} == {"environment.DB_PASS", "services.other.allow[0]"}


def test_a_secret_for_all_services_by_the_environment_file_is_waived_by_those_that_read_it() -> None:
    declared = stack({"env_file": [".env"]}, environment={"APP_KEY": SECRET})
    assert [problem.key for problem in problems(declared)] == ["environment.APP_KEY"]
    assert not problems({**declared, "services": {"redis": {"allow": ["plain_secret"]}}})


def test_a_secret_outside_of_services_has_nobody_who_could_waive_it() -> None:
    compose = {"services": {"web": {"image": "a:1"}}, "configs": {"c": {"content": "token=${API_TOKEN}"}}}
    (problem,) = problems({"name": "s", "compose": compose, "environment": {"API_TOKEN": SECRET}})
    assert problem.key == "environment.API_TOKEN"
    assert "waive" not in problem.fix
