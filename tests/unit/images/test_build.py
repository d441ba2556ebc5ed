# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built again, and what is not."""

from __future__ import annotations

from pathlib import Path

import build
import pytest

MARKET_ML = {f"market-ml/{name}" for name in build.MARKET_ML}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the recipes that a test may change."""
    for path in build.HERE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = tmp_path / path.relative_to(build.HERE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    monkeypatch.setattr(build, "HERE", tmp_path)
    return tmp_path


def recipes() -> dict[str, str]:
    return {image.short.split("/")[-1]: image.recipe for image in build.plan() if image.pushed}


def application_recipes() -> dict[str, str]:
    return {image.short: image.recipe for image in build.application_plan() if image.pushed}


def changed(before: dict[str, str]) -> set[str]:
    after = recipes()
    return {name.split(":")[0] for name in before if before[name] != after[name]}


def test_every_image_comes_after_its_parent() -> None:
    there = {build.base_name()}
    for image in [*build.plan(), *build.application_plan()]:
        assert image.parent in there
        there.add(image.reference)


def test_the_same_tree_gives_the_same_recipes(tree: Path) -> None:
    before = recipes()
    (tree / "app/latentum_sample/__pycache__").mkdir()
    (tree / "app/latentum_sample/__pycache__/web.pyc").write_bytes(b"x")
    assert changed(before) == set()


@pytest.mark.parametrize(
    ("file", "rebuilt"),
    [
        ("app/latentum_sample/web.py", {"api-gateway", "model-server", "worker"}),
        ("app/healthcheck", {"api-gateway", "model-server", "worker"}),
        ("worker/Dockerfile", {"worker"}),
        ("postgres/entrypoint.sh", {"postgres"}),
        ("redis/Dockerfile", {"redis"}),
    ],
)
def test_a_change_builds_what_it_is_part_of(tree: Path, file: str, rebuilt: set[str]) -> None:
    before = recipes()
    (tree / file).write_text((tree / file).read_text() + "# changed\n")
    assert changed(before) == rebuilt


def test_versions_differ() -> None:
    gateways = {name: recipe for name, recipe in recipes().items() if name.startswith("api-gateway:")}
    tags = [*build.VERSIONS, *build.BROKEN, *build.FAULTY]
    assert set(gateways) == {f"api-gateway:{tag}" for tag in tags}
    assert len(set(gateways.values())) == len(tags)


@pytest.mark.parametrize(
    ("file", "rebuilt"),
    [
        ("neurocore/neurocore/tasks.py", {"neurocore/api"}),
        ("neurocore/migrations/versions/0001_chapters.py", {"neurocore/api"}),
        ("frontend/site/index.html", {"neurocore/frontend"}),
        ("pgvector/Dockerfile", {"neurocore/postgres"}),
        ("market_ml/market_ml/serving.py", MARKET_ML),
        ("kafka/kafka_stand_in.py", {"market-ml/kafka"}),
        ("packages/market-ml.txt", {*MARKET_ML, "market-ml/mlflow"}),
        ("packages/neurocore.txt", {"neurocore/api"}),
        ("runtime/Dockerfile", {*MARKET_ML, "neurocore/api", "market-ml/mlflow", "market-ml/kafka", "latentum/echo"}),
    ],
)
def test_a_change_of_an_application_builds_what_it_is_part_of_and_nothing_of_latentum(tree: Path, file: str, rebuilt: set[str]) -> None:
    ours, before = recipes(), application_recipes()
    path = tree / "applications" / file
    path.write_text(path.read_text() + "# changed\n")
    after = application_recipes()
    assert {name.split(":")[0] for name in before if before[name] != after[name]} == rebuilt
    assert recipes() == ours


def test_vectors_follow_the_database_that_they_are_added_to(tree: Path) -> None:
    before = application_recipes()
    (tree / "postgres/entrypoint.sh").write_text("# changed\n")
    after = application_recipes()
    assert [name for name in before if before[name] != after[name]] == ["neurocore/postgres:17"]


@pytest.mark.parametrize("application", build.PACKAGES)
def test_packages_have_one_version_each(application: str) -> None:
    lines = (build.HERE / f"applications/packages/{application}.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert all(line.count("==") == 1 for line in lines) and names == sorted(set(names))
