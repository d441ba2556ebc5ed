# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a release brings to the host: what is read of a real folder, what the project mounts, and what is refused."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.carried_files import EXTENSION, Carried, ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.update_safety import unsafe
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.files.derive import carried_files
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems, report
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_folder import LARGEST, MOST_FILES, complete

PREFIX = "/var/lib/latentum-ops/stacks/shop/files/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "conf/rules").mkdir(parents=True)
    (app / "nginx.conf").write_text("events {}\n")
    (app / "conf/a.yml").write_text("a: 1\n")
    (app / "conf/rules/b.yml").write_text("b: 1\n")
    (app / "conf/notes.txt").write_text("no\n")
    (app / "run.sh").write_text("#!/bin/sh\n")
    (app / "run.sh").chmod(0o755)
    (app / "logo.bin").write_bytes(b"\xff\x00\xfe")
    (tmp_path / "outside").write_text("secret")
    return app


def stack(folder: Path, files: Any, *volumes: Any, service: Any = (), **more: Any) -> dict[str, Any]:
    web = {"image": "web:1", "volumes": list(volumes), "healthcheck": {"test": "true"}, **dict(service)}
    compose = {"services": {"web": web}, **more}
    return complete({"name": "shop", "compose_folder": str(folder), "compose": compose, "files": files})


def mounted(declared: dict[str, Any]) -> list[Any]:
    assert problems(declared) == (), report(problems(declared))
    volumes: list[Any] = compose_project(load(declared))["services"]["web"]["volumes"]
    return volumes


def carried(declared: dict[str, Any]) -> list[Carried]:
    return [Carried.from_dict(item) for item in carried_files(load(declared))]


def test_a_file_is_mounted_by_its_content_and_read_only(folder: Path) -> None:
    declared = stack(folder, {"./nginx.conf": {}}, "./nginx.conf:/etc/nginx/nginx.conf")
    (file,) = carried(declared)
    assert mounted(declared) == [f"{PREFIX}{file.digest}/nginx.conf:/etc/nginx/nginx.conf:ro"]
    assert [(item.path, item.data, item.mode) for item in file.files] == [("", b"events {}\n", "0644")]


def test_another_content_owner_or_mode_is_another_mount(folder: Path) -> None:
    volume = "./nginx.conf:/etc/nginx.conf:ro,z"
    before = mounted(stack(folder, {"nginx.conf": {}}, volume))
    found = {
        before[0],
        *(mounted(stack(folder, {"nginx.conf": options}, volume))[0] for options in ({"mode": "0640"}, {"owner": 5}, {"group": 5})),
    }
    (folder / "nginx.conf").write_text("events { }\n")
    found |= set(mounted(stack(folder, {"nginx.conf": {}}, volume)))
    assert len(found) == 5
    assert all(mount.endswith("/nginx.conf:/etc/nginx.conf:ro,z") for mount in found)
    (folder / "nginx.conf").write_text("events {}\n")
    assert mounted(stack(folder, {"./nginx.conf": {}}, volume)) == before


def test_content_of_a_template(folder: Path) -> None:
    (file,) = carried(stack(folder, {"./app.ini": {"content": "a = 1\n"}}, "./app.ini:/app.ini"))
    assert (file.name, file.files[0].data) == ("app.ini", b"a = 1\n")


def test_content_needs_no_folder() -> None:
    compose = {"services": {"web": {"image": "web:1", "volumes": ["./app.ini:/app.ini"]}}}
    declared = complete({"name": "shop", "compose": compose, "files": {"app.ini": {"content": ""}}})
    assert problems(declared) == ()
    assert carried(declared)[0].files[0].data == b""


def test_a_folder_with_all_that_is_in_it(folder: Path) -> None:
    declared = stack(folder, {"./conf": {"mode": "0600"}}, {"type": "bind", "source": "./conf", "target": "/conf"})
    (file,) = carried(declared)
    assert [(item.path, item.mode) for item in file.files] == [("a.yml", "0600"), ("notes.txt", "0600"), ("rules/b.yml", "0600")]
    assert mounted(declared) == [{"type": "bind", "source": f"{PREFIX}{file.digest}/conf", "target": "/conf", "read_only": True}]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["*.yml"], ["a.yml"]),
        (["**/*.yml"], ["a.yml", "rules/b.yml"]),
        (["rules/**"], ["rules/b.yml"]),
        (["?.yml", "*.txt"], ["a.yml", "notes.txt"]),
    ],
)
def test_patterns(folder: Path, patterns: list[str], names: list[str]) -> None:
    (file,) = carried(stack(folder, {"./conf": {"patterns": patterns}}, "./conf:/conf"))
    assert [item.path for item in file.files] == names


