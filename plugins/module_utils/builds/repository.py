# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revision of a git repository: which commit it is, and its files, fetched without history and without running anything of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contracts.image_build import COMMIT
from ..core.process import CommandError, Result, run
from .access import Access, BuildRefused, masker_of

ASK_TIMEOUT = 60.0
FETCH_TIMEOUT = 900.0
LOW_PRIORITY = ("nice", "-n", "19", "ionice", "-c", "3")
# Neither hooks nor a watcher of files, whatever a configuration of the system says; files as they are in the repository.
_OPTIONS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false", "advice.detachedHead=false", "gc.auto=0")
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True)
class Revision:
    """What a repository has under a name.

    :param commit: of the tag; empty where there is none.
    :param branch: the commit of a branch of this name; empty where there is none.
    """

    commit: str
    branch: str


@dataclass(frozen=True)
class Repository:
    """A git repository that is fetched from.

    :param key: of the declaration, for messages.
    """

    address: str
    access: Access
    key: str

    def commit(self, revision: str) -> str:
        """The commit of a tag, or of a whole id, which is it itself.

        :raises BuildRefused: there is no such tag, or it is a branch.
        :raises CommandError: the repository cannot be asked.
        """
        if COMMIT.fullmatch(revision):
            return revision
        reference = self.revision(revision)
        if reference.commit:
            return reference.commit
        if reference.branch:
            fix = f"pin it: write the commit that it has now, {reference.branch}, or a tag"
            raise BuildRefused(f"{self.key}.revision: {revision} is a branch of {self.address}, which is another commit tomorrow: {fix}")
        raise BuildRefused(
            f"{self.key}.revision: {self.address} has no tag {revision}: push it, or write one that `git ls-remote --tags` lists"
        )

    def revision(self, name: str) -> Revision:
        """What is there under a name. Of an annotated tag the commit, not the tag itself."""
        names = [f"refs/tags/{name}", f"refs/tags/{name}^{{}}", f"refs/heads/{name}"]
        listed = self._git(["ls-remote", "--", self.address, *names], timeout=ASK_TIMEOUT).stdout
        # A pattern also matches the end of longer names.
        there = {ref: commit for commit, _tab, ref in (line.partition("\t") for line in listed.splitlines())}
        return Revision(there.get(names[1]) or there.get(names[0], ""), there.get(names[2], ""))

    def refs(self) -> dict[str, str]:
        """The commit of each branch and tag, by its full name; of an annotated tag the commit, not the tag itself.

        :raises CommandError: the repository cannot be asked.
        """
        rows = self._git(["ls-remote", "--heads", "--tags", "--", self.address]).stdout.splitlines()
        there = {ref: commit for commit, _tab, ref in (row.partition("\t") for row in rows)}
        return {ref: there.get(f"{ref}^{{}}", commit) for ref, commit in there.items() if ref and not ref.endswith("^{}")}

    def check_out(self, revision: str, commit: str, folder: Path, submodules: str) -> None:
        """The files of a commit, and nothing of git with them.

        :param submodules: C(fetched) or C(left_out); otherwise a repository that has some is refused.
        :raises BuildRefused: the commit is not there, or what it needs is not fetched.
        :raises CommandError: the repository cannot be fetched from.
        """
        form = ["--object-format=sha256"] if len(commit) == 64 else []
        self._git(["init", "--quiet", *form, str(folder)])
        self._git(["remote", "add", "origin", self.address], folder)  # submodules may be named relative to it
        self._fetch(revision, commit, folder)
        self._git(["checkout", "--quiet", "--force", "--detach", commit, "--"], folder)
        if submodules == "undecided":
            self._require_answer(folder)
        elif submodules == "fetched":
            self._git(["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"], folder, timeout=FETCH_TIMEOUT)
        _without_git(folder)
        _readable(folder)
        self._require_content(folder)

    def _fetch(self, revision: str, commit: str, folder: Path) -> None:
        """This one commit; from a server that gives only what it lists, all of it."""
        wanted = commit if COMMIT.fullmatch(revision) else f"refs/tags/{revision}"
        fetched = self._git(["fetch", "--quiet", "--depth=1", "--no-tags", "origin", wanted], folder, timeout=FETCH_TIMEOUT, check=False)
        if fetched.rc != 0 and wanted == commit:
            everything = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
            self._git(["fetch", "--quiet", "origin", *everything], folder, timeout=FETCH_TIMEOUT)
        elif fetched.rc != 0:
            raise self._failed(fetched)
        if self._git(["cat-file", "-e", f"{commit}^{{commit}}"], folder, check=False).rc == 0:
            return
        if wanted == commit:
            what = f"{self.address} has no commit {commit} on a branch or under a tag"
            raise BuildRefused(f"{self.key}.revision: {what}: push the branch that has it, or write a commit that is there")
        raise BuildRefused(f"{self.key}.revision: the tag {revision} was moved away from {commit} while it was fetched: run it again")

    def _require_answer(self, folder: Path) -> None:
        """Without one the folders of submodules would be empty in the image, in silence."""
        listed = self._git(["ls-files", "--stage"], folder).stdout.splitlines()
        if linked := [line.partition("\t")[2] for line in listed if line.startswith("160000 ")]:
            fix = "write submodules: true to fetch them, or false where the build does without"
            raise BuildRefused(f"{self.key}: the revision has submodules ({', '.join(linked[:5])}): {fix}")

    def _require_content(self, folder: Path) -> None:
        """What Git LFS keeps elsewhere would be in the image as the name of a file, in silence."""
        if pointers := sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if _is_pointer(path)):
            what = f"{len(pointers)} files of Git LFS would be in the image as pointers, without their content ({', '.join(pointers[:5])})"
            raise BuildRefused(f"{self.key}: {what}: keep them in git itself, or fetch them in the Dockerfile")

    def _git(self, arguments: Sequence[str], folder: Path | None = None, *, timeout: float = ASK_TIMEOUT, check: bool = True) -> Result:
        settings = [word for option in _OPTIONS for word in ("-c", option)]
        argv = [*LOW_PRIORITY, "git", *settings, *self.access.options, *(["-C", str(folder)] if folder else []), *arguments]
        result = run(argv, env=self.access.environment, timeout=timeout, check=False)
        if result.rc == 127 or (check and result.rc != 0):
            raise self._failed(result)
        return result

    def _failed(self, result: Result) -> CommandError:
        shown = Result(("git", *result.argv[-4:]), result.rc, "", masker_of(self.access.secrets).mask(result.stderr))
        return CommandError(shown, f"could not fetch from {self.address}{_advice(result.stderr, self.key)}")


