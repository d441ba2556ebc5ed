# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters as Ansible calls them: through its templar, with tagged strings and lazily templated variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.filter.sites import FilterModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import BUCKETS
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.release import routing

ROOT = Path(__file__).parents[3]
FILTERS = ROOT / "plugins" / "filter"
DOCUMENTED = sorted(file.stem for file in FILTERS.glob("*.yml"))


def filters_of(theme: str) -> list[str]:
    """The names of the filters in a file."""
    return list(import_module(f"ansible_collections.latentum.ops.plugins.filter.{theme}").FilterModule().filters())


filters_of_sites = FilterModule().filters()
# Where a contract has defaults of its own, they are what nothing declared gives.
NOTHING: dict[str, tuple[Any, ...]] = {"rollout_hooks": ({"before": [], "before_timeout": 1800},), "request_buckets": (list(BUCKETS),)}
NAMES = sorted(name for theme in ("declaration", "stack") for name in filters_of(theme))
Template = Callable[..., Any]

INVENTORY = """
zone: example.com
version: 1.5
port: 8080
outside: hunter2
compose_text: |
  services:
    web:
      image: acme/web:${VERSION}
      environment: {MODE: yes}
      secrets: [token]
      healthcheck: {test: "true"}
ops_stack:
  name: acme
  compose: "{{ compose_text }}"
  contact: "ops@{{ zone }}"
  environment: {VERSION: "{{ version }}"}
  routes:
    - domain: "app.{{ zone }}"
      service: web
      port: "{{ port }}"
      timeout: 1m30s
  services: {web: {replicas: "{{ 1 + 1 }}"}}
  secrets:
    token: {kind: password, value: "{{ outside }}"}
    url: {kind: template, template: !unsafe "x://{{ token | urlencode }}", environment: {web: URL}}
in_the_inventory:
  name: acme
  compose:
    x-web: &web
      image: acme/web:1
      tty: yes
    services:
      web:
        <<: *web
        environment: {A: yes, B: 22:22, C: 0o17, D: 2001-1-1, E: "yes", F: "{{ version }}", G: "{{ zone }}", H: 1e3, on: off, I: ~}
        command: [sleep, "{{ port }}s", 1:30:00]
        cap_drop: &all [ALL]
        security_opt: !unsafe ["{{ x }}"]
      other: {image: "acme/other:{{ version }}", cap_drop: *all, command: [!unsafe "{{ x }}", on]}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """Evaluates an expression in the inventory above, with further variables."""
    inventory = tmp_path_factory.mktemp("inventory") / "all.yml"
    inventory.write_text(INVENTORY)
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    argv = [sys.executable, str(Path(__file__).with_name("templates.py")), str(inventory)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def evaluate(expression: str, **variables: Any) -> Any:
            print(json.dumps({"expression": expression, "variables": variables}), file=requests, flush=True)
            answer = json.loads(answers.readline())
            if "error" in answer:
                raise LookupError(answer["error"])
            return answer["result"]

        yield evaluate
        requests.close()


def test_every_filter_is_documented_and_every_document_is_a_filter() -> None:
    assert sorted(name for file in FILTERS.glob("*.py") for name in filters_of(file.stem)) == DOCUMENTED


@pytest.mark.parametrize("name", NAMES)
def test_nothing_declared_gives_nothing(name: str, template: Template) -> None:
    assert template(f"{{}} | latentum.ops.{name}") in NOTHING.get(name, ([], {}, ""))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documents_are_complete(name: str) -> None:
    document = yaml.safe_load((FILTERS / f"{name}.yml").read_text())
    assert document["DOCUMENTATION"]["name"] == name
    assert "latentum.ops." in document["EXAMPLES"]
    assert document["RETURN"]["_value"]["description"]


@pytest.mark.parametrize("name", NAMES)
def test_results_are_plain(name: str, template: Template) -> None:
    assert template(f"(ops_stack | default({{}})) | latentum.ops.{name}") is not None
    assert template(f"(absent | default({{}})) | latentum.ops.{name}") in NOTHING.get(name, ([], {}, ""))


def test_values_are_templated_first(template: Template) -> None:
    (site,) = template("ops_stack | latentum.ops.nginx_sites")
    assert site["domain"] == "app.example.com"
    assert site["locations"][0]["upstream"] == "acme_web_8080"
    assert site["locations"][0]["timeout"] == 90
    project = template("ops_stack | latentum.ops.compose_project")
    assert project["services"]["web"]["deploy"]["replicas"] == 2
    assert project["services"]["web"]["environment"] == {"MODE": "yes"}


def test_a_compose_file_in_the_inventory_is_read_as_compose_reads_it(template: Template) -> None:
    """Ansible's YAML 1.1 makes true of yes, 1342 of 22:22, 5400 of 1:30:00 and a date of 2001-1-1."""
    services = template("in_the_inventory | latentum.ops.compose_project")["services"]
    given = services["web"]["environment"]
    assert {name: given[name] for name in "ABCD"} == {"A": "yes", "B": "22:22", "C": 15, "D": "2001-1-1"}
    assert {name: given[name] for name in "EFGHI"} == {"E": "yes", "F": 1.5, "G": "example.com", "H": 1000.0, "I": None}
    assert given["on"] == "off"
    assert services["web"]["command"] == ["sleep", "8080s", "1:30:00"]
    assert services["web"]["security_opt"][0] == services["other"]["command"][0] == "{{ x }}"
    assert services["other"]["command"][1] == "on"
    assert services["web"]["cap_drop"] == services["other"]["cap_drop"] == ["ALL"]
    assert services["other"]["image"] == "acme/other:1.5"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("declaration_plain", "secret_entries")])
