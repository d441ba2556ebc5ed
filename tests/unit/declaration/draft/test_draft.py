# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From plain Compose files to starting declarations: ten shapes as public files have them, and that nothing is waived by itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.compose.plain_secrets import looks_secret
from ansible_collections.latentum.ops.plugins.module_utils.declaration.advice import advice
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.inventory import draft_from, stack_name
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.model import Draft
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.text import inventory_files
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems, report
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused

SHOP = """
version: "3.8"
services:
  web:
    image: acme/shop:1.4.2
    ports: ["8000:8000", "9443:443"]
    environment:
      - DATABASE_URL=postgres://shop:${DB_PASSWORD}@db:5432/shop
      - SECRET_KEY=correct-horse
      - OPTIONAL_TOKEN=${OPTIONAL_TOKEN:-}
      - TZ=${TZ:-UTC}
    depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}
  migrate: {image: "acme/shop:1.4.2", command: migrate, restart: always}
  db:
    image: postgres:16
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: "${DB_PASSWORD}"}
    volumes: ["db:/var/lib/postgresql/data"]
    ports: ["5432:5432"]
volumes: {db: }
"""


def drafted(text: str, **beside: str) -> Draft:
    files = {name.replace("__", "."): content for name, content in beside.items()}
    return draft_from(text, files.get, "shop", "shop.example.com", "ops@example.com")


def one(service: str, top: str = "") -> Draft:
    return drafted(f"services:\n  web: {{image: 'a:1', {service}}}\n{top}")


def asked(draft: Draft) -> list[tuple[str, str]]:
    return [(question.topic, question.key) for question in draft.questions]


def test_a_file_without_dangers_passes_the_check_without_an_answer_and_without_advice_but_on_networks() -> None:
    draft = drafted(SHOP)
    assert draft.questions == []
    assert not problems(draft.as_stack()), report(problems(draft.as_stack()))
    assert [item.key for item in advice(load(draft.as_stack()))] == ["compose.networks"]
    assert draft.stack["routes"] == [{"domain": "shop.example.com", "service": "web", "port": 8000}]
    assert draft.stack["services"] == {"migrate": {"expect": "completed"}, "db": {"update": {"strategy": "recreate"}}}
    assert draft.stack["secrets"] == {
        "db_password": {"kind": "password", "environment": {"db": "POSTGRES_PASSWORD"}},
        "database_url": {
            "kind": "template",
            "template": "postgres://shop:{{ db_password | urlencode }}@db:5432/shop",
            "environment": {"web": "DATABASE_URL"},
        },
        "secret_key": {"kind": "password", "environment": {"web": "SECRET_KEY"}},
    }
    assert draft.compose["services"]["web"]["environment"] == {"OPTIONAL_TOKEN": "${OPTIONAL_TOKEN:-}", "TZ": "${TZ:-UTC}"}
    assert "pg_isready" in str(draft.compose["services"]["db"]["healthcheck"])
    assert "1F40" in str(draft.compose["services"]["web"]["healthcheck"])  # 8000


@pytest.mark.parametrize(
    ("service", "waiver"),
    [
        ("privileged: true", "privileged"),
        ("pid: host", "privileged"),
        ("cap_add: [SYS_ADMIN]", "privileged"),
        ("network_mode: host", "host_network"),
        ("volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']", "docker_socket"),
        ("image: nginx", "latest_tag"),
        ("image: 'nginx:${TAG:-latest}'", "latest_tag"),
        ("command: run --requirepass hunter2hunter2", "plain_secret"),
        ("ports: ['80:80'], healthcheck: {disable: true}", "no_healthcheck"),
    ],
)
def test_each_waiver_is_a_question_and_is_never_given(service: str, waiver: str) -> None:
    text = f"services:\n  web: {{{'' if service.startswith('image') else 'image: a:1, '}{service}}}\n"
    draft = drafted(text)
    assert asked(draft) == [("waiver", f"services.web.allow: [{waiver}]")]
    assert "allow" not in str(draft.stack)
    assert problems(draft.as_stack())
    assert not problems(draft.answered(draft.questions))


@pytest.mark.parametrize(
    ("service", "question"),
    [
        ("environment: {HOST: '${HOST_NAME}'}", ("value", "environment.HOST_NAME")),
        ("ports: ['1883:1883']", ("port", "compose.services.web.ports")),
        ("ports: ['53:53/udp']", ("port", "compose.services.web.ports")),
        ("env_file: [app.env]", ("value", "compose.services.web.env_file")),
        ("environment: {STRIPE_API_KEY: '${STRIPE_API_KEY}'}", ("secret", "secrets.stripe_api_key")),
        ("environment: {SMTP_PASSWORD: '${SMTP_PASSWORD:?needed}'}", ("secret", "secrets.smtp_password")),
    ],
)
def test_what_only_the_operator_knows_is_a_question(service: str, question: tuple[str, str]) -> None:
    draft = one(service)
    assert asked(draft) == [question]
    assert not problems(draft.answered(draft.questions))


