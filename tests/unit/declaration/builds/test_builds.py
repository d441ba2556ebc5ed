# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are built, as they are declared: what the host is told, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.image_build import ImageBuild
from ansible_collections.latentum.ops.plugins.module_utils.declaration.builds.checks import hosts_problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.builds.derive import image_builds
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems, report

REPOSITORY = "https://git.example.com/shop/web.git"
COMMIT = "8f3c2b1e9d7a6f5c4b3a2918f7e6d5c4b3a29180"


def stack(build: Any = None, service: Any = None, **more: Any) -> dict[str, Any]:
    web = {"build": "./services/web"} if service is None else service
    builds = {"web": {"repository": REPOSITORY, "revision": "v1.4.2", **(build or {})}}
    return {"name": "shop", "compose": {"services": {"web": web}}, "builds": builds, **more}


def derived(declared: dict[str, Any]) -> ImageBuild:
    assert problems(declared) == (), report(problems(declared))
    (build,) = image_builds(load(declared))
    return ImageBuild.from_dict(build)


def refusals(declared: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.key, f"{problem.problem}: {problem.fix}") for problem in problems(declared)]


def test_the_compose_file_says_how_and_the_declaration_from_where() -> None:
    build = {
        "context": "./services/web",
        "dockerfile": "Dockerfile.prod",
        "target": "production",
        "args": ["VARIANT=slim", "LEVEL=${LEVEL}"],
        "labels": ["team=shop"],
        "extra_hosts": ["mirror:192.0.2.1"],
        "shm_size": "1gb",
    }
    declared = stack(service={"build": build}, environment={"LEVEL": "info"})
    made = derived(declared)
    assert (made.context, made.dockerfile, made.target) == ("services/web", "Dockerfile.prod", "production")
    assert made.args == {"VARIANT": "slim", "LEVEL": "info"}
    assert made.options == {"labels": {"team": "shop"}, "extra_hosts": ["mirror:192.0.2.1"], "shm_size": "1gb"}


def test_the_declaration_wins() -> None:
    service = {"build": {"context": "../elsewhere", "target": "dev", "args": {"A": "1", "B": "2"}}}
    made = derived(stack({"context": "web/", "target": "production", "args": {"A": 3}}, service))
    assert (made.context, made.target, made.args) == ("web", "production", {"A": "3", "B": "2"})


def test_a_service_without_build_is_built_from_the_root_of_the_repository() -> None:
    assert derived(stack(service={"image": "shop/web:dev"})).context == "."


@pytest.mark.parametrize(
    ("revision", "tag"),
    [
        ("v1.4.2", "v1.4.2"),
        ("refs/tags/v1.4.2", "v1.4.2"),
        ("release/2024-01+x", "release-2024-01-x"),
        ("20240115", "20240115"),
        ("@scope/web@1.2.3", None),
        (COMMIT, COMMIT[:12]),
        ("refs/tags/deadbeef1", "deadbeef1"),
    ],
)
def test_revisions(revision: str, tag: str | None) -> None:
    declared = stack({"revision": revision})
    if tag is None:
        assert [key for key, _text in refusals(declared)] == ["builds.web.revision"]
    else:
        assert compose_project(load(declared))["services"]["web"]["image"] == f"localhost/shop/web:{tag}"


def test_the_project_has_an_image_and_no_build() -> None:
    service = {"build": ".", "image": "shop/web:dev", "pull_policy": "build"}
    made = compose_project(load(stack({"push": "registry.example.com:5000/shop/web"}, service)))["services"]["web"]
    assert made["image"] == "registry.example.com:5000/shop/web:v1.4.2"
    assert "build" not in made and "pull_policy" not in made


def test_a_stack_without_builds_is_as_it_was() -> None:
    declared = {"name": "shop", "compose": {"services": {"web": {"image": "web:1", "build": ".", "pull_policy": "build"}}}}
    made = compose_project(load(declared))["services"]["web"]
    assert list(made) == ["image", "pull_policy", "restart", "init", "stop_grace_period", "logging", "security_opt", "pids_limit"]
    assert image_builds(load(declared)) == []


def test_secrets_of_the_stack_are_made_for_the_build() -> None:
    secrets = {"npm": {"kind": "provided", "value": "x" * 20}, "git": {"kind": "provided", "value": "y" * 20}}
    service = {"build": {"context": ".", "secrets": ["npm", {"source": "npm", "target": "npmrc"}]}}
    made = derived(stack({"credentials": "git", "secrets": {"netrc": "/etc/shop/netrc"}}, service, secrets=secrets))
    assert made.secrets == {"npm": "npm", "npmrc": "npm", "netrc": "/etc/shop/netrc"} and made.credentials == "git"


