# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real Compose CLI makes of every scalar of the Compose specification, in many spellings; recorded for the unit tests.

    python tests/tools/compose_verdicts.py SCHEMA HOST tests/unit/compose/recorded

SCHEMA is compose-spec.json of the newest Compose that is judged (from the repository of compose-go; not part of this one). HOST is a test
host (tests/hosts) with the package docker-compose. It reads all documents in one call, about ten a second, and answers with what
`docker compose config` makes of each. The result is verdicts-VERSION.json: for a key and a value written there, null when it is refused,
otherwise a list with what was read (null: it says nothing, as for false).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HOSTS = Path(__file__).resolve().parents[1] / "hosts" / "hosts.py"
DURATIONS = {"interval", "timeout", "start_period", "start_interval", "stop_grace_period", "delay", "monitor", "window"}
SIZES = {"mem_limit", "mem_reservation", "memswap_limit", "shm_size", "memory", "rate", "size"}
NOT_READ = {"build", "develop", "extends", "include", "models", "provider", "version", "credential_spec"}

SPELLINGS = {
    "boolean": "true yes 'on' False n 1 '' truthy True TRUE tRuE y Y Yes YES On ON t T false N no No off OFF f 0 ' true' 'true ' 1.0 ~",
    "number": "3 -1 0 017 1.5 three '' 0x10 +3 007 08 0o17 0b11 1_000 1.0 1e3 .5 5. inf .inf nan ' 3' '3 ' true 99999999999999999999 ~",
    "duration": "5s 0 5 .5s '1m 30s' 5S 1d '' 1.5 1.s '5 s' 1m30s 30s1m +5s -5s 1w 1M 1ns 1us 1\u00b5s 1\u03bcs 1ms 1h1h s 1e3s 1_0s"
    " true often ~",
    "size": "10m 1.5g 64 -1 '10 MiB' 1x '' 1.5 10M '10 m' '10  m' ' 10m' '10m ' 10mb 10MiB 10mib 10kB 10b 10bb .5g 1t 1p 10bytes"
    " +10m -10m 0 1e3 1e3m 0x10 1_000 017 true max 1.2.3m 99999999999999999999 ~",
    "string": "5 1.5 true ~",
}
# The keys that are tried in every spelling, since checks look at them or since they stand for their kind; the others in the first few.
THOROUGH = {"services.*.privileged", "services.*.read_only", "services.*.healthcheck.disable", "services.*.volumes[].read_only",
            "services.*.use_api_socket", "networks.*.internal", "networks.*.external", "services.*.deploy.replicas", "services.*.scale",
            "services.*.ports[].target", "services.*.ports[].published", "services.*.healthcheck.retries", "services.*.pids_limit",
            "services.*.cpus", "services.*.ulimits.*", "services.*.healthcheck.interval", "services.*.stop_grace_period",
            "services.*.deploy.update_config.delay", "services.*.mem_limit", "services.*.shm_size",
            "services.*.deploy.resources.limits.memory", "services.*.volumes[].tmpfs.size"}  # fmt: skip
FEW = 8

# What must stand beside a key, by the key that holds both.
BESIDE = {
    "volumes[]": {"type": "bind", "source": "/s", "target": "/t"},
    "ulimits.*": {"soft": 1, "hard": 2},
    "ports[]": {"target": 80},
    "depends_on.*": {"condition": "service_started"},
    "services.*.devices[]": {"source": "/dev/a", "target": "/dev/a"},
    "devices[]": {"capabilities": ["gpu"]},
    "gpus[]": {"capabilities": ["gpu"]},
    "post_start[]": {"command": "x"},
    "pre_stop[]": {"command": "x"},
    "env_file[]": {"path": "/dev/null"},
    "secrets[]": {"source": "s"},
    "configs[]": {"source": "c"},
    "secrets.*": {"file": "/dev/null"},
    "configs.*": {"file": "/dev/null"},
}

# Runs on a host: a document a line on standard input, a verdict a line on standard output.
JUDGE = r"""
import json, subprocess, sys
read = lambda *words, text="": subprocess.run(["docker-compose", *words], input=text, capture_output=True, text=True)
print(json.dumps(read("version", "--short").stdout.strip()))
for line in sys.stdin:
    run = read("--project-name=p", "--file=-", "config", "--format=json", text=json.loads(line))
    print(json.dumps({"read": json.loads(run.stdout)} if run.returncode == 0 else {"refused": run.stderr}))
"""


