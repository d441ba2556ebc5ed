# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose files from a folder of the controller: what is read, what is refused, and where messages say that something stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem, Refused
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_folder import LARGEST, ComposeFolder, complete

WEB = "services:\n  web:\n    image: web:1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "inc").mkdir(parents=True)
    (app / "docker-compose.yml").write_text(WEB)
    (tmp_path / "secret.yml").write_text("services: {}")
    return app


def declared(folder: Path, *files: Any, **more: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "compose": [{"file": file} if isinstance(file, str) else file for file in files],
        "compose_folder": str(folder),
        **more,
    }


def problems(stack: dict[str, Any]) -> tuple[Problem, ...]:
    return loader.problems(complete(stack))


def test_files_are_read_once_and_kept_with_the_declaration(folder: Path) -> None:
    (folder / "prod.yml").write_text("services: {web: {extends: {file: inc/base.yml, service: base}}}")
    (folder / "inc/base.yml").write_text("services: {base: {command: x}}")
    stack = complete(declared(folder, "docker-compose.yml", "prod.yml"))
    (folder / "prod.yml").unlink()
    assert loader.load(stack).compose.raw["services"] == {"web": {"image": "web:1", "command": "x"}}


def test_a_changed_file_is_another_declaration(folder: Path) -> None:
    stack = declared(folder, "docker-compose.yml")
    assert loader.load(complete(stack)).compose.services["web"].image is not None
    (folder / "docker-compose.yml").write_text(WEB.replace("web:1", "web:2"))
    image = loader.load(complete(stack)).compose.services["web"].image
    assert image is not None
    assert image.tag == "2"


def test_a_template_beside_a_file(folder: Path) -> None:
    over = {"file": "prod.yml", "content": "services: {web: {comand: x}}"}
    (problem,) = problems(declared(folder, "docker-compose.yml", over))
    assert (problem.key, problem.problem) == ("compose.services.web.comand", "is not a key of a Compose file here (prod.yml, line 1)")


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("compose.services.web.privilegd", "prod.yml, line 4"),
        ("compose.services.web.pid", "inc/base.yml, line 4"),
        ("compose.services.db.ports", "inc/db.yml, line 5"),
        ("compose.services.web.cap_add[1]", "docker-compose.yml, line 5"),
    ],
)
def test_problems_name_the_file_and_the_line(folder: Path, key: str, place: str) -> None:
    (folder / "docker-compose.yml").write_text(f"include: [inc/db.yml]\n{WEB}    cap_add: [A, 5]\n")
    (folder / "prod.yml").write_text("services:\n  web:\n    extends: {file: inc/base.yml, service: base}\n    privilegd: true\n")
    (folder / "inc/base.yml").write_text("services:\n  base:\n    image: b:1\n    pid: host\n")
    (folder / "inc/db.yml").write_text(
        "services:\n  db:\n    image: db:1\n    networks: [n]\n    ports: ['5432:5432']\nnetworks: {n: {internal: false}}\n"
    )
    found = [problem for problem in problems(declared(folder, "docker-compose.yml", "prod.yml")) if problem.key == key]
    assert found, loader.report(problems(declared(folder, "docker-compose.yml", "prod.yml")))
    assert f"({place})" in found[0].problem


def test_links_are_followed_inside_the_folder_only(folder: Path) -> None:
    (folder / "inside.yml").symlink_to(folder / "docker-compose.yml")
    (folder / "outside.yml").symlink_to(folder.parent / "secret.yml")
    assert ComposeFolder(str(folder)).text("inside.yml") == WEB
    with pytest.raises(Refused, match="leaves compose_folder"):
        ComposeFolder(str(folder)).text("outside.yml")
    with pytest.raises(Refused, match="leaves compose_folder"):
        ComposeFolder(str(folder)).text("../secret.yml")


def test_what_is_no_text(folder: Path) -> None:
    (folder / "binary.yml").write_bytes(b"\xff\xfe\x00")
    (folder / "large.yml").write_bytes(b"#" * (LARGEST + 1))
    for name, problem in (("binary.yml", "no text in UTF-8"), ("large.yml", "larger than 1 MiB"), ("inc", "is no file")):
        (found,) = problems(declared(folder, name))
        assert found.key == "compose"
        assert problem in found.problem


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (found,) = problems(declared(tmp_path / "nowhere", "a.yml"))
    assert "is no folder of the controller" in found.problem
    assert found.fix == "correct compose_folder"


def test_a_mapping_in_the_inventory_needs_no_folder() -> None:
    stack = {"name": "shop", "compose": [{"services": {"web": {"image": "w:1"}}}, "services: {web: {command: x}}"]}
    assert loader.load(complete(stack)).compose.raw["services"]["web"] == {"image": "w:1", "command": "x"}


def test_what_is_off_is_listed(folder: Path) -> None:
    (folder / "docker-compose.yml").write_text(f"{WEB}  mail: {{image: 'm:1', profiles: [dev]}}\n")
    stack = complete(declared(folder, "docker-compose.yml", services={"mail": {"replicas": 2}}))
    assert loader.names(loader.load(stack)) == ["stack shop: web", "left out: mail (profile dev)"]
