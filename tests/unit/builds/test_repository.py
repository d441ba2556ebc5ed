# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions of real repositories: which commit is meant, and what of it comes to the build."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds.access import BuildRefused, access
from ansible_collections.latentum.ops.plugins.module_utils.builds.repository import Repository, _advice
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError

from .conftest import Origin, build_of, git, repository_at

Fetch = Callable[..., Path]


def commit_of(origin: Origin, revision: str) -> str:
    build = build_of(origin)
    with access("shop", build, ["file"]) as reached:
        return Repository(build.repository, reached, "builds.web").commit(revision)


@pytest.fixture
def fetch(host: Path) -> Fetch:
    def check_out(origin: Origin, revision: str, submodules: str = "undecided", commit: str = "") -> Path:
        build, folder = build_of(origin), host / "checkout"
        with access("shop", build, ["file"]) as reached:
            repository = Repository(build.repository, reached, "builds.web")
            repository.check_out(revision, commit or repository.commit(revision), folder, submodules)
        return folder

    return check_out


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_a_tag_is_its_commit_and_an_annotated_one_not_the_tag_itself(origin: Origin) -> None:
    commit = git(origin.folder, "rev-parse", "HEAD")
    origin.tag("v2", "--annotate", "--message=two")
    assert git(origin.folder, "rev-parse", "v2") != commit
    assert commit_of(origin, "v1") == commit_of(origin, "v2") == commit


def test_a_tag_wins_over_a_branch_of_its_name(origin: Origin) -> None:
    tagged = git(origin.folder, "rev-parse", "v1")
    git(origin.folder, "checkout", "--quiet", "-b", "v1")
    origin.commit()
    assert commit_of(origin, "v1") == tagged


def test_a_tag_whose_name_ends_like_another_is_not_taken_for_it(origin: Origin) -> None:
    origin.commit()
    git(origin.folder, "update-ref", "refs/tags/old/refs/tags/v9", "HEAD")
    with pytest.raises(BuildRefused, match="has no tag v9"):
        commit_of(origin, "v9")


def test_a_branch_is_refused_with_the_commit_that_it_is_now(origin: Origin) -> None:
    git(origin.folder, "branch", "release")
    with pytest.raises(BuildRefused, match=rf"release is a branch .* {git(origin.folder, 'rev-parse', 'HEAD')}, or a tag"):
        commit_of(origin, "release")


def test_a_repository_that_is_not_there_is_an_error_that_names_it(host: Path) -> None:
    with pytest.raises(CommandError, match=rf"could not fetch from file://{host}/nothing"):
        commit_of(Origin(host / "nothing"), "v1")


def test_one_commit_without_history_and_without_git(origin: Origin, fetch: Fetch) -> None:
    for number in range(5):
        origin.commit(message=str(number))
    origin.tag("v2")
    folder = fetch(origin, "v2")
    assert names(folder) == ["Dockerfile", "file", "services/web/Dockerfile"]
    assert (folder / "file").read_text() == "4"


def test_whoever_runs_in_the_image_can_read_what_is_built_in(origin: Origin, fetch: Fetch) -> None:
    """Whatever the umask of the host is: a hardened one has 027."""
    origin.commit({"start.sh": "#!/bin/sh\n"})
    (origin.folder / "start.sh").chmod(0o755)
    origin.commit(message="executable")
    origin.tag("v2")
    before = os.umask(0o027)
    try:
        folder = fetch(origin, "v2")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes == {"Dockerfile": 0o644, "file": 0o644, "services": 0o755, "start.sh": 0o755, "web": 0o755}