def scalars(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every scalar key of the schema: its path (C(*) any name, C([]) any item), and the kind of its value."""

    def walk(node: Any, path: str) -> Iterator[tuple[str, str]]:
        if not isinstance(node, dict):
            return
        if "$ref" in node:
            yield from walk(schema["definitions"][node["$ref"].rpartition("/")[2]], path)
            return
        name = path.rpartition(".")[2]
        types = {node["type"]} if isinstance(node.get("type"), str) else set(node.get("type", ()))
        types |= {part["type"] for part in node.get("oneOf", ()) if isinstance(part.get("type"), str)}
        if types & {"boolean", "integer", "number", "string"}:
            yield path, _kind(name, types)
        for key, part in node.get("properties", {}).items():
            if key not in NOT_READ:
                yield from walk(part, f"{path}.{key}".lstrip("."))
        for pattern, part in node.get("patternProperties", {}).items():
            if not pattern.startswith("^x-"):
                yield from walk(part, f"{path}.*")
        yield from walk(node.get("items"), f"{path}[]")
        for part in node.get("oneOf", ()):
            yield from walk(part, path)

    yield from dict(walk(schema, "")).items()


def _kind(name: str, types: set[str]) -> str:
    if name in DURATIONS:
        return "duration"
    if name in SIZES:
        return "size"
    if "boolean" in types and "number" not in types:
        return "boolean"
    return "number" if types & {"integer", "number"} and "boolean" not in types else "string"


def spellings(path: str, kind: str) -> Iterator[str]:
    """The ways to write a value at this path, as YAML: plain, quoted and interpolated."""
    words = [word.strip("'") for word in re.findall(r"'[^']*'|[^' ]+", SPELLINGS[kind])]
    words = words if path in THOROUGH else words[:FEW]
    yield from (word for word in words if word == word.strip())
    if kind != "string":
        yield from (f'"{word}"' for word in words if word != "~")
        yield from (f'"${{NOWHERE:-{word}}}"' for word in words[: FEW if path in THOROUGH else 1])


def document(path: str, written: str) -> str:
    """A whole Compose file with this value at this path, in YAML's flow style."""
    steps = path.replace("[]", ".[]").split(".")

    def build(index: int) -> str:
        if index == len(steps):
            return written
        inner = build(index + 1)
        step = steps[index]
        if step == "[]":
            return f"[{inner}]"
        here = ".".join(steps[:index]).replace(".[]", "[]")
        beside = next((kept for end, kept in BESIDE.items() if here.endswith(end)), {})
        rest = "".join(f", {name}: {json.dumps(value)}" for name, value in beside.items() if name != step)
        if here == "services.*":
            rest += ", image: i" if step != "image" else ""
        if here == "services":
            rest += ", b: {image: i}"
        return "{" + (f'"{_name(steps[:index])}"' if step == "*" else step) + ": " + (inner or '""') + rest + "}"

    uses = {"networks": "networks: [a]", "volumes": "volumes: [a:/v]", "secrets": "secrets: [a]", "configs": "configs: [a]"}
    lines = [build(0)[1:-1]]
    if steps[0] != "services":
        lines.append(f"services: {{a: {{image: i, {uses.get(steps[0], 'init: true')}}}}}")
    elif "networks" in steps:
        lines.append("networks: {a: {}}")
    for name in ("secrets", "configs"):
        if name != steps[0]:
            lines.append(f"{name}: {{s: {{file: /dev/null}}, c: {{file: /dev/null}}}}")
    return "\n".join(lines)


def _name(above: Sequence[str]) -> str:
    """The name where any can stand: a, but b for the service that another depends on."""
    return "b" if above[-1] == "depends_on" else "a"


def at(read: Any, path: str) -> Any:
    """What the CLI read at a path; None when it is not there."""
    steps = path.replace("[]", ".[]").split(".")
    for index, step in enumerate(steps):
        if isinstance(read, dict):
            read = read.get(_name(steps[:index]) if step == "*" else step)
        elif isinstance(read, list):
            read = read[0] if read else None
    return read


def judge(host: str, documents: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """The version of a host's CLI, and its verdict on each document."""
    argv = [sys.executable, str(HOSTS), "exec", host, "--", "python3", "-c", JUDGE]
    lines = "".join(json.dumps(text) + "\n" for text in documents)
    run = subprocess.run(argv, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    version, *verdicts = map(json.loads, run.stdout.splitlines())
    return version, verdicts


def main() -> int:
    schema, host, folder = sys.argv[1:]
    cases = [(path, written) for path, kind in scalars(json.loads(Path(schema).read_text())) for written in spellings(path, kind)]
    version, verdicts = judge(host, [document(path, written) for path, written in cases])
    recorded: dict[str, dict[str, Any]] = {}
    for (path, written), verdict in zip(cases, verdicts, strict=True):
        recorded.setdefault(path, {})[written] = None if "refused" in verdict else [at(verdict["read"], path)]
    lines = ",\n".join(f"{json.dumps(path)}: {json.dumps(values, ensure_ascii=False)}" for path, values in recorded.items())
    (Path(folder) / f"verdicts-{version.partition('-')[0]}.json").write_text(f"{{\n{lines}\n}}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
