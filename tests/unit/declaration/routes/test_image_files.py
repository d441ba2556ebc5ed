# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images that nginx gives out: what a release is told to take out, and where nginx looks."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.contracts.static_files import folder_name, static_files_of
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes import derive

from ..samples import changed

STATIC: dict[str, Any] = {"immutable": ["/assets", "/fonts/"], "image_files": "/app/dist/"}


def test_paths_of_browsers_are_folders_of_the_image() -> None:
    declaration = load(changed(("routes[0].static", STATIC)))
    (files,) = static_files_of(compose_project(declaration))
    assert (files.name, files.service, files.keep) == ("app.example.com", "web", 7 * 86400)
    assert files.folders == {"/assets": "/app/dist/assets", "/fonts": "/app/dist/fonts"}
    static = derive.nginx_sites(declaration)[0]["locations"][0]["static"]
    place = f"/var/lib/latentum-ops/static/{declaration.name}/app.example.com"
    assert static == {"immutable": ["/assets", "/fonts"], "fallback": "", "directory": place}


def test_a_prefix_that_is_stripped_is_none_of_the_image() -> None:
    route = {"domain": "app.example.com", "path": "/shop", "service": "web", "port": 8080}
    kept = {**route, "static": {"immutable": ["/shop/assets"], "image_files": "/", "keep": "1d"}}
    stripped = {**kept, "path": "/stripped", "strip_prefix": True, "static": {"immutable": ["/stripped/assets"], "image_files": "/app"}}
    declaration = load(changed(("routes", [kept, stripped])))
    one, two = static_files_of(compose_project(declaration))
    assert (one.folders, one.keep) == ({"/shop/assets": "/shop/assets"}, 86400) and two.folders == {"/stripped/assets": "/app/assets"}
    assert len({one.name, two.name, folder_name("app.example.com", "/")}) == 3


def test_a_project_without_any_is_what_it_was() -> None:
    assert "x-latentum-ops" not in compose_project(load(changed(("routes[0].static", {"immutable": ["/assets"]}))))


def test_turned_on_it_replaces_no_container() -> None:
    before, after = compose_project(load(changed())), compose_project(load(changed(("routes[0].static", STATIC))))
    assert before["services"] == after["services"]


def test_a_path_leads_to_one_place() -> None:
    route = {"domain": "app.example.com", "service": "web", "port": 8080}
    shop = {**route, "path": "/shop", "static": {"immutable": ["/shop/assets"], "image_files": "/app"}}
    both = {**route, "static": {"immutable": ["/shop/assets", "/old", "/all", "/all/fonts"], "image_files": "/app"}}
    stack = changed(("routes", [shop, both]), ("redirects", [{"domain": "app.example.com", "path": "/old", "to": "/new"}]))
    found = {problem.key: problem.fix for problem in problems(stack)}
    assert found == {
        "routes[1].static.immutable[0]": "write a folder below the path of the route, or remove image_files",
        "routes[1].static.immutable[1]": "write a folder below the path of the route, or remove image_files",
        "routes[1].static.immutable[3]": "remove it",
    }


def test_beside_authentication_it_is_refused() -> None:
    auth = {"basic": {"users": {"ada": "ada_password"}}}
    stack = changed(("routes[0].static", STATIC), ("routes[0].auth", auth), ("secrets.ada_password", {"kind": "password"}))
    (found,) = [problem for problem in problems(stack) if "static" in problem.key]
    assert found.key == "routes[0].static.image_files" and "so that the service gives out its files" in found.fix
