# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack whose image is built on the host: built once, released, rolled back without a build, refused where it is not what was pinned."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HOST, changes, execute, only, playbook, sh, untouched

pytestmark = pytest.mark.matrix

BASE = "registry.example.test:5000/latentum/model-server:1.0.0"
DOCKERFILE = f"FROM {BASE}\nARG SHELF\nLABEL shelf=$SHELF\nCOPY book /book\n"
CONTAINERS = "docker ps --quiet --filter label=com.docker.compose.project=books"


class Origin:
    """A repository that is made here, and lies on the host: it has no git before the role has installed it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        people = {f"GIT_{who}_{what}": "a@example.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **people, "GIT_CONFIG_GLOBAL": "/dev/null"}
        done = subprocess.run(["git", "-C", str(self.folder), *arguments], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def publish(self, book: str, tag: str, dockerfile: str = DOCKERFILE) -> str:
        """A commit under a tag, brought to the host; its id."""
        (self.folder / "Dockerfile").write_text(dockerfile)
        (self.folder / "book").write_text(f"{book}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", book)
        self.git("tag", "--force", tag)
        sh("rm -rf /srv/origin")
        copied = execute(["docker", "cp", str(self.folder), f"{HOST}:/srv/origin"])
        assert copied.returncode == 0, copied.stderr
        sh("chown -R root:root /srv/origin")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """The repository, and the end of the stack."""
    yield Origin(tmp_path_factory.mktemp("origin"))
    gone = {"ops_stack_name": "books", "remove_stack_confirm": True, "remove_stack_backup": False, "remove_stack_volumes": True}
    done = playbook("remove_stack", gone)
    assert done.returncode == 0, done.stdout[-3000:]
    assert sh("ls -d /var/lib/latentum-ops/builds/books", check=False) == ""
    sh("rm -rf /srv/origin")


def run(name: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """A playbook by an inventory that knows this stack alone."""
    return playbook(name, only("books"), {"stack_build_protocols": ["file"], **variables})


def books() -> set[str]:
    """What the containers that run have been built with."""
    return {sh(f"docker exec {container} cat /book") for container in sh(CONTAINERS).split()}


def state() -> dict[str, str]:
    """What a run that is refused must leave as it is."""
    return {
        "containers": sh(f"{CONTAINERS} --no-trunc | sort"),
        "records": sh("sha256sum /var/lib/latentum-ops/builds/books/records.json"),
        "images": sh("docker image ls --no-trunc --quiet localhost/books/web | sort"),
        "live": sh("cat /var/lib/latentum-ops/stacks/books/live.json"),
        "checkouts": sh("find /var/lib/latentum-ops/builds/books -name 'checkout-*'"),
    }


def test_an_image_is_built_of_the_commit_and_the_release_names_it(origin: Origin) -> None:
    commit = origin.publish("first", "v1")
    with untouched("blog"):
        done = run("site")
    assert done.returncode == 0 and "build web: " in done.stdout, done.stdout[-3000:]
    assert books() == {"first"}
    (image,) = set(sh(f"docker inspect --format '{{{{.Image}}}}' $({CONTAINERS})").split())
    labels = json.loads(sh(f"docker image inspect --format '{{{{json .Config.Labels}}}}' {image}"))
    assert (labels["org.opencontainers.image.revision"], labels["shelf"]) == (commit, "a")
    assert image in sh("opsctl releases --stack books --json")


def test_a_second_run_builds_nothing_and_changes_nothing(origin: Origin) -> None:
    before = state()
    done = run("site")
    assert done.returncode == 0 and changes(done.stdout) == [] and "build web: " not in done.stdout, done.stdout[-3000:]
    assert state() == before


def test_check_mode_says_what_would_be_built(origin: Origin) -> None:
    commit, before = origin.publish("second", "v2"), state()
    done = playbook(
        "rolling_update", only("books"), {"stack_build_protocols": ["file"], "books_revision": "v2"}, arguments=("--check", "--diff")
    )
    assert done.returncode == 0 and f"web: file:///srv/origin at v2 ({commit[:12]})" in done.stdout, done.stdout[-3000:]
    assert state() == before


def test_the_next_revision_is_rolled_out_and_rolled_back_without_a_build(origin: Origin) -> None:
    first = state()["images"].split()
    with untouched("blog"):
        done = run("rolling_update", books_revision="v2")
    assert done.returncode == 0 and books() == {"second"}, done.stdout[-3000:]
    built = state()
    assert len(set(built["images"].split()) - {*first}) == 1
    sh("mv /srv/origin /srv/away")  # nobody could build
    done = run("rollback")
    sh("mv /srv/away /srv/origin")
    assert done.returncode == 0 and books() == {"first"} and "build web: " not in done.stdout, done.stdout[-3000:]
    after = state()
    assert (after["images"], after["records"]) == (built["images"], built["records"]) and {*first} <= {*after["images"].split()}


def test_a_tag_that_has_moved_is_refused_with_both_commits(origin: Origin) -> None:
    was = origin.git("rev-parse", "v1")
    now, before = origin.publish("other", "v1"), state()
    done = run("rolling_update")
    assert done.returncode != 0 and f"is commit {now} now, and was {was} when" in done.stdout, done.stdout[-3000:]
    assert state() == before and books() == {"first"}
    done = run("rolling_update", stack_rebuild=["web"])
    assert done.returncode == 0 and books() == {"other"}, done.stdout[-3000:]


def test_a_build_that_fails_changes_nothing_and_says_why(origin: Origin) -> None:
    origin.publish("third", "v3", f"{DOCKERFILE}RUN echo the shelf is full >&2 && exit 3\n")
    before = state()
    with untouched("blog"):
        done = run("rolling_update", books_revision="v3")
    assert done.returncode != 0 and "the build of web from v3" in done.stdout and "the shelf is full" in done.stdout, done.stdout[-3000:]
    assert state() == before and books() == {"other"}


def test_a_build_takes_only_what_the_live_services_leave(origin: Origin) -> None:
    """Its steps have the least weight while they run."""
    # An engine with cgroups v1 on a host of v2 cannot be slowed down by it; tests/unit/builds/test_low_priority.py has both versions.
    if not sh("find /sys/fs/cgroup -path '*docker*' -name cpu.weight | head -n 1"):
        pytest.skip("the control groups of this host have no processor weights")
    origin.publish("fourth", "v4", f"{DOCKERFILE}RUN for second in 1 2 3 4 5 6 7 8; do sleep 1; done\n")
    look = "for second in $(seq 240); do grep -s . $(find /sys/fs/cgroup -regextype posix-extended"
    look += " -regex '.*(docker[-:/]|buildkit/)[a-z0-9]{25}([.]scope)?/cpu.weight'); sleep 0.5; done > /root/weights 2>&1"
    sh(f"nohup sh -c {json.dumps(look).replace('$', chr(92) + '$')} > /dev/null 2>&1 &")
    done = run("rolling_update", books_revision="v4")
    assert done.returncode == 0 and books() == {"fourth"}, done.stdout[-3000:]
    assert "1" in {line.rpartition(":")[2] for line in sh("cat /root/weights").splitlines()}


def test_an_image_that_somebody_has_removed_is_missed_before_anything_changes(origin: Origin) -> None:
    release = next(
        release
        for release in json.loads(sh("opsctl releases --stack books --json"))["releases"]
        if release.get("state") == "good" and not release.get("live")
    )
    image, before, shelves = release["images"]["web"], sh(f"{CONTAINERS} --no-trunc | sort"), books()
    sh(f"docker image rm --force {image}")
    done = run("rollback", rollback_to=release["id"])
    assert done.returncode != 0 and f"the image {image} is not on this host any more" in done.stdout, done.stdout[-3000:]
    assert sh(f"{CONTAINERS} --no-trunc | sort") == before and books() == shelves