def test_the_number_of_a_named_user_is_a_question() -> None:
    draft = one("user: postgres, secrets: [p_password]", "secrets: {p_password: {file: ./p}}")
    assert asked(draft) == [("value", "services.web.user_id")]
    assert not problems(draft.answered(draft.questions))


def test_a_variable_with_a_name_that_no_env_file_can_hold_is_left_for_a_waiver() -> None:
    assert asked(one("environment: {sonar.jdbc.password: hunter2}")) == [("waiver", "services.web.allow: [plain_secret]")]


def test_an_image_that_is_built_must_be_pushed() -> None:
    draft = drafted("services: {web: {build: .}}")
    assert asked(draft) == [("image", "compose.services.web.image")]
    assert [problem.key for problem in problems(draft.as_stack())] == ["compose.services.web.image"]
    assert not problems(draft.answered(draft.questions))


def test_no_value_of_a_secret_is_taken_over() -> None:
    text = SHOP.replace("${DB_PASSWORD}", "correct-horse-2")
    for draft in (drafted(text), drafted(SHOP, __env="DB_PASSWORD=correct-horse-2\nTZ=Europe/Berlin\n")):
        assert "correct-horse" not in repr(draft)
        assert "correct-horse" not in "".join(inventory_files(draft, "compose.yml").values())
        assert draft.questions == []
    assert draft.stack["environment"] == {"TZ": "Europe/Berlin"}


def test_equal_values_are_one_secret_and_a_second_variable_of_a_service_follows_it() -> None:
    draft = drafted("""
services:
  db: {image: "mysql:8.4", environment: {MYSQL_ROOT_PASSWORD: same, MYSQL_PASSWORD: same}}
  app: {image: "a:1", environment: {DB_PASS: same, OTHER_PASSWORD: different}}
""")
    secrets = draft.stack["secrets"]
    assert secrets["mysql_root_password"]["environment"] == {"db": "MYSQL_ROOT_PASSWORD", "app": "DB_PASS"}
    assert secrets["db_mysql_password"]["template"] == "{{ mysql_root_password }}"
    assert secrets["db_mysql_password"]["environment"] == {"db": "MYSQL_PASSWORD"}
    assert secrets["other_password"]["environment"] == {"app": "OTHER_PASSWORD"}
    assert not problems(draft.as_stack())


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("command: 'redis-server --requirepass ${RP_PASSWORD}'", ["sh", "-c", "exec redis-server --requirepass $${RP_PASSWORD}"]),
        ("command: [redis-server, --requirepass, '${RP_PASSWORD}']", ["sh", "-c", 'exec redis-server --requirepass "$${RP_PASSWORD}"']),
        ("command: [sh, -c, 'run ${RP_PASSWORD} ${A:-b}']", ["sh", "-c", "run $${RP_PASSWORD} ${A:-b}"]),
        ("command: 'run ${A:-b}'", "run ${A:-b}"),
        ("command: run $$RP_PASSWORD", "run $$RP_PASSWORD"),
    ],
)
def test_secrets_in_commands_are_left_to_a_shell_in_the_container(service: str, expected: Any) -> None:
    draft = one(service)
    assert draft.compose["services"]["web"]["command"] == expected
    assert not problems(draft.as_stack()), report(problems(draft.as_stack()))


def test_secrets_in_healthchecks_too() -> None:
    draft = one("healthcheck: {test: [CMD, redis-cli, -a, '${RP_PASSWORD}', ping]}")
    assert draft.compose["services"]["web"]["healthcheck"]["test"] == ["CMD-SHELL", 'redis-cli -a "$${RP_PASSWORD}" ping']
    assert not problems(draft.as_stack())


def test_routes_are_guessed_from_ports_and_each_has_a_domain() -> None:
    draft = drafted("""
services:
  worker: {image: "a:1", ports: ["9000:9000"]}
  proxy: {image: "a:1", ports: ["80:80", "443:443", "8443:8443"]}
  minio: {image: "a:1", expose: ["9000"], ports: ["127.0.0.1:9000:9000", "9001:9001"]}
  off: {image: "a:1", profiles: [debug], ports: ["8081:8081"]}
  cache: {image: "redis:7", ports: ["6379:6379"]}
""")
    assert {(route["domain"], route["service"], route["port"]) for route in draft.stack["routes"]} == {
        ("shop.example.com", "proxy", 80),
        ("worker.shop.example.com", "worker", 9000),
        ("minio.shop.example.com", "minio", 9000),
        ("minio-9001.shop.example.com", "minio", 9001),
    }
    assert not any("ports" in service for service in draft.compose["services"].values())
    assert draft.questions == [] and not problems(draft.as_stack())