def test_what_a_play_remembers_gives_the_same(name: str, template: Template) -> None:
    there = "ops_stack | latentum.ops.{}"
    assert template(there.format(f"declaration_plain | latentum.ops.{name}")) == template(there.format(name))


def test_a_play_remembers_no_value_of_a_secret(template: Template) -> None:
    remembered = template("ops_stack | latentum.ops.declaration_plain")
    assert remembered["secrets"]["token"] == {"kind": "password", "value": "(hidden)"}
    assert remembered["contact"] == "ops@example.com"
    assert "hunter2" not in json.dumps(remembered)


def test_templates_of_secrets_are_not_templated_by_ansible(template: Template) -> None:
    entries = {entry["name"]: entry for entry in template("ops_stack | latentum.ops.secret_entries")}
    assert entries["url"]["template"] == "x://{{ token | urlencode }}"
    assert entries["token"]["value"] == "hunter2"


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("declaration_")])
def test_a_wrong_declaration_fails_with_all_errors(name: str, template: Template) -> None:
    with pytest.raises(LookupError) as failed:
        template(f"ops_stack | latentum.ops.{name}", zone="Example", port=0)
    text = str(failed.value)
    assert "ops_stack has 3 errors" in text
    assert all(key in text for key in ("contact", "routes[0].domain", "routes[0].port"))
    assert "hunter2" not in text


def test_errors_and_report_of_a_wrong_declaration(template: Template) -> None:
    errors = template("ops_stack | latentum.ops.declaration_errors", port=0)
    assert [set(error) for error in errors] == [{"key", "value", "problem", "fix"}]
    assert template("ops_stack | latentum.ops.declaration_report", port=0).startswith("ops_stack has one error")
    assert template("ops_stack | latentum.ops.declaration_summary", port=0) == []
    assert template("ops_stack | latentum.ops.declaration_summary")[0] == "stack acme: web x2"


def test_a_directory_comes_with_what_is_below_it(tmp_path: Path) -> None:
    from ansible_collections.latentum.ops.plugins.filter.files import directory_files

    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("top.py", "a/b/deep.py", "a/readme.md"):
        (tmp_path / name).write_text(f"# {name}")
    assert directory_files(str(tmp_path), "*.py", "/t") == [{"path": "/t/top.py", "content": "# top.py"}]
    assert directory_files(str(tmp_path), "**/*.py", "/t") == [
        {"path": "/t/a", "state": "directory"},
        {"path": "/t/a/b", "state": "directory"},
        {"path": "/t/a/b/deep.py", "content": "# a/b/deep.py"},
        {"path": "/t/top.py", "content": "# top.py"},
    ]


SHOP = {"name": "shop_web_80", "project": "shop", "service": "web", "port": 80}
EDGE = {"name": "edge", "members": [{"name": "a", "address": "192.0.2.1"}]}
PATH = "/etc/latentum-ops/upstreams/{name}.json"


def test_definitions_of_upstreams_are_files_of_their_stacks_byte_for_byte_as_a_release_writes_them() -> None:
    definitions = filters_of_sites["upstream_files"]
    (file,) = definitions([SHOP], ["shop"], "shop", {}, PATH)
    upstream = Upstream.from_dict(SHOP)
    assert (
        routing._definitions(Path(file["path"]), [upstream]).content.decode()
        == definitions([upstream.to_dict()], [], "shop", {}, PATH)[0]["content"]
    )
    both = definitions([{**SHOP, "project": "blog"}, SHOP, EDGE], ["shop", "blog"], "none", {}, PATH)
    assert [(file["path"].rpartition("/")[2], file["state"]) for file in both] == [
        ("shop.json", "file"),
        ("blog.json", "file"),
        ("none.json", "file"),
    ]
    assert json.loads(both[2]["content"]) == [EDGE]
    assert [file["state"] for file in definitions([], ["shop"], "none", {}, PATH)] == ["absent", "absent"]
    held = {"shop": {"definitions": "as published\n", "sites": {}}}
    assert definitions([SHOP], ["shop"], "shop", held, PATH)[0]["content"] == "as published\n"


def test_sites_of_a_stack_whose_release_has_published_its_own_are_not_rendered() -> None:
    render = filters_of_sites["sites_to_render"]
    shop, blog, other = {"name": "shop.example.com"}, {"name": "blog.example.com"}, {"name": "by-hand"}
    by_stack = {"shop": [shop], "blog": [blog]}
    assert render([shop, blog, other], by_stack, {"shop": {}}, "none") == [blog, other]
    assert render([shop, other], {"shop": [shop]}, {"shop": {}}, "shop") == []
    assert render([shop, blog, other], by_stack, {}, "none") == [shop, blog, other]


def test_of_a_name_that_stacks_share_the_sites_of_one_are_rendered_and_those_of_the_other_held() -> None:
    render = filters_of_sites["sites_to_render"]
    shop, blog = ({"name": "shop.example.com", "stack": stack} for stack in ("shop", "blog"))
    by_stack = {"shop": [shop], "blog": [blog]}
    assert render([shop, blog], by_stack, {"shop": {}}, "none") == [blog]
    assert render([shop, blog], by_stack, {"blog": {}}, "none") == [shop]