@pytest.mark.parametrize(
    ("build", "key", "words"),
    [
        ({"repository": "https://robot:token@git.example.com/a.git"}, "repository", "has credentials in it"),
        ({"repository": "https://token@git.example.com/a.git"}, "repository", "has credentials in it"),
        ({"repository": "ssh://git:pass@git.example.com/a.git"}, "repository", "has credentials in it"),
        ({"repository": "http://git.example.com/a.git"}, "repository", "is not encrypted"),
        ({"repository": "git://git.example.com/a.git"}, "repository", "write https://git.example.com/a.git"),
        ({"repository": "ext::sh -c touch% /tmp/x"}, "repository", "is not the address"),
        ({"repository": "--upload-pack=touch /tmp/x"}, "repository", "is not the address"),
        ({"repository": "ssh://-oProxyCommand=x/a.git"}, "repository", "is not the address"),
        ({"repository": "../web"}, "repository", "is not the address"),
        ({"repository": None}, "repository", "is required"),
        ({"revision": None}, "revision", "is required"),
        ({"revision": "main"}, "revision", "is a branch"),
        ({"revision": "refs/heads/v1"}, "revision", "is a branch"),
        ({"revision": "origin/v1"}, "revision", "is a branch"),
        ({"revision": "HEAD"}, "revision", "is a branch"),
        ({"revision": "8f3c2b1"}, "revision", "abbreviated commit id"),
        ({"revision": COMMIT[:39]}, "revision", "write all 40"),
        ({"revision": 1.10}, "revision", "must be a string"),
        ({"revision": "v1..v2"}, "revision", "neither a tag nor"),
        ({"revision": "v1~1"}, "revision", "neither a tag nor"),
        ({"revision": "--depth=1"}, "revision", "neither a tag nor"),
        ({"context": "../web"}, "context", "leads out of the repository"),
        ({"context": "web/../../x"}, "context", "leads out of the repository"),
        ({"context": "/srv/web"}, "context", "write a path from its root"),
        ({"dockerfile": "/srv/Dockerfile"}, "dockerfile", "is not a path from the context"),
        ({"push": "registry.example.com/shop/web:1"}, "push", "write registry.example.com/shop/web"),
        ({"push": "registry.example.com/shop/web@sha256:abc"}, "push", "has a tag or a digest"),
        ({"push": "shop/web"}, "push", "names no registry"),
        ({"push": "registry.example.com/Shop/web"}, "push", "in lower case"),
        ({"args": {"NPM_TOKEN": "abcdef"}}, "args.NPM_TOKEN", "looks like a secret"),
        ({"args": {"URL": "https://a:b@example.com"}}, "args.URL", "--mount=type=secret,id=url"),
        ({"credentials": "robot:token"}, "credentials", "is neither the name of a secret"),
        ({"ssh_key": "/etc/key"}, "ssh_key", "is of no use for a repository by HTTPS"),
        ({"repository": "git@git.example.com:a.git", "credentials": "/etc/x"}, "credentials", "of no use for a repository by SSH"),
        ({"credentials": "git_token"}, "credentials", "declare secrets: {git_token: "),
        ({"timeout": "5h"}, "timeout", "is not between"),
        ({"refspec": "x"}, "refspec", "is not a key"),
    ],
)
def test_what_the_declaration_may_not_say(build: dict[str, Any], key: str, words: str) -> None:
    ((where, text),) = refusals(stack(build))
    assert where == f"builds.web.{key}" and words in text


@pytest.mark.parametrize(
    ("build", "key", "words"),
    [
        ({"context": "../web"}, "context", "write builds.web.context"),
        ({"context": "https://git.example.com/a.git#main"}, "context", "write builds.web.context"),
        ({"context": ".", "dockerfile": "/srv/Dockerfile"}, "dockerfile", "write builds.web.dockerfile"),
        ({"context": ".", "args": ["TOKEN"]}, "args.TOKEN", "has no value"),
        ({"context": ".", "args": {"API_TOKEN": "abc"}}, "args.API_TOKEN", "looks like a secret"),
        ({"context": ".", "ssh": ["default"]}, "ssh", "ops_stack.builds"),
        ({"context": ".", "platforms": ["linux/arm64"]}, "platforms", "of the host that builds"),
        ({"context": ".", "privileged": True}, "privileged", "no more rights"),
        ({"context": ".", "additional_contexts": {"a": "../b"}}, "additional_contexts", "into the context"),
        ({"context": ".", "network": "host"}, "network", "on the host alone"),
        ({"context": ".", "dockerfle": "x"}, "dockerfle", "did you mean dockerfile"),
        ({"context": ".", "secrets": ["npm"]}, "secrets", "declare secrets: {npm: "),
    ],
)
def test_what_the_compose_file_may_not_say_of_a_build(build: dict[str, Any], key: str, words: str) -> None:
    ((where, text),) = refusals(stack(service={"build": build}))
    assert where == f"compose.services.web.build.{key}" and words in text


def test_a_service_that_is_pinned_already() -> None:
    declared = stack(service={"image": f"shop/web@sha256:{'a' * 64}", "build": "."})
    assert [key for key, _text in refusals(declared)] == ["compose.services.web.image"]


def test_a_service_that_is_not_there() -> None:
    declared = stack()
    declared["builds"]["wbe"] = declared["builds"].pop("web")
    assert [key for key, _text in refusals(declared)] == ["compose.services.web.image", "builds.wbe"]


def test_a_build_that_nobody_declares_names_the_way_out() -> None:
    ((_key, text),) = refusals({"name": "shop", "compose": {"services": {"web": {"build": "."}}}})
    assert "builds: {web: {repository: https://…" in text


@pytest.mark.parametrize(
    ("build", "hosts", "key"),
    [
        ({}, ["a"], None),
        ({}, ["a", "b"], "push"),
        ({"push": "r.example.com/web"}, ["a", "b"], None),
        ({"host": "builder"}, ["a"], "push"),
        ({"host": "a"}, ["a"], None),
        ({"host": "builder", "push": "r.example.com/web"}, ["a", "b"], None),
        ({"host": "bulder", "push": "r.example.com/web"}, ["a"], "host"),
    ],
)
def test_where_images_are_built(build: dict[str, Any], hosts: list[str], key: str | None) -> None:
    found = hosts_problems(load(stack(build)), hosts, ["a", "b", "builder"])
    assert [problem.key for problem in found] == ([f"builds.web.{key}"] if key else [])


@pytest.mark.parametrize(
    "wrong", [{"repository": "ext::sh"}, {"revision": "main"}, {"context": ".."}, {"secrets": {"a": "../x"}}, {"ssh_key": "a b"}]
)
def test_the_host_looks_again(wrong: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        ImageBuild.from_dict({"service": "web", "repository": REPOSITORY, "revision": "v1", **wrong})