def test_binary_and_executable_files(folder: Path) -> None:
    script, logo = carried(stack(folder, {"run.sh": {}, "logo.bin": {}}, "./run.sh:/run.sh", "./logo.bin:/logo"))
    assert (script.files[0].mode, logo.files[0].data) == ("0755", b"\xff\x00\xfe")


def test_parts_of_a_folder_and_one_file_at_two_places(folder: Path) -> None:
    declared = stack(folder, {"./conf": {}}, "./conf/a.yml:/a.yml", "./conf/rules:/rules:ro", "./conf/a.yml:/b.yml")
    (file,) = carried(declared)
    place = f"{PREFIX}{file.digest}/conf"
    assert mounted(declared) == [f"{place}/a.yml:/a.yml:ro", f"{place}/rules:/rules:ro", f"{place}/a.yml:/b.yml:ro"]


def test_another_source(folder: Path) -> None:
    (file,) = carried(stack(folder, {"./etc/x.conf": {"source": "nginx.conf"}}, "./etc/x.conf:/x"))
    assert (file.name, file.files[0].data) == ("x.conf", b"events {}\n")


def test_a_path_by_a_variable(folder: Path) -> None:
    declared = stack(folder, {"./conf": {}}, "${WHERE:-./conf}:/a$$b")
    assert mounted(declared)[0].endswith("/conf:/a$$b:ro")


def test_the_file_of_a_config(folder: Path) -> None:
    declared = stack(folder, {"./nginx.conf": {}}, service={"configs": ["n"]}, configs={"n": {"file": "./nginx.conf"}})
    (file,) = carried(declared)
    assert compose_project(load(declared))["configs"] == {"n": {"file": f"{PREFIX}{file.digest}/nginx.conf"}}


def test_what_is_on_the_host_stays(folder: Path) -> None:
    declared = stack(folder, {"./data": {"on_host": True}}, "./data:/data", "./data/x:/x")
    assert mounted(declared) == ["./data:/data", "./data/x:/x"]
    assert carried(declared) == []


def test_a_service_with_carried_files_can_be_rolled(folder: Path) -> None:
    declared = load(stack(folder, {"./conf": {}}, "./conf:/conf"))
    assert unsafe(declared.compose.services["web"], "rolling", ()) == []


def test_files_of_a_project_in_a_folder_of_its_own(folder: Path) -> None:
    (folder / "deploy").mkdir()
    (folder / "deploy/docker-compose.yml").write_text("services: {web: {image: 'web:1', volumes: ['../conf:/conf', './x:/x']}}")
    (folder / "deploy/x").write_text("x")
    files = {"../conf": {}, "x": {}}
    declared = complete({"name": "shop", "compose_folder": str(folder), "compose": {"file": "deploy/docker-compose.yml"}, "files": files})
    assert [file.name for file in carried(declared)] == ["conf", "x"]


def test_files_of_an_included_project(folder: Path) -> None:
    (folder / "inc").mkdir()
    (folder / "inc/c.yml").write_text("services: {db: {image: 'db:1', volumes: ['./my.cnf:/etc/my.cnf']}}")
    (folder / "inc/my.cnf").write_text("[mysqld]")
    declared = stack(folder, {"./inc/my.cnf": {}}, include=["inc/c.yml"])
    assert problems(declared) == (), report(problems(declared))
    assert compose_project(load(declared))["services"]["db"]["volumes"][0].startswith(PREFIX)


