# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built, what is not built again, and what is refused, with real repositories and a program in place of Docker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds import records
from ansible_collections.latentum.ops.plugins.module_utils.builds.access import BuildRefused
from ansible_collections.latentum.ops.plugins.module_utils.builds.builder import Builder, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.builds.buildkit import BuildFailed, teller
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress

from .conftest import FakeDocker, Origin, build_of, git

PUSH = "registry.example.com/shop/web"


def builder(**options: Any) -> Builder:
    return Builder("shop", Progress("shop", "test"), protocols=["https", "file"], **{"wait": 0, **options})


def carry_out(origin: Origin, rebuild: tuple[str, ...] = (), **more: Any) -> Outcome:
    return builder(rebuild=rebuild).carry_out([build_of(origin, **more)])


def head(origin: Origin) -> str:
    return git(origin.folder, "rev-parse", "HEAD")


def test_an_image_that_stays_here_is_named_by_its_id(origin: Origin, docker: FakeDocker, host: Path) -> None:
    outcome = carry_out(origin, context="services/web", args={"A": "$1"}, target="production")
    (made,) = docker.built
    build = made["project"]["services"]["web"]["build"]
    assert (outcome.images, outcome.built) == ({"web": f"sha256:{1:064d}"}, ["web"])
    assert made["tag"].startswith("localhost/shop/web:v1-")
    assert made["files"] == ["Dockerfile"] and build["context"].endswith("/source/services/web")
    assert (build["target"], build["args"]) == ("production", {"A": "$$1"})  # Compose makes one of two
    assert made["labels"]["org.opencontainers.image.revision"] == head(origin)
    assert made["environment"]["COMPOSE_BAKE"] == "false"
    assert list((host / "builds/shop").glob("checkout-*")) == []


def test_a_second_run_builds_nothing(origin: Origin, docker: FakeDocker) -> None:
    first = carry_out(origin)
    second = carry_out(origin)
    assert (second.images, second.built, len(docker.built)) == (first.images, [], 1)


@pytest.mark.parametrize(
    "change",
    [
        {"context": "services/web"},
        {"args": {"A": "2"}},
        {"target": "b"},
        {"options": {"labels": {"a": "b"}}},
        {"secrets": {"a": "/dev/null"}},
    ],
)
def test_other_inputs_are_another_image(origin: Origin, docker: FakeDocker, change: dict[str, Any]) -> None:
    carry_out(origin)
    assert carry_out(origin, **change).built == ["web"]
    assert len({made["tag"] for made in docker.built}) == 2


@pytest.mark.parametrize("change", [{"host": "other"}, {"timeout": 7.0}, {"known_hosts": ("x",)}])
def test_the_way_to_the_sources_is_no_input(origin: Origin, docker: FakeDocker, change: dict[str, Any]) -> None:
    carry_out(origin)
    assert carry_out(origin, **change).built == []


def test_an_image_that_somebody_has_removed_is_built_again(origin: Origin, docker: FakeDocker) -> None:
    carry_out(origin)
    docker.removed.append(f"sha256:{1:064d}")
    assert carry_out(origin).built == ["web"]


def test_a_tag_that_has_moved_is_refused_with_both_commits(origin: Origin, docker: FakeDocker) -> None:
    carry_out(origin)
    before = head(origin)
    after = origin.commit()
    origin.tag("v1")
    with pytest.raises(BuildRefused, match=f"is commit {after} now, and was {before} when") as refused:
        carry_out(origin)
    assert "stack_rebuild: [web]" in str(refused.value) and len(docker.built) == 1
    with pytest.raises(BuildRefused):
        builder().check([build_of(origin)])
    with pytest.raises(BuildRefused):
        carry_out(origin, args={"OTHER": "1"})


def test_a_moved_tag_is_taken_when_somebody_says_so_and_is_no_surprise_afterwards(origin: Origin, docker: FakeDocker) -> None:
    carry_out(origin)
    after = origin.commit()
    origin.tag("v1")
    outcome = carry_out(origin, ("web",))
    assert (outcome.built, outcome.wanted[0].commit) == (["web"], after)
    assert carry_out(origin).built == []


def test_a_tag_made_anew_of_the_same_commit_has_not_moved(origin: Origin, docker: FakeDocker) -> None:
    carry_out(origin)
    origin.tag("v1", "--annotate", "--message=again")
    assert carry_out(origin).built == []


def test_check_mode_says_what_would_be_built_and_fetches_nothing(origin: Origin, docker: FakeDocker, host: Path) -> None:
    outcome = builder().check([build_of(origin)])
    assert (outcome.built, outcome.images, docker.built) == (["web"], {}, [])
    assert outcome.wanted[0].sentence().startswith(f"web: {origin.address} at v1 ({head(origin)[:12]}) -> localhost/shop/web:v1-")
    assert not (host / "builds").exists()
    carry_out(origin)
    assert builder().check([build_of(origin)]).built == []