def test_history_is_not_fetched(origin: Origin, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.latentum.ops.plugins.module_utils.builds import repository

    for number in range(20):
        origin.commit(message=str(number))
    origin.tag("v2")
    monkeypatch.setattr(repository, "_without_git", lambda folder: None)
    with access("shop", build_of(origin), ["file"]) as reached:
        made = Repository(origin.address, reached, "builds.web")
        made.check_out("v2", made.commit("v2"), host / "checkout", "undecided")
    assert git(host / "checkout", "rev-list", "--count", "HEAD") == "1"


def test_a_commit_that_a_force_push_left_behind_is_still_that_commit(origin: Origin, fetch: Fetch) -> None:
    lost = origin.commit({"file": "lost"})
    git(origin.folder, "reset", "--quiet", "--hard", "HEAD~1")
    origin.commit({"file": "new"})
    assert (fetch(origin, lost) / "file").read_text() == "lost"


def only_what_is_listed(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of the old protocol, which gives no commit that it does not list."""
    for name, value in (("COUNT", "1"), ("KEY_0", "protocol.version"), ("VALUE_0", "0")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    git(origin.folder, "config", "uploadpack.allowAnySHA1InWant", "false")
    git(origin.folder, "config", "uploadpack.allowReachableSHA1InWant", "false")


def test_a_server_that_gives_only_what_it_lists_gives_a_commit_inside_a_branch(
    origin: Origin, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_what_is_listed(origin, monkeypatch)
    inside = origin.commit({"file": "inside"})
    origin.commit({"file": "later"})
    assert (fetch(origin, inside) / "file").read_text() == "inside"


def test_a_commit_on_no_branch_of_such_a_server_is_refused_with_what_to_do(
    origin: Origin, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_what_is_listed(origin, monkeypatch)
    lost = origin.commit({"file": "lost"})
    git(origin.folder, "reset", "--quiet", "--hard", "HEAD~1")
    with pytest.raises(BuildRefused, match=f"has no commit {lost} on a branch or under a tag: push the branch"):
        fetch(origin, lost)


def test_a_commit_that_nobody_has_is_refused(origin: Origin, fetch: Fetch) -> None:
    with pytest.raises(BuildRefused, match="has no commit 0123456789"):
        fetch(origin, "0123456789" * 4)


def test_a_tag_that_moves_between_the_question_and_the_fetch_is_noticed(origin: Origin, fetch: Fetch) -> None:
    before = git(origin.folder, "rev-parse", "v1")
    git(origin.folder, "checkout", "--quiet", "--orphan", "other")
    origin.commit({"file": "other"})
    origin.tag("v1")
    with pytest.raises(BuildRefused, match=f"the tag v1 was moved away from {before}"):
        fetch(origin, "v1", commit=before)


@pytest.fixture
def library(host: Path, origin: Origin) -> Origin:
    """A repository that the other one has as a submodule, at a commit that is the tip of nothing any more."""
    library = repository_at(host / "library", {"code": "old"})
    git(origin.folder, "submodule", "--quiet", "add", library.address, "vendor/library")
    origin.commit({})
    origin.tag("v2")
    library.commit({"code": "new"})
    return library


def test_submodules_are_refused_until_somebody_says_what_to_do_with_them(library: Origin, origin: Origin, fetch: Fetch) -> None:
    with pytest.raises(BuildRefused, match=r"has submodules \(vendor/library\): write submodules: true"):
        fetch(origin, "v2")


def test_submodules_are_fetched_at_the_commit_that_the_revision_names(library: Origin, origin: Origin, fetch: Fetch) -> None:
    folder = fetch(origin, "v2", "fetched")
    assert (folder / "vendor/library/code").read_text() == "old"
    assert not list(folder.rglob(".git"))


def test_submodules_that_are_left_out_are_empty_folders(library: Origin, origin: Origin, fetch: Fetch) -> None:
    assert names(fetch(origin, "v2", "left_out") / "vendor") == []


def test_a_submodule_by_another_protocol_is_refused_also_when_the_repository_is_reached_by_an_allowed_one(
    library: Origin, origin: Origin, fetch: Fetch
) -> None:
    git(origin.folder, "config", "--file=.gitmodules", "submodule.vendor/library.url", "http://127.0.0.1:1/library.git")
    origin.commit({})
    origin.tag("v3")
    with pytest.raises(CommandError, match="transport 'http' not allowed"):
        fetch(origin, "v3", "fetched")


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"


def test_pointers_of_git_lfs_are_refused_rather_than_built_in(origin: Origin, fetch: Fetch) -> None:
    origin.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "models/a.bin": POINTER, "b.bin": "small"})
    origin.tag("v2")
    with pytest.raises(BuildRefused, match=r"1 files of Git LFS would be in the image as pointers, .* \(models/a.bin\)"):
        fetch(origin, "v2")


def test_pointers_in_a_submodule_are_refused(origin: Origin, fetch: Fetch, host: Path) -> None:
    library = repository_at(host / "library", {"a.bin": POINTER})
    git(origin.folder, "submodule", "--quiet", "add", library.address, "vendor")
    origin.commit({})
    origin.tag("v2")
    with pytest.raises(BuildRefused, match=r"vendor/a.bin"):
        fetch(origin, "v2", "fetched")


def test_a_use_of_git_lfs_without_a_file_is_none(origin: Origin, fetch: Fetch) -> None:
    origin.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    origin.tag("v2")
    assert (fetch(origin, "v2") / ".gitattributes").exists()


def test_line_ends_are_those_of_the_repository_whatever_the_host_has_configured(
    origin: Origin, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, host: Path
) -> None:
    (host / "gitconfig").write_text("[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(host / "gitconfig"))
    origin.commit({"run.sh": "#!/bin/sh\nexec app\n"})
    origin.tag("v2")
    assert b"\r" not in (fetch(origin, "v2") / "run.sh").read_bytes()


def test_no_hook_runs(origin: Origin, fetch: Fetch, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = host / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {host}/ran\n")
    (hooks / "post-checkout").chmod(0o755)
    (host / "gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(host / "gitconfig"))
    fetch(origin, "v1")
    assert not (host / "ran").exists()


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("Host key verification failed.", "builds.web.known_hosts"),
        ("git@example.com: Permission denied (publickey).", "builds.web.ssh_key"),
        ("fatal: could not read Username for 'https://git.example.com': terminal prompts disabled", "builds.web.credentials"),
        ("fatal: unable to access: Could not resolve host: git.example.com", "does not answer"),
        ("something else", ""),
    ],
)
def test_the_error_says_what_to_write(output: str, advice: str) -> None:
    assert advice in _advice(output, "builds.web")
    assert bool(_advice(output, "builds.web")) is bool(advice)