def test_files_beside_the_compose_file_are_read_and_samples_stand_for_them() -> None:
    text = "services:\n  web: {image: 'a:${VERSION}', env_file: [./app.env], environment: {B: kept}}\n"
    draft = drafted(text, __env__example="VERSION=1.2 # comment\nexport OTHER='x'\n", app__env="A=1\nB=2\nAPP_KEY=k\n")
    assert draft.questions == [] and not problems(draft.as_stack())
    assert draft.compose["services"]["web"]["environment"] == {"A": "1", "B": "kept"}
    assert draft.stack["environment"] == {"VERSION": "1.2"}
    assert "app_key" in draft.stack["secrets"]


def test_secrets_of_compose_that_are_files_are_made_on_the_host() -> None:
    top = "secrets:\n  DB-Password: {file: ./p.txt}\n  unused: {file: ./u}\n  licence: {file: ./l}\n"
    draft = one("secrets: [DB-Password, {source: licence}]", top)
    database, licence = draft.compose["services"]["web"]["secrets"]
    assert (database, licence["source"]) == ({"source": "db_password", "target": "DB-Password"}, "licence")
    assert draft.stack["secrets"]["db_password"] == {"kind": "password"}
    assert asked(draft) == [("secret", "secrets.licence")]
    assert not problems(draft.answered(draft.questions))


def test_images_with_an_init_of_their_own_keep_it() -> None:
    assert drafted("services: {a: {image: 'lscr.io/linuxserver/sonarr:4.0'}}").compose["services"]["a"]["init"] is False


def test_what_the_check_refuses_without_a_waiver_is_asked_in_its_words() -> None:
    draft = one("provider: {type: x}")
    assert asked(draft) == [("other", "compose.services.web.provider")]


@pytest.mark.parametrize("text", ["", "a: [", "services: []", "version: '3'", "- a"])
def test_what_is_no_compose_file_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        drafted(text)


@pytest.mark.parametrize(
    "value", ["5", "true", "1.5", "a", "[]", "{}", "[[]]", "[5, ~]", "{a: ~}", "{a: []}", "'${A_TOKEN}'", "['${A_TOKEN}', {}]", "~"]
)
def test_what_a_key_cannot_hold_is_left_to_the_check(value: str) -> None:
    keys = ["command", "environment", "env_file", "ports", "expose", "healthcheck", "depends_on", "secrets", "deploy", "init", "build"]
    for key in keys:
        draft = one(f"{key}: {value}", "secrets: {a: {file: x}}")
        inventory_files(draft, "c.yml")
    inventory_files(one("init: true", f"secrets: {value}"), "c.yml")


NAMES = [("My Shop", "my-shop"), ("2048", "app-2048"), ("", "app"), ("a" * 50, "a" * 31), ("_x_", "x")]


@pytest.mark.parametrize(("folder", "name"), NAMES)
def test_names_of_folders_become_names_of_stacks(folder: str, name: str) -> None:
    assert stack_name(folder) == name


class _Loader(yaml.SafeLoader):
    """As Ansible reads it, without its templates."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def declared(text: str) -> dict[str, Any]:
    stack: dict[str, Any] = yaml.load(text, Loader=_Loader)["ops_stack"]  # noqa: S506 - a subclass of the safe loader
    return stack


@pytest.mark.parametrize("text", [SHOP, "services: {web: {image: nginx, privileged: true, environment: {A: '${B}', C: '{{ go }}'}}}"])
def test_the_files_hold_the_draft_and_every_question(text: str) -> None:
    draft = drafted(text)
    files = inventory_files(draft, "docker-compose.yml")
    stack = declared(files["group_vars/all/stack.yml"])
    assert "compose.yml.j2" in stack.pop("compose")
    assert stack == {**draft.stack}
    compose = "".join(line for line in files["group_vars/all/compose.yml.j2"].splitlines(keepends=True) if not line.startswith(("{%", "#")))
    assert yaml.safe_load(compose) == draft.compose
    for number, question in enumerate(draft.questions, 1):
        assert f"{number}. {question.key}: " in files["group_vars/all/stack.yml"]
    assert ("{% raw %}" in files["group_vars/all/compose.yml.j2"]) == ("{{" in text)


def test_uncommented_answers_pass_the_check() -> None:
    draft = drafted("services: {web: {image: nginx, privileged: true}, db: {image: redis, volumes: ['d:/d']}}\nvolumes: {d: }")
    text = inventory_files(draft, "docker-compose.yml")["group_vars/all/stack.yml"]
    answered = re.sub(r"^( +)# (web:|services:|  allow:|allow:)", r"\1\2", text, flags=re.MULTILINE)
    stack = declared(answered)
    assert not problems({**stack, "compose": draft.compose})
    assert stack["services"]["db"] == {"update": {"strategy": "recreate"}, "allow": ["latest_tag"]}


def test_a_working_folder_in_a_variable_is_no_password() -> None:
    draft = one("volumes: ['${PWD}/conf:/conf:ro', '$PWD/data:/data:ro']")
    assert draft.questions == []
    assert draft.compose["services"]["web"]["volumes"] == ["./conf:/conf:ro", "./data:/data:ro"]
    assert not looks_secret("PWD", "/srv")