def test_check_mode_on_a_host_without_git(origin: Origin, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    monkeypatch.setenv("PATH", str(host))
    assert builder().check([build_of(origin)]).built == ["web"]


def test_a_failing_build_changes_nothing_and_says_its_last_lines(origin: Origin, docker: FakeDocker, host: Path) -> None:
    origin.commit({"broken": "yes"})
    origin.tag("v2")
    with pytest.raises(BuildFailed, match=r"the build of web from v2 .* failed \(exit status 17\); nothing was changed") as failed:
        carry_out(origin, revision="v2")
    assert "no rule to make target" in str(failed.value)
    assert records.load("shop") == [] and list((host / "builds/shop").glob("checkout-*")) == []


def test_a_build_that_takes_too_long_is_ended(origin: Origin, docker: FakeDocker) -> None:
    origin.commit({"sleep": "yes"})
    origin.tag("v2")
    with pytest.raises(BuildFailed, match=r"did not end within 2 s \(builds.web.timeout\)"):
        carry_out(origin, revision="v2", timeout=2.0)


def test_all_images_are_judged_before_the_first_is_built(origin: Origin, docker: FakeDocker) -> None:
    with pytest.raises(BuildRefused, match="has no tag v9"):
        builder().carry_out([build_of(origin), build_of(origin, service="worker", revision="v9")])
    assert docker.built == []


def test_an_image_that_is_pushed_is_named_by_the_digest_of_its_registry(origin: Origin, docker: FakeDocker) -> None:
    outcome = carry_out(origin, push=PUSH)
    (made,) = docker.built
    assert docker.pushed == [made["tag"]] and made["tag"].startswith(f"{PUSH}:v1-")
    assert outcome.images == {"web": f"{made['tag']}@sha256:{1:064x}"}
    docker.removed.append(f"sha256:{1:064d}")  # the registry has it
    assert carry_out(origin, push=PUSH).images == outcome.images


def test_another_host_that_builds_finds_the_image_in_the_registry(origin: Origin, docker: FakeDocker) -> None:
    reference = build_of(origin, push=PUSH).reference("shop", head(origin))
    docker.registry[reference] = "sha256:abc"
    outcome = carry_out(origin, push=PUSH)
    assert (outcome.images, outcome.built) == ({"web": f"{reference}@sha256:abc"}, [])


def test_a_repository_that_is_away_stops_no_run_without_a_change(origin: Origin, docker: FakeDocker) -> None:
    image = carry_out(origin).images
    commit = head(origin)
    origin.folder.rename(origin.folder.with_name("away"))
    outcome = carry_out(origin)
    assert (outcome.images, outcome.built) == (image, [])
    assert f"whether v1 is still {commit}" in outcome.notes[0]
    with pytest.raises(CommandError):
        carry_out(origin, args={"A": "other"})
    with pytest.raises(CommandError):
        carry_out(origin, ("web",))


def test_a_whole_commit_id_asks_nobody(origin: Origin, docker: FakeDocker) -> None:
    commit = head(origin)
    carry_out(origin, revision=commit)
    origin.folder.rename(origin.folder.with_name("away"))
    outcome = carry_out(origin, revision=commit)
    assert (outcome.built, outcome.notes) == ([], [])


def test_secrets_reach_the_build_by_files_and_are_shown_nowhere(
    origin: Origin, docker: FakeDocker, secret: Callable[[str, str], None], host: Path
) -> None:
    secret("npm_token", "sw0rdfish-token")
    (host / "netrc").write_text("machine example.com password hunter2hunter2\n")
    origin.commit({"broken": "yes"})
    origin.tag("v2")
    progress = Progress("shop", "test")
    with pytest.raises(BuildFailed) as failed:
        Builder("shop", progress, protocols=["file"]).carry_out(
            [build_of(origin, revision="v2", secrets={"npm": "npm_token", "netrc": str(host / "netrc")})]
        )
    seen = "\n".join([str(failed.value), *progress.lines, (docker.folder / "calls").read_text()])
    assert "secret is ****" in seen and "sw0rdfish" not in seen and "hunter2" not in seen


def test_lines_of_a_build_are_shown_without_its_secrets() -> None:
    progress = Progress("shop", "test", silent=True)
    tell = teller("web", ["hunter2hunter2"], progress)
    for line in ("#5 [web 2/3] RUN login hunter2hunter2", "#5 0.1 hunter2hunter2"):
        tell(line)
    assert len(progress.lines) == 2 and "hunter2" not in "".join(progress.lines)


def test_a_secret_that_is_not_here_is_named_before_anything_is_fetched(origin: Origin, docker: FakeDocker) -> None:
    with pytest.raises(BuildRefused, match=r"builds.web.secrets.npm: .*/secrets/shop/npm_token cannot be read"):
        carry_out(origin, secrets={"npm": "npm_token"})
    assert docker.built == []


def test_compose_that_builds_by_buildx_alone_needs_it(origin: Origin, docker: FakeDocker) -> None:
    (docker.folder / "version").write_text("v5.0.1")
    with pytest.raises(BuildRefused, match="needs buildx, which is not installed: add its package to stack_build_packages"):
        carry_out(origin)
    (docker.folder / "buildx").touch()
    assert carry_out(origin).built == ["web"]


def test_two_runs_do_not_build_at_once(origin: Origin, docker: FakeDocker) -> None:
    with builder()._locked(), pytest.raises(BuildRefused, match="another run builds images of shop on this host"):
        carry_out(origin)


def test_what_a_killed_build_left_is_cleared_away(origin: Origin, docker: FakeDocker, host: Path) -> None:
    (host / "builds/shop/checkout-dead/source").mkdir(parents=True)
    carry_out(origin)
    assert list((host / "builds/shop").glob("checkout-*")) == []
