# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the test hosts and of the toolbox, each tagged with a hash of its recipe and built only when that is new."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cache import CACHE, alone
from engine import LABEL, HostsError, docker, run
from keys import public_key

HERE = Path(__file__).resolve().parent
# What a cloud provider's image holds and a minimal Debian does not.
PACKAGES = "ca-certificates dbus iproute2 kmod less libpam-systemd openssh-server procps python3 python3-apt sudo systemd systemd-sysv"
PLATFORMS = {"trixie": [], "forky": ['--aptopt=Acquire::Check-Valid-Until "false"']}


def digest(*parts: str | bytes) -> str:
    """Twelve hex digits that change when a part changes."""
    summed = hashlib.sha256()
    for part in parts:
        summed.update(part.encode() if isinstance(part, str) else part)
        summed.update(b"\0")
    return summed.hexdigest()[:12]


def sources(root: Path, *names: str) -> list[bytes]:
    """Names and contents of these files, and of those below these folders, in a fixed order; links count as what they lead to."""
    parts: list[bytes] = []
    for name in names:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                parts += [str(path.relative_to(root)).encode(), path.read_bytes()]
    return parts


def present(image: str) -> bool:
    """The engine has this image."""
    return docker("image", "inspect", image, check=False).returncode == 0


def base_name(platform: str) -> str:
    """The image of the bare root filesystem by its recipe, whether it exists or not."""
    if platform not in PLATFORMS:
        raise HostsError(f"platform {platform!r} is not known: write one of {', '.join(PLATFORMS)}")
    return f"latentum-ops-test/base-{platform}:{digest(PACKAGES, platform, *PLATFORMS[platform])}"


def base(platform: str) -> str:
    """The bare root filesystem as an image; by mmdebstrap, or from the official image where mmdebstrap cannot run."""
    image = base_name(platform)
    with alone(f"image-base-{platform}"):
        return image if present(image) else make_base(platform, image)


def make_base(platform: str, image: str) -> str:
    """Make it; the name appears only with the finished image."""
    print(f"image: making the root filesystem of {platform} (half a minute, once)", flush=True)
    if shutil.which("mmdebstrap") and os.geteuid() == 0:
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            archive = Path(scratch) / "root.tar"
            include = PACKAGES.replace(" ", ",")
            run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}", *PLATFORMS[platform], platform, str(archive)])
            docker("import", "--change", f"LABEL {LABEL}=1", str(archive), image)
        return image
    recipe = (
        f"FROM debian:{platform}\nLABEL {LABEL}=1\nRUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes"
        f" --no-install-recommends {PACKAGES} && rm -f /etc/apt/apt.conf.d/docker-* /etc/dpkg/dpkg.cfg.d/docker* /usr/sbin/policy-rc.d\n"
    )
    docker("build", "--label", f"{LABEL}=1", "--tag", image, "-", text_in=recipe, timeout=1200)
    return image


@dataclass(frozen=True)
class Recipe:
    """An image from a folder with a Dockerfile that starts at ``parent``; ``extra`` are further files of its context."""

    name: str
    folder: Path
    parent: str
    extra: Mapping[str, str]

    def files(self) -> dict[str, str]:
        """The whole context of the build."""
        return {path.name: path.read_text() for path in sorted(self.folder.iterdir()) if path.is_file()} | dict(self.extra)

    @property
    def image(self) -> str:
        """The image's name, with the hash of all it is made of."""
        parts = [part for item in sorted(self.files().items()) for part in item]
        return f"latentum-ops-test/{self.name}:{digest(self.parent, *parts)}"

    def build(self) -> str:
        """Build it unless it is there; a build that dies leaves layers without a name."""
        image = self.image
        with alone(f"image-{self.name}"):
            if present(image):
                return image
            print(f"image: building {self.name}", flush=True)
            with tempfile.TemporaryDirectory() as scratch:
                for name, content in self.files().items():
                    (Path(scratch) / name).write_text(content)
                docker(
                    "build", "--quiet", "--force-rm", "--label", f"{LABEL}=1",
                    "--build-arg", f"BASE={self.parent}", "--tag", image, scratch,
                    timeout=1800,
                )  # fmt: skip
        return image


def host_recipe(platform: str) -> Recipe:
    """A bare host: the root filesystem, the unprivileged user and its key."""
    return Recipe(f"host-{platform}", HERE / "image", base_name(platform), {"authorized_keys": public_key()})


def toolbox_recipe() -> Recipe:
    """The client and the services."""
    return Recipe("toolbox", HERE / "toolbox", base_name("trixie"), {})


def host_image(platform: str) -> str:
    """The image of a bare host, made when it is not there."""
    base(platform)
    return host_recipe(platform).build()


def toolbox_image() -> str:
    """The image of the client and the services, made when it is not there."""
    base("trixie")
    return toolbox_recipe().build()


def superseded() -> list[str]:
    """Our images of earlier recipes."""
    recipes = [toolbox_recipe(), *map(host_recipe, PLATFORMS)]
    current = {recipe.image for recipe in recipes} | {base_name(platform) for platform in PLATFORMS}
    families = {name.split(":")[0] for name in current}
    shown = docker("image", "ls", "--filter", f"label={LABEL}=1", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    return [name for name in shown if name.split(":")[0] in families and name not in current]
