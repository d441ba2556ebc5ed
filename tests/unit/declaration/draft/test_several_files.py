# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A beginning from several Compose files, with includes, extended services, profiles and relative paths."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.inventory import draft_from
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.model import Draft
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.text import inventory_files
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems, report
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused

FILES = {
    "docker-compose.yml": "services:\n  web: {build: ., ports: ['8080:8080'], environment: {DEBUG: '1'}, volumes: ['./conf:/c:ro']}\n",
    "docker-compose.prod.yml": "include: [db/db.yml]\nservices: {web: {image: 'r.example.com/w:1', environment: {DEBUG: !reset null}}}",
    "db/db.yml": "services:\n  db: {extends: {file: base.yml, service: base}, image: 'postgres:17'}\n  dev: {build: ., profiles: [dev]}\n",
    "db/base.yml": "services: {base: {environment: {POSTGRES_PASSWORD: x}, volumes: ['data:/var/lib/pg']}}\n",
}


def drafted(files: Sequence[str], profiles: Sequence[str] = ()) -> Draft:
    return draft_from(files, FILES.get, "shop", "shop.example.com", "ops@example.com", profiles)


BOTH = ("docker-compose.yml", "docker-compose.prod.yml")


def test_a_base_an_override_and_an_include_are_one_file() -> None:
    draft = drafted(BOTH)
    services = draft.compose["services"]
    assert set(services) == {"web", "db"}
    assert "environment" not in services["web"] or "DEBUG" not in services["web"]["environment"]
    assert services["web"]["image"] == "r.example.com/w:1"
    assert draft.stack["routes"] == [{"domain": "shop.example.com", "service": "web", "port": 8080}]
    assert draft.stack["files"] == {"./conf": {"on_host": True}}


def test_services_of_profiles_stay_as_they_are() -> None:
    draft = drafted(BOTH)
    assert list(draft.off) == ["dev"]
    assert any("dev" in note and "init_profiles" in note for note in draft.notes)
    written = yaml.safe_load(inventory_files(draft, "docker-compose.yml")["group_vars/all/compose.yml.j2"])
    assert written["services"]["dev"] == {"build": "./db", "profiles": ["dev"]}
    draft = drafted(BOTH, ["dev"])
    assert (draft.off, draft.stack["profiles"]) == ({}, ["dev"])
    assert "profiles: [dev]" in inventory_files(draft, "docker-compose.yml")["group_vars/all/stack.yml"]


def test_what_is_written_passes_the_check() -> None:
    files = ["docker-compose.yml", "docker-compose.prod.yml", "volumes.yml"]
    draft = draft_from(files, {**FILES, "volumes.yml": "volumes: {data: {}}"}.get, "shop", "shop.example.com", "ops@example.com")
    assert not problems(draft.answered(draft.questions)), report(problems(draft.answered(draft.questions)))


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (("docker-compose.yml", "no.yml"), "no.yml, which is not there"),
        (("broken.yml",), "broken.yml is not valid YAML in line 2"),
        (("far.yml",), "is fetched from elsewhere"),
        (("off.yml",), "has services of profiles alone"),
    ],
)
def test_what_cannot_be_begun_with(files: Sequence[str], problem: str) -> None:
    more = {
        "broken.yml": "services: [",
        "far.yml": "include: ['https://example.com/a.git']",
        "off.yml": "services: {a: {image: 'a:1', profiles: [x]}}",
    }
    with pytest.raises(Refused, match=problem):
        draft_from(files, {**FILES, **more}.get, "shop", "shop.example.com", "ops@example.com")
