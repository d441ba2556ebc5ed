# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions of the controller as Ansible runs them: a playbook a test, on the local host, in check mode."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.action.config_set import request_of
from ansible_collections.latentum.ops.plugins.action.packages import settled as packages_settled
from ansible_collections.latentum.ops.plugins.action.preflight import takes_part
from ansible_collections.latentum.ops.plugins.action.service_units import settled
from ansible_runs import AnsibleRuns

ROOT = Path(__file__).parents[3]
STACK = yaml.safe_load("""
name: acme
contact: ops@example.com
compose: |
  services:
    web:
      image: acme/web:1
      secrets: [token]
      healthcheck: {test: "true"}
routes: [{domain: "app.{{ zone }}", service: web, port: 8080}]
secrets:
  token: {kind: password, value: hunter2}
""")
Play = Callable[..., dict[str, Any]]


@pytest.fixture
def play(ansible: AnsibleRuns, tmp_path: Path) -> Play:
    """Results by the names of the tasks."""

    def run(*tasks: dict[str, Any], variables: dict[str, Any] | None = None) -> dict[str, Any]:
        given = {"zone": "example.com", "ansible_python_interpreter": sys.executable, **(variables or {})}
        document = [{"hosts": "localhost", "gather_facts": False, "vars": given, "tasks": list(tasks)}]
        (tmp_path / "play.json").write_text(json.dumps(document))
        argv = ("ansible-playbook", "-i", "localhost,", "-c", "local", "--check", "--diff", "play.json")
        done = ansible(*argv, folder=tmp_path, environment={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"})
        output = done.stdout
        assert "{" in output, output + done.stderr
        shown = json.loads(output[output.index("{") :])["plays"][0]["tasks"]
        results = {task["task"]["name"]: task["hosts"]["localhost"] for task in shown}
        for result in results.values():  # what Ansible reads means what it reads
            assert all(isinstance(result.get(key, False), bool) for key in ("failed", "changed", "skipped")), result
            assert all(isinstance(result.get(key, []), list) for key in ("warnings", "deprecations", "diff")), result
        return results

    return run


PLAIN = ("name", "contact", "directory", "environment")
DERIVE = {"name": "derive", "latentum.ops.declaration": {"derive": True}, "register": "ops_declared"}
CHECK = {"name": "check", "latentum.ops.declaration": {}}


def say(name: str, template: str) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.debug": {"msg": template}, "ignore_errors": True}


def say_all(name: str, expressions: dict[str, str]) -> dict[str, Any]:
    """What each expression gives, in one task: a task is a process."""
    return say(name, "{{ {" + ", ".join(f"'{key}': {expression}" for key, expression in expressions.items()) + "} }}")


def test_what_a_play_remembers_gives_what_the_declaration_gives(play: Play) -> None:
    names = list(play(DERIVE)["derive"]["derived"])
    assert len(names) > 10
    filters = [name for name in names if name not in PLAIN]
    asked = {name: f"lookup('latentum.ops.declared', '{name}')" for name in names}
    tasks = [say_all(of, {name: f"{of} | latentum.ops.{name}" for name in filters}) for of in ("ops_declared", "ops_stack")]
    results = play(say_all("before", asked), DERIVE, *tasks, say_all("lookup", asked), variables={"ops_stack": STACK})
    before, remembered, declared, looked_up = (results[task]["msg"] for task in ("before", "ops_declared", "ops_stack", "lookup"))
    for name in filters:
        assert remembered[name] == declared[name] == looked_up[name], name
    for name in names:
        assert before[name] == looked_up[name], name
    assert {name: looked_up[name] for name in PLAIN} == {"name": "acme", "contact": "ops@example.com", "directory": "", "environment": {}}
    assert remembered["nginx_sites"][0]["domain"] == "app.example.com"
    assert "hunter2" not in json.dumps(results["derive"]["derived"])


def test_the_lookup_names_what_it_knows(play: Play) -> None:
    wrong = say("wrong", "{{ lookup('latentum.ops.declared', 'nginx_site') }}")
    results = play(wrong, say("nothing declared", "{{ lookup('latentum.ops.declared', 'nginx_sites', 'name') }}"))
    assert "nothing is called 'nginx_site': write name, contact" in json.dumps(results["wrong"])
    assert results["nothing declared"]["msg"] == [[], ""]


BLOG = {**STACK, "name": "blog", "routes": [{"domain": "blog.{{ zone }}", "service": "web", "port": 80, "rate_limit": {"requests": 5}}]}


def test_a_play_remembers_what_several_stacks_give_together_and_each_of_them(play: Play) -> None:
    blog = {"vars": {"ops_turn": "blog"}}
    tasks = [
        say("sites", "{{ lookup('latentum.ops.declared', 'nginx_sites') | map(attribute='name') }}"),
        say("jails", "{{ lookup('latentum.ops.declared', 'fail2ban_jails', by_stack=true) }}"),
        say("none", "{{ lookup('latentum.ops.declared', 'compose_project') }}"),
        say("its project", "{{ lookup('latentum.ops.declared', 'compose_project').name }}") | blog,
        say("its keys", "{{ [lookup('latentum.ops.declared', 'name'), lookup('latentum.ops.declared', 'directory')] }}") | blog,
        say("its certificates", "{{ lookup('latentum.ops.declared', 'certificates', by_stack=true) }}") | blog,
        say("unknown", "{{ lookup('latentum.ops.declared', 'name') }}") | {"vars": {"ops_turn": "shop"}},
        say("secrets", "{{ lookup('latentum.ops.declared', 'secret_entries', by_stack=true) }}"),
        say("their names", "{{ lookup('latentum.ops.declared', 'names') }}"),
        say("one", "{{ lookup('latentum.ops.declared', 'stack') }}"),
        say("alone", "{{ lookup('latentum.ops.declared', 'stack') }}") | {"vars": {"ops_only": "blog"}},
        say("misspelt", "{{ lookup('latentum.ops.declared', 'names') }}") | {"vars": {"ops_only": "blgo"}},
        say("its secrets", "{{ lookup('latentum.ops.declared', 'secret_entries') | map(attribute='name') }}") | blog,
        say("nobody's secrets", "{{ lookup('latentum.ops.declared', 'secret_entries') }}"),
    ]
    results = play(DERIVE, *tasks, variables={"ops_stacks": [STACK, BLOG]})
    assert results["sites"]["msg"] == ["app.example.com", "blog.example.com"]
    scanners = ["nginx-botsearch", "nginx-bad-request"]
    assert results["jails"]["msg"] == {"acme": scanners, "blog": [*scanners, "nginx-limit-req"]}
    assert results["none"]["msg"] == {} and results["its project"]["msg"] == "blog"
    assert results["its keys"]["msg"] == ["blog", ""] and results["their names"]["msg"] == ["acme", "blog"]
    assert results["its certificates"]["msg"] == {"blog": [{"name": "blog.example.com", "domains": ["blog.example.com"]}]}
    assert "shop is not a stack of this run (acme, blog)" in json.dumps(results["unknown"])
    assert "values of secrets are not remembered" in json.dumps(results["secrets"])
    assert results["alone"]["msg"] == "blog" and results["its secrets"]["msg"] == ["token"] and results["nobody's secrets"]["msg"] == []
    assert "acme, blog are declared: name one, such as -e ops_only=acme" in json.dumps(results["one"])
    assert "did you mean blog?" in json.dumps(results["misspelt"])
    assert results["derive"]["names"] == results["derive"]["known"] == ["acme", "blog"]
    assert results["derive"]["derived"]["contact"] == "ops@example.com"
    assert "hunter2" not in json.dumps(results)


def test_roles_that_stand_alone_take_several_stacks_from_their_variables(play: Play) -> None:
    tasks = [
        say("sites", "{{ lookup('latentum.ops.declared', 'nginx_sites') | map(attribute='name') }}"),
        say("project", "{{ lookup('latentum.ops.declared', 'compose_project').name }}") | {"vars": {"ops_turn": "acme"}},
        say("wrong", "{{ lookup('latentum.ops.declared', 'name') }}") | {"vars": {"ops_only": "shop"}},
    ]
    results = play(*tasks, variables={"ops_stacks": [STACK, BLOG]})
    assert results["sites"]["msg"] == ["app.example.com", "blog.example.com"] and results["project"]["msg"] == "acme"
    assert "ops_only: is not the name of a stack that is declared here (there are: acme, blog)" in json.dumps(results["wrong"])


def test_a_run_of_some_stacks_derives_those_alone_and_knows_the_others(play: Play) -> None:
    result = play(DERIVE, variables={"ops_stacks": [STACK, BLOG], "ops_only": "blog"})["derive"]
    assert (result["names"], result["known"], list(result["each"])) == (["blog"], ["acme", "blog"], ["blog"])
    assert [site["name"] for site in result["derived"]["nginx_sites"]] == ["blog.example.com"]


def test_stacks_that_contradict_each_other_are_refused_by_name(play: Play) -> None:
    stacks = [STACK, {**BLOG, "routes": [*STACK["routes"], {"domain": "x.example.com", "service": "web", "port": 0}]}]
    message = play(CHECK, variables={"ops_stacks": stacks})["check"]["msg"]
    assert "ops_stacks has 2 errors" in message
    assert "blog: routes[1].port:" in message
    assert "blog: routes[0].domain: is served for the stack acme already (routes[0].domain: " in message
    assert "stands beside ops_stack" in play(CHECK, variables={"ops_stacks": [BLOG], "ops_stack": STACK})["check"]["msg"]


def test_a_summary_of_several_stacks_names_each(play: Play) -> None:
    lines = play(CHECK, variables={"ops_stacks": [STACK, BLOG]})["check"]["msg"]
    assert [line for line in lines if line.startswith("stack ")] == ["stack acme: web", "stack blog: web"]


def test_secrets_are_derived_from_the_declaration_alone(play: Play) -> None:
    results = play(DERIVE, say("secrets", "{{ ops_declared | latentum.ops.secret_entries }}"), variables={"ops_stack": STACK})
    assert results["secrets"]["failed"]
    assert "apply the filter to ops_stack itself" in json.dumps(results["secrets"])


def test_a_declaration_is_refused_with_all_its_errors(play: Play) -> None:
    wrong = {**STACK, "name": "Acme", "routes": [{"domain": "app", "service": "api", "port": 0}]}
    message = play(CHECK, variables={"ops_stack": wrong})["check"]["msg"]
    assert all(key in message for key in ("name:", "routes[0].service:", "routes[0].port:"))


def test_docker_compose_on_the_controller_is_asked_too(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\ncase "$*" in *config*) echo "no such thing: a" >&2; exit 1;; esac\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=":")
    message = play(CHECK, variables={"ops_stack": STACK})["check"]["msg"]
    assert "compose: no such thing: a" in message
    assert "`docker compose config` on the controller" in message


def test_a_summary_says_what_is_declared(play: Play) -> None:
    result = play(CHECK, variables={"ops_stack": STACK})["check"]
    assert result["msg"][:3] == ["stack acme: web", "https://app.example.com/ -> web:8080", "secrets: token"]
    (said,) = result["msg"][3:]
    assert said.startswith("advice: no network has a way out")
    assert "hunter2" not in json.dumps(result)
    assert "msg" not in play(CHECK)["check"]


def test_advice_comes_with_the_lines_to_add(play: Play) -> None:
    check = {"name": "check", "latentum.ops.declaration": {"advice": True}}
    lines = play(check, variables={"ops_stack": STACK})["check"]["msg"]
    assert lines[3] == "no error, 1 advice"
    assert "internal: false" in lines[5]
    wrong = play(check, variables={"ops_stack": {**STACK, "name": "Acme"}})["check"]
    assert wrong["failed"] is True and "name:" in wrong["msg"]


def test_a_starting_inventory_passes_the_check_and_overwrites_nothing(ansible: AnsibleRuns, tmp_path: Path) -> None:
    (tmp_path / "my shop").mkdir()
    (tmp_path / "my shop/compose.yml").write_text("""
services:
  web: {image: "a:1", ports: ["80:8080"], environment: {MAIL_TEMPLATE: "{{ name }}", DB_PASSWORD: hunter2}}
""")

    def command(playbook: str, *options: str) -> subprocess.CompletedProcess[str]:
        return ansible("ansible-playbook", f"latentum.ops.{playbook}", *options, folder=tmp_path)

    init = ("-e", '{"compose": "./my shop/compose.yml"}', "-e", "init_domain=shop.example.com")
    done = command("init", *init)
    assert done.returncode == 0 and "no question is left" in done.stdout, done.stdout + done.stderr
    checked = command("check", "-i", "production/hosts.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "https://shop.example.com/ -> web:8080" in checked.stdout
    assert "{{ name }}" in (tmp_path / "production/group_vars/all/compose.yml.j2").read_text()
    assert "hunter2" not in done.stdout + "".join(path.read_text() for path in (tmp_path / "production").rglob("*.*"))
    again = command("init", *init)
    assert again.returncode != 0 and "would be overwritten" in again.stdout + again.stderr


def test_what_is_no_compose_file_is_refused_by_its_path(play: Play, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("services: [")
    result = play({"name": "init", "latentum.ops.starting_inventory": {"compose": "c.yml"}})["init"]
    assert result["failed"] is True and f"{tmp_path / 'c.yml'}: is not valid YAML" in result["msg"]


def test_variables_of_all_roles_are_refused_at_once(play: Play) -> None:
    check = {"name": "check", "latentum.ops.role_arguments": {"roles": ["base", "firewall", "certbot"]}}
    wrong = {"base_minimum_free": "much", "firewall_incoming": "perhaps", "certbot_staging": "{{ 1 == 1 }}"}
    result = play(check, variables=wrong)["check"]
    assert sorted(result["argument_errors"]) == ["base", "firewall"]
    assert "base: " in result["msg"]
    assert "firewall: " in result["msg"]
    assert "failed" not in play(check, variables={"base_minimum_free": "{{ 512 * 2 }}"})["check"]


def test_roles_that_are_left_out_are_named_with_what_is_lost(play: Play) -> None:
    def check(*left_out: str) -> dict[str, Any]:
        return play({"name": "check", "latentum.ops.role_arguments": {"roles": ["base"], "left_out": list(left_out)}}, variables={})[
            "check"
        ]

    assert check("fail2ban")["msg"][1].startswith("without role fail2ban: nobody is banned")
    refused = check("nginx", "opsctl")
    assert refused["failed"] and "certbot needs nginx" in refused["msg"] and "nothing was changed" in refused["msg"]


def test_files_of_a_set_are_rendered_from_templates(play: Play, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/site.conf.j2").write_text(
        "{{ ansible_managed | comment }}\n{% for name in names %}\nserver {{ name }} {{ zone }}\\n {{ site }};\n{% endfor %}\n"
    )
    own = {name: {"site": name, "names": [1, 2]} for name in "ab"}
    files = [{"path": f"{tmp_path}/{name}", "template": "site.conf.j2", "variables": own[name]} for name in own]
    files.append({"path": f"{tmp_path}/A", "content": "{{ zone }}"})
    task = {"name": "set", "latentum.ops.config_set": {"name": "sites", "files": files}}
    result = play(task, variables={"site": "not this one"})["set"]
    assert "diff" in result, result
    contents = [change["after"].partition("\n")[2] for change in result["diff"]]
    line = "server {} example.com\\n {};\n"
    assert contents == ["example.com", *["#\n# Ansible managed\n#\n" + line.format(1, name) + line.format(2, name) for name in "ab"]]


def test_a_sensitive_content_is_in_no_result(play: Play, tmp_path: Path) -> None:
    """Whatever writes results down (AWX does, for everybody who may see the job) has the arguments of each module."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/keys.j2").write_text("key = {{ key }}\n")
    files: list[dict[str, Any]] = [
        {"path": f"{tmp_path}/rendered", "template": "keys.j2", "sensitive": True},
        {"path": f"{tmp_path}/written", "content": "other = {{ key }}", "sensitive": True, "mode": "0600"},
        {"path": f"{tmp_path}/plain", "content": "nothing that is secret"},
    ]
    task = {"name": "set", "latentum.ops.config_set": {"name": "keys", "files": files}}
    result = play(task, variables={"key": "hunter2-of-the-zone"})["set"]
    assert result["changed"] and len(result["diff"]) == 3, result
    assert "hunter2-of-the-zone" not in json.dumps(result)
    assert "nothing that is secret" in json.dumps(result["invocation"])


PREFLIGHT = {"name": "preflight", "latentum.ops.preflight": {"roles": ["base", "firewall"]}}


def test_what_stands_against_a_run_on_a_host_is_refused_at_once(play: Play) -> None:
    wanted = {"minimum_free": "{{ 10 ** 12 }}", "operators": [{"name": "anna"}]}
    result = play(PREFLIGHT, variables={"__base_preflight": wanted})["preflight"]
    assert result["failed"] and "nothing was changed:\nbase_minimum_free: " in result["msg"]
    assert "\nbase_operators[0].ssh_keys: anna has no ssh_keys" in result["msg"]


def test_a_host_that_fits_goes_on_and_roles_without_anything_to_compare_are_passed_over(play: Play) -> None:
    result = play(PREFLIGHT, variables={"__base_preflight": {"minimum_free": 1, "operators": []}})["preflight"]
    assert result["changed"] is False and result["unseen"] == []


@pytest.mark.parametrize(
    ("run", "skip", "part"),
    [
        (["all"], [], True),
        (["base"], [], True),
        (["base_operators"], [], True),
        (["nginx"], [], False),
        (["all"], ["base"], False),
        (["tagged"], ["nginx"], True),
    ],
)
def test_only_roles_that_the_tags_reach_take_part(run: list[str], skip: list[str], part: bool) -> None:
    assert takes_part("base", run, skip) is part


@pytest.mark.parametrize(
    ("state", "names", "believed"),
    [
        ("present", ["made-up-a", "made-up-b"], True),
        ("present", ["made-up-a", "made-up-c"], False),
        ("absent", ["dpkg"], True),
        ("absent", ["made-up-a", "dpkg"], False),
    ],
)
def test_packages_that_the_preflight_saw_as_wanted_cost_no_call(state: str, names: list[str], believed: bool) -> None:
    assert packages_settled(names, state, ["made-up-a", "made-up-b"]) is believed


def test_whoever_believes_the_preflight_does_not_ask_the_host(play: Play) -> None:
    """What it saw is a lie here; without a preflight the host is asked."""

    def task(name: str, *packages: str, **seen: Any) -> dict[str, Any]:
        return {"name": name, "latentum.ops.packages": {"name": list(packages)}, "vars": seen}

    seen = {"ops_preflight": {"installed": "made-up-a made-up-b"}}
    results = play(task("believed", "made-up-a", "made-up-b", **seen), task("asked", "made-up-a"))
    assert {name: result["packages"] for name, result in results.items()} == {"believed": [], "asked": ["made-up-a"]}


def test_a_set_that_the_preflight_saw_as_this_request_left_it_costs_no_call(play: Play, tmp_path: Path) -> None:
    """Its files are not there: whoever believes the preflight does not ask the host."""
    files = [{"path": str(tmp_path / "a"), "content": "{{ zone }}"}]
    arguments = {"name": "trial", "files": files, "purge": [{"directory": str(tmp_path / "d")}]}
    request = request_of({**arguments, "files": [{**files[0], "content": "example.com"}]})
    seen = {"ops_preflight": {"sets": {"trial": request}}}

    def task(what: str, **more: Any) -> dict[str, Any]:
        return {"name": what, "latentum.ops.config_set": {**arguments, **more}, "vars": seen}

    believed = task("believed", validate=[["false"]])
    sensitive = task("sensitive", files=[{**files[0], "sensitive": True}])
    other = task("another file", files=[{"path": str(tmp_path / "b"), "content": "example.com"}])
    results = play(believed, sensitive, other, task("another folder", purge=[]), task("another set", name="t"))
    assert results["believed"] == {**results["believed"], "changed": False, "changed_paths": [], "armed": False}
    assert [name for name, result in results.items() if result["changed"]] == ["sensitive", "another file", "another folder", "another set"]
    assert request_of({**arguments, "state": "confirmed"}) == ""
    assert request_of({**arguments, "files": [{**files[0], "sensitive": True}]}) == "", "no digest of a secret leaves the controller"


def test_a_preflight_says_what_is_installed(play: Play) -> None:
    result = play({"name": "look", "latentum.ops.preflight": {"roles": []}})["look"]
    assert {"dpkg", "base-files"} <= set(result["installed"].split())


RUNNING, OFF, ABSENT = ("loaded", "active", "enabled"), ("loaded", "inactive", "disabled"), ("not-found", "inactive", "")


@pytest.mark.parametrize(
    ("arguments", "seen", "believed"),
    [
        ({"state": "started", "enabled": True}, RUNNING, True),
        ({"state": "started", "enabled": "yes", "daemon_reload": False}, RUNNING, True),
        ({"state": "stopped", "enabled": False}, OFF, True),
        ({"enabled": True}, RUNNING, True),
        ({"state": "started", "enabled": True}, OFF, False),
        ({"state": "started", "enabled": True}, ("loaded", "active", "disabled"), False),
        ({"state": "started", "enabled": True}, ("loaded", "failed", "enabled"), False),
        ({"state": "stopped", "enabled": False}, ("loaded", "failed", "disabled"), False),
        ({"state": "restarted"}, RUNNING, False),
        ({"state": "reloaded", "enabled": True}, RUNNING, False),
        ({"state": "started", "daemon_reload": True}, RUNNING, False),
        ({"state": "started", "no_block": True}, RUNNING, False),
        # Its package may have come since, and started it.
        ({"state": "stopped", "enabled": False}, ABSENT, False),
    ],
)
def test_units_that_the_preflight_saw_as_wanted_cost_no_call(arguments: dict[str, Any], seen: tuple[str, ...], believed: bool) -> None:
    assert settled({"name": ["a.service"], **arguments}, {"a.service": seen}) is believed
    assert not settled({"name": ["a.service", "b.service"], **arguments}, {"a.service": seen})  # of which one was not looked at


def test_the_preflight_looks_at_the_units_of_the_roles_of_the_run(play: Play) -> None:
    """On a machine without systemd none is known, and each call looks by itself."""
    units = {"__docker_service_units": ["docker.service"], "__nginx_service_units": ["nginx.service"]}
    result = play({"name": "look", "latentum.ops.preflight": {"roles": ["docker", "base"]}}, variables=units)["look"]
    assert result["invocation"]["module_args"]["units"] == ["docker.service"]
    believed = {"name": "believed", "latentum.ops.service_units": {"name": ["made-up.service"], "state": "started"}}
    results = play(believed, variables={"ops_preflight": {"units": {"made-up.service": list(RUNNING)}}})
    assert results["believed"] == {**results["believed"], "changed": False, "steps": []}


def test_a_host_is_judged_by_what_roles_want_and_no_secret_is_told(play: Play) -> None:
    """This machine, whatever is on it; in check mode, as all of these."""
    task = {"name": "look", "latentum.ops.host_survey_info": {"roles": ["firewall", "nginx", "certbot"]}}
    inventory = {"name": "inventory", "latentum.ops.host_survey_info": {"judge": False}}
    wrong = {"name": "wrong", "latentum.ops.host_survey_info": {"roles": ["web"]}, "ignore_errors": True}
    variables = {"ops_stack": STACK, "ansible_facts": {"distribution": "Debian", "distribution_release": "trixie"}}
    results = play(task, inventory, wrong, variables=variables)
    assert not results["look"]["changed"] and results["look"]["survey"]["version"] == 1
    assert results["look"]["table"] and results["look"]["markdown"].startswith("# ") and sum(results["look"]["counts"].values()) > 0
    assert set(results["inventory"]["counts"]) == {"found"} and "found" not in results["look"]["counts"]
    assert "hunter2" not in json.dumps(results)
    assert results["wrong"]["failed"] and "web is no role of this collection: write some of access, base" in results["wrong"]["msg"]