REFUSED: list[tuple[str, Any, list[Any], str, str, str]] = [
    ("nothing brings it", {}, ["./conf:/conf"], "compose.services.web.volumes", "nothing brings it", "files: {./conf: {}}"),
    (
        "nothing brings a folder above",
        {"./conf/rules": {}},
        ["./conf:/c", "./conf/rules:/r"],
        "compose.services.web.volumes",
        "nothing brings",
        "on_host",
    ),
    ("the whole folder", {}, [".:/app"], "compose.services.web.volumes", "nothing brings it", "files:"),
    ("not there", {"./no.conf": {}}, ["./no.conf:/x"], "files../no.conf", "is not in compose_folder", "put it there"),
    ("a source that is not there", {"./a": {"source": "b"}}, ["./a:/x"], "files../a", "is not in compose_folder", "source:"),
    ("leaves the folder", {"../outside": {}}, ["../outside:/x"], "files.../outside", "leaves compose_folder", "further up"),
    ("a source that leaves", {"./a": {"source": "../outside"}}, ["./a:/x"], "files../a", "leaves compose_folder", "copy the file"),
    ("no pattern matches", {"./conf": {"patterns": ["*.json"]}}, ["./conf:/x"], "files../conf", "no file matches", "correct the path"),
    ("used by nobody", {"./nginx.conf": {}}, [], "files../nginx.conf", "named by no bind mount", "remove it"),
    ("an absolute path", {"/etc/x": {}}, ["/etc/x:/x"], "files./etc/x", "is not a relative path", "the host's own"),
    (
        "content and source",
        {"a": {"content": "x", "source": "nginx.conf"}},
        ["./a:/x"],
        "files.a",
        "has content and source",
        "keep content",
    ),
    ("content and on_host", {"a": {"content": "x", "on_host": True}}, ["./a:/x"], "files.a", "has content and on_host", "keep content"),
    ("patterns of a text", {"a": {"content": "x", "patterns": ["*"]}}, ["./a:/x"], "files.a.patterns", "is of no use", "remove it"),
    ("a mode", {"nginx.conf": {"mode": "rw"}}, ["./nginx.conf:/x"], "files.nginx.conf.mode", "is not a mode", "in octal"),
    ("an owner by name", {"nginx.conf": {"owner": "www"}}, ["./nginx.conf:/x"], "files.nginx.conf.owner", "whole number", "write a number"),
    ("content a list", {"a": {"content": ["x"]}}, ["./a:/x"], "files.a.content", "single value", "as a string"),
    ("a misspelt key", {"a": {"contents": "x"}}, ["./a:/x"], "files.a.contents", "not a key", "did you mean content?"),
    ("no mapping", ["nginx.conf"], ["./nginx.conf:/x"], "files", "must be a mapping", "write a mapping"),
    ("a key in it", {"a": {"content": "-----BEGIN PRIVATE KEY-----"}}, ["./a:/x"], "files.a", "looks like a secret", "kind template"),
]


