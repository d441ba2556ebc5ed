# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the sample application's images and bring them into the test registry; only what changed is built again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hosts"))

import engine  # noqa: E402
import rootfs  # noqa: E402
from cache import PATHS  # noqa: E402
from engine import LABEL, HostsError, docker  # noqa: E402
from services import REGISTRY_PORT, registry_answers  # noqa: E402

REGISTRY = "registry.example.test:5000"
RECIPE = f"{LABEL}.recipe"


@dataclass(frozen=True)
class Image:
    """One image of the application: its name and tag, the folder it is built from, and the build's arguments."""

    name: str
    tag: str
    folder: str
    arguments: tuple[str, ...] = ()

    @property
    def pushed(self) -> str:
        """Its name from this machine, where the registry is published on loopback."""
        return f"127.0.0.1:{REGISTRY_PORT}/latentum/{self.name}:{self.tag}"


def programs(tag: str, *more: str) -> list[Image]:
    """The three Python services of one release."""
    return [
        Image(name, tag, "python", (f"PROGRAM={name.replace('-', '_')}", f"VERSION={tag}", *more))
        for name in ("api-gateway", "model-server", "worker")
    ]


IMAGES = [
    *programs("1.0.0"),
    *programs("1.1.0"),
    *programs("1.2.0-broken", "BROKEN=yes"),
    Image("postgres", "17", "postgres"),
    Image("redis", "8", "redis"),
]


def recipe(image: Image, base: str) -> str:
    """Changes when the folder, the base, or an argument does."""
    files = sorted(path for path in (HERE / image.folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
    content = [part for path in files for part in (str(path.relative_to(HERE)), path.read_text())]
    return rootfs.digest(base, *image.arguments, *content)


def build(image: Image, base: str) -> bool:
    """Build and push unless the engine has this recipe already; returns whether it was built."""
    wanted = recipe(image, base)
    shown = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{RECIPE}"}}}}', image.pushed, check=False)
    fresh = shown.returncode != 0 or shown.stdout.strip() != wanted
    if fresh:
        print(f"image: building latentum/{image.name}:{image.tag}", flush=True)
        arguments = [word for one in (f"BASE={base}", *image.arguments) for word in ("--build-arg", one)]
        labels = ["--label", f"{LABEL}=1", "--label", f"{RECIPE}={wanted}"]
        docker("build", "--quiet", "--force-rm", *labels, *arguments, "--tag", image.pushed, str(HERE / image.folder), timeout=1200)
    docker("push", "--quiet", image.pushed)
    return fresh


def main() -> int:
    """Build all; 1 with a sentence when it cannot be done."""
    try:
        engine.ensure(PATHS["engine-log"])
        if not registry_answers():
            raise HostsError("the test registry does not answer: run hosts.py services first")
        base = rootfs.base("trixie", "ca-certificates")
        built = [image for image in IMAGES if build(image, base)]
    except HostsError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    print(f"images: {len(built)} built, {len(IMAGES) - len(built)} as they were; all in {REGISTRY}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
