# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many answers public Compose files need after `latentum.ops.init`: those listed in compose_files.tsv, by repository, commit and path.

The files are not in this repository. `compose_files.py FOLDER` reads them from clones below FOLDER, named OWNER+NAME
(`git clone https://github.com/OWNER/NAME OWNER+NAME`), and writes what is made of each to `--keep`, for Compose itself to judge.

An answer is each question that is left: each waiver of each service, each value, image, key of somebody else, port that is not HTTP, each
error that has no waiver. Domain and contact are given on the command line, once a stack, and not counted. A file passes when the check
accepts it with its answers and nothing but its answers.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.compose.yaml_writer import dump
from ansible_collections.latentum.ops.plugins.module_utils.core import env_file
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.inventory import draft_from
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.model import Question
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import read
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused

LIST = Path(__file__).with_suffix(".tsv")
FEW = 3
SIZES = (("1", 0, 1), ("2 to 4", 2, 4), ("5 and more", 5, 1000))


@dataclass
class Repository:
    """One commit of one repository; what it has is read once."""

    folder: Path
    commit: str
    files: set[str] = field(default_factory=set)

    def text(self, path: str) -> str | None:
        if not self.files:
            self.files = set(self._git("ls-tree", "-r", "--name-only", self.commit).splitlines())
        return self._git("show", f"{self.commit}:{path}") if path in self.files else None

    def _git(self, *argv: str) -> str:
        done = subprocess.run(["git", "-C", str(self.folder), *argv], capture_output=True, check=True)
        return done.stdout.decode(errors="replace")


@dataclass
class Result:
    questions: list[Question] = field(default_factory=list)
    left: str = ""  # the first error that no answer removes
    project: str = ""
    environment: str = ""
    services: int = 0

    @property
    def passes(self) -> bool:
        return not self.left and len(self.questions) <= FEW


def measure(repository: Repository, path: str) -> Result:
    """What init makes of one file, and what the check says of it with the answers."""
    folder = posixpath.dirname(path)

    def read_file(name: str) -> str | None:
        return repository.text(posixpath.normpath(posixpath.join(folder, name)))

    try:
        name = posixpath.basename(folder) or repository.folder.name.rpartition("+")[2]
        draft = draft_from(repository.text(path) or "", read_file, name, "app.example.com", "ops@example.com")
    except Refused as error:
        return Result(left=f"compose: {error.problem}")
    declaration, problems = read(draft.answered(draft.questions))
    if problems or declaration is None:
        return Result(draft.questions, f"{problems[0].key}: {problems[0].problem}", services=len(draft.compose["services"]))
    project = dump(json.loads(json.dumps(compose_project(declaration))))
    return Result(
        draft.questions, project=project, environment=env_file.render(declaration.environment), services=len(draft.compose["services"])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=Path, help="file for the project and environment of each file that the check accepts, a line each")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    results: dict[str, Result] = {}
    repositories: dict[str, Repository] = {}
    for line in LIST.read_text().splitlines():
        name, commit, path = line.split("\t")
        if name not in repositories:
            folder = arguments.folder / name.replace("/", "+")
            repositories[name] = Repository(folder / "repo" if (folder / "repo").is_dir() else folder, commit)
        results[f"{name} {path}"] = measure(repositories[name], path)
    if arguments.keep:
        kept = [
            {"name": file, "project": result.project, "environment": result.environment}
            for file, result in results.items()
            if result.project
        ]
        arguments.keep.write_text("".join(json.dumps(case) + "\n" for case in kept))
    if arguments.verbose:
        for file, result in results.items():
            if not result.passes:
                print(f"{len(result.questions):3} {file} {result.left}")
    print(json.dumps(summary(list(results.values())), indent=2))


def _share(results: list[Result]) -> str:
    passing = sum(result.passes for result in results)
    return f"{passing} of {len(results)}, {passing / max(1, len(results)):.1%}"


def summary(results: list[Result]) -> dict[str, object]:
    """The numbers."""
    questions = [question for result in results for question in result.questions]
    accepted = [result for result in results if not result.left]
    return {
        "files": len(results),
        "accepted_with_answers": len(accepted),
        f"accepted_with_{FEW}_answers_or_fewer": sum(result.passes for result in results),
        "share": _share(results),
        "share_by_services": {name: _share([result for result in results if low <= result.services <= high]) for name, low, high in SIZES},
        "answers": dict(sorted(Counter(len(result.questions) for result in accepted).items())),
        "topics": dict(Counter(question.topic for question in questions).most_common()),
        "waivers": dict(Counter(str(question.example) for question in questions if question.topic == "waiver").most_common()),
        "errors": dict(Counter(result.left.partition(": ")[2] for result in results if result.left).most_common(12)),
    }


if __name__ == "__main__":
    main()
