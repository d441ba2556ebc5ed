# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build context in a checkout, and the ways out of it that are closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds.access import BuildRefused
from ansible_collections.latentum.ops.plugins.module_utils.builds.context import context_of
from ansible_collections.latentum.ops.plugins.module_utils.contracts.image_build import ImageBuild


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "services/web").mkdir(parents=True)
    (root / "services/web/Dockerfile").write_text("FROM scratch\n")
    (root / "Dockerfile.all").write_text("FROM scratch\n")
    (root / "inside").symlink_to("services/web")
    (root / "outside").symlink_to("/etc")
    (root / "up").symlink_to("..")
    (root / "circle").symlink_to("circle")
    (root / "services/web/passwd").symlink_to("/etc/passwd")
    return root


def build(**options: Any) -> ImageBuild:
    return ImageBuild("web", "https://git.example.com/web.git", "v1", **options)


@pytest.mark.parametrize("context", ["services/web", "inside"])
def test_a_folder_also_by_a_link_that_stays_inside(checkout: Path, context: str) -> None:
    found = context_of(build(context=context), checkout)
    assert (found.folder, found.dockerfile) == (checkout / "services/web", checkout / "services/web/Dockerfile")


def test_a_dockerfile_beside_the_context_but_inside_the_repository(checkout: Path) -> None:
    found = context_of(build(context="services/web", dockerfile="../../Dockerfile.all"), checkout)
    assert found.dockerfile == checkout / "Dockerfile.all"


def test_a_dockerfile_that_the_compose_file_has_itself(checkout: Path) -> None:
    assert context_of(build(options={"dockerfile_inline": "FROM scratch"}), checkout).dockerfile is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"context": "outside"}, "builds.web.context: outside is a symbolic link that leads out of the repository"),
        ({"context": "up"}, "builds.web.context: up is a symbolic link that leads out"),
        ({"context": "circle"}, "builds.web.context: circle"),
        ({"context": "services/api"}, "services/api is no folder of the repository at v1"),
        ({"context": "Dockerfile.all"}, "is no folder"),
        ({"context": "."}, "there is no Dockerfile in ."),
        ({"context": "services/web", "dockerfile": "passwd"}, "builds.web.dockerfile: passwd is a symbolic link that leads out"),
        ({"context": "services/web", "dockerfile": "../../../secret"}, "builds.web.dockerfile: ../../../secret is a"),
        ({"context": "services/web", "dockerfile": "Dockerfile.dev"}, "there is no Dockerfile.dev in services/web"),
    ],
)
def test_what_is_refused(checkout: Path, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BuildRefused) as refused:
        context_of(build(**options), checkout)
    assert problem in str(refused.value)