@pytest.mark.parametrize(("files", "volumes", "key", "problem", "fix"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_refused_by_name(folder: Path, files: Any, volumes: list[Any], key: str, problem: str, fix: str) -> None:
    found = problems(stack(folder, files, *volumes))
    assert any(item.key == key and problem in item.problem and fix in item.fix for item in found), report(found)
    assert "BEGIN PRIVATE" not in report(found)


def test_configs_and_secrets_are_named_too(folder: Path) -> None:
    service = {"configs": ["c"], "secrets": ["s"]}
    top = {"configs": {"c": {"file": "./c"}, "unused": {"file": "./u"}}, "secrets": {"s": {"file": "./s"}}}
    found = {item.key: item.fix for item in problems(stack(folder, {}, service=service, **top))}
    assert set(found) == {"compose.configs.c.file", "compose.secrets.s.file"}
    assert "content: of the config" in found["compose.configs.c.file"]
    assert "declare secrets: {s:" in found["compose.secrets.s.file"]


def test_a_secret_is_not_carried(folder: Path) -> None:
    found = problems(stack(folder, {"./nginx.conf": {}}, service={"secrets": ["s"]}, secrets={"s": {"file": "./nginx.conf"}}))
    assert [item.key for item in found] == ["compose.secrets.s.file"]


def test_links_sockets_and_sizes(folder: Path) -> None:
    (folder / "conf/inside.yml").symlink_to("a.yml")
    assert "inside.yml" in [item.path for item in carried(stack(folder, {"./conf": {}}, "./conf:/c"))[0].files]
    for make, problem in (
        (lambda: (folder / "conf/out.yml").symlink_to(folder.parent / "outside"), "leaves compose_folder"),
        (lambda: (folder / "conf/out.yml").symlink_to("rules"), "no plain file"),
        (lambda: (folder / "conf/out.yml").symlink_to("nowhere"), "no plain file"),
        (lambda: (folder / "conf/out.yml").write_bytes(b"x" * (LARGEST + 1)), "larger than 1 MiB"),
        (lambda: [(folder / f"conf/{number}").write_text("x") for number in range(MOST_FILES)], f"more than {MOST_FILES} files"),
    ):
        (folder / "conf/out.yml").unlink(missing_ok=True)
        make()
        found = problems(stack(folder, {"./conf": {}}, "./conf:/c"))
        assert [item.key for item in found] == ["files../conf"], report(found)
        assert problem in found[0].problem


def test_all_together_have_a_limit(folder: Path) -> None:
    names = [f"big{number}" for number in range(5)]
    for name in names:
        (folder / name).write_bytes(b"x" * (LARGEST - 1))
    found = problems(stack(folder, {name: {} for name in names}, *(f"./{name}:/{name}" for name in names)))
    assert [item.key for item in found] == ["files"], report(found)


def test_an_empty_folder_that_is_meant(folder: Path) -> None:
    volume = {"type": "bind", "source": "./data", "target": "/data", "bind": {"create_host_path": True}}
    assert mounted(stack(folder, {}, volume)) == [volume]


def test_a_file_that_is_reloaded_has_one_place(folder: Path) -> None:
    volume, files = "./nginx.conf:/etc/nginx.conf", {"./nginx.conf": {"reload": {"service": "web"}}}
    (mount,) = mounted(stack(folder, files, volume))
    before = compose_project(load(stack(folder, files, volume)))[EXTENSION]["reload"]
    (folder / "nginx.conf").write_text("events { }")
    after = compose_project(load(stack(folder, files, volume)))[EXTENSION]["reload"]
    assert mounted(stack(folder, files, volume)) == [mount] == [f"{before[0]['path']}:/etc/nginx.conf:ro"]
    assert [{**item, "source": ""} for item in before] == [{**item, "source": ""} for item in after]
    assert before[0]["source"] != after[0]["source"]
    assert (before[0]["service"], before[0]["signal"]) == ("web", "HUP")


@pytest.mark.parametrize(
    ("reload", "key", "fix"),
    [
        ({"service": "api"}, "files.nginx.conf.reload.service", "remove reload:"),
        ({"service": "other"}, "files.nginx.conf.reload.service", "name the one service"),
        ({"signal": "HUP"}, "files.nginx.conf.reload.service", "add service"),
        ({"service": "web", "signal": "KILL"}, "files.nginx.conf.reload.signal", "HUP, USR1, USR2"),
        ("web", "files.nginx.conf.reload", "write a mapping"),
    ],
)
def test_a_reload_that_cannot_be(folder: Path, reload: Any, key: str, fix: str) -> None:
    declared = stack(folder, {"nginx.conf": {"reload": reload}}, "./nginx.conf:/n")
    declared["compose"]["services"]["api"] = {"image": "a:1", "volumes": ["./nginx.conf:/n"] if reload == {"service": "api"} else []}
    found = problems(declared)
    assert any(item.key == key and fix in item.fix for item in found), report(found)


def test_a_plain_secret_can_be_waived(folder: Path) -> None:
    declared = stack(folder, {"a": {"content": "url: postgres://a:b@c/d"}}, "./a:/a")
    assert [item.key for item in problems(declared)] == ["files.a"]
    assert problems({**declared, "services": {"web": {"allow": ["plain_secret"]}}}) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "0" * 12},
        {"name": "../x"},
        {"files": [{"content": "eA==", "path": "/etc/passwd"}]},
        {"files": [{"content": "eA==", "path": "a/../../x"}]},
    ],
)
def test_a_host_refuses_what_is_not_what_it_says(folder: Path, wrong: dict[str, Any]) -> None:
    (given,) = carried_files(load(stack(folder, {"./nginx.conf": {}}, "./nginx.conf:/x")))
    assert Carried.from_dict(given).files[0].content == base64.b64encode(b"events {}\n").decode()
    with pytest.raises(ContractError):
        Carried.from_dict({**given, **wrong})