def _is_pointer(path: Path) -> bool:
    """Source: the specification of Git LFS, "The Pointer"."""
    if path.is_symlink() or not path.is_file() or not len(_POINTER) < path.stat().st_size < 1024:
        return False
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def _without_git(folder: Path) -> None:
    """Without what git keeps: a Dockerfile with C(COPY . .) would put the address of the repository into the image."""
    for kept in folder.rglob(".git"):
        if kept.is_dir() and not kept.is_symlink():
            shutil.rmtree(kept)
        else:
            kept.unlink()


def _readable(folder: Path) -> None:
    """The modes that git means, 644 and 755.

    git makes files by the umask, which is 027 on a hardened host: a user of the image could not read the application.
    """
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _advice(output: str, key: str) -> str:
    """What to look at, by what git wrote."""
    lower = output.lower()
    for words, advice in (
        (
            ("host key verification failed",),
            f"its host key is not known: write it under {key}.known_hosts, as `ssh-keyscan` prints it and its owner confirms",
        ),
        (("permission denied (publickey",), f"the server does not know the key: {key}.ssh_key names one that it does"),
        (
            ("could not read username", "authentication failed", "403", "401"),
            f"it wants credentials: {key}.credentials names a secret with user:token",
        ),
        (("could not resolve host", "connection refused", "timed out"), "the server does not answer"),
        (("transport", "not allowed"), "a submodule is reached by another protocol: stack_build_protocols names those that are allowed"),
        (("no space left",), "the disk is full"),
    ):
        if any(word in lower for word in words):
            return f" ({advice})"
    return ""
