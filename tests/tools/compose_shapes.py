# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real Compose CLI makes of whole projects, and of what is made of them here; recorded for the unit tests.

    python tests/tools/compose_shapes.py CLI tests/unit/compose/recorded [SHAPE …]

CLI is the program docker-compose of one version (from Debian's package, which need not be installed). The projects are those of
tests/unit/compose/shapes.py; with names only these are judged, and the verdicts on the others kept. Each is given to the CLI's `config`
twice: as it is, and as the one file that is made of it here. The result is shapes-VERSION.json: for each shape the file made here, and
whether the CLI takes the project and reads the same in both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / ".collections"), str(ROOT / "tests/unit/compose")]

from ansible_collections.latentum.ops.plugins.module_utils.compose.yaml_writer import dump  # noqa: E402 - the path stands above
from ansible_collections.latentum.ops.plugins.module_utils.core.env_file import render  # noqa: E402
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader  # noqa: E402
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem  # noqa: E402
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_folder import ComposeFolder  # noqa: E402
from shapes import SHAPES, Shape  # noqa: E402


@contextmanager
def laid_out(shape: Shape) -> Iterator[Path]:
    """The files of a shape, in a folder."""
    with tempfile.TemporaryDirectory(prefix="latentum-ops-") as folder:
        for path, text in shape.files.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text)
        yield Path(folder)


def made(shape: Shape, folder: Path) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The one Compose file that is made of a shape here, without what production adds to it; or what is wrong."""
    stack = {
        "name": "p",
        "compose": [{"file": path} for path in shape.order],
        "compose_folder": str(folder),
        "environment": shape.environment,
        "profiles": list(shape.profiles),
    }
    declaration, problems = loader.read(loader.with_files(stack, ComposeFolder))
    # Not of its hardening, nor of the rest of the declaration: of the Compose file as such.
    ours = [problem for problem in problems if is_of_compose(problem)]
    return (None if ours or declaration is None else json.loads(json.dumps(declaration.compose.raw))), ours


def is_of_compose(problem: Problem) -> bool:
    """Whether Compose itself might say it, and not only production."""
    words = (
        "waive it",
        "and nobody makes",
        "internal",
        "belongs to nginx",
        "push the image",
        "is used nowhere",
        "nothing brings",
        "plain text",
    )
    return not any(word in f"{problem.problem} {problem.fix}" for word in words)


def config(cli: str, folder: Path, files: Sequence[Path], environment: Path, profiles: Sequence[str]) -> tuple[dict[str, Any] | None, str]:
    """What the CLI reads; None and its words when it refuses."""
    clean = ["env", "-i", "HOME=/nonexistent", "PATH=/usr/bin:/bin"]
    options = [f"--file={file}" for file in files] + [f"--profile={profile}" for profile in profiles]
    argv = [
        *clean,
        cli,
        "--project-name=p",
        f"--project-directory={folder}",
        f"--env-file={environment}",
        *options,
        "config",
        "--format=json",
    ]
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    if run.returncode:
        return None, run.stderr.strip().replace(str(folder), "").replace(str(folder.parent), "..")
    return json.loads(run.stdout), ""


def comparable(read: Mapping[str, Any] | None) -> Any:
    """Without what is meant to differ: profiles, once it is decided who is on, services that are off and need not be on, and extensions."""
    if read is None:
        return None
    return {
        **{name: value for name, value in read.items() if not name.startswith("x-")},
        "services": {name: _service(service, read["services"]) for name, service in read["services"].items()},
    }


def _service(service: Mapping[str, Any], services: Mapping[str, Any]) -> dict[str, Any]:
    needed = {name: item for name, item in (service.get("depends_on") or {}).items() if name in services}
    kept = {key: value for key, value in service.items() if key not in ("profiles", "depends_on")}
    return kept | ({"depends_on": needed} if needed else {})


def verdict(cli: str, shape: Shape) -> dict[str, Any]:
    """What is recorded of a shape."""
    with laid_out(shape) as folder, tempfile.TemporaryDirectory() as aside:
        project = folder / Path(shape.order[0]).parent
        environment = Path(aside) / "environment"
        environment.write_text(render(shape.environment))
        read, refusal = config(cli, project, [folder / path for path in shape.order], environment, shape.profiles)
        ours, _problems = made(shape, folder)
        result: dict[str, Any] = {"taken": read is not None, "made": ours}
        if refusal:
            result["refusal"] = refusal.splitlines()[0]
        if ours is not None:
            (Path(aside) / "compose.yaml").write_text(dump(ours))
            again, refusal = config(cli, project, [Path(aside) / "compose.yaml"], environment, ())
            result["same"] = again is not None and comparable(read) == comparable(again)
            if refusal:
                result["made_refused"] = refusal.splitlines()[0]
            elif read is not None and not result["same"]:
                print(f"{shape.name}\n  as it is  {comparable(read)}\n  made here {comparable(again)}".replace(str(project), ""))
        return result


def main() -> int:
    cli, folder, *names = sys.argv[1:]
    version = subprocess.run([cli, "version", "--short"], capture_output=True, text=True, check=True).stdout.strip().partition("-")[0]
    file = Path(folder) / f"shapes-{version}.json"
    known = json.loads(file.read_text()) if names else {}
    recorded = {
        shape.name: known[shape.name] if shape.name in known and shape.name not in names else verdict(cli, shape) for shape in SHAPES
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in recorded.items())
    file.write_text(f"{{\n{lines}\n}}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
