# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the test hosts and of the toolbox, each tagged with a hash of its recipe and built only when that is new."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from cache import CACHE
from engine import LABEL, HostsError, docker, run

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


def present(image: str) -> bool:
    """The engine has this image."""
    return docker("image", "inspect", image, check=False).returncode == 0


def base(platform: str, packages: str = PACKAGES) -> str:
    """The bare root filesystem as an image; by mmdebstrap, or from the official image where mmdebstrap cannot run."""
    if platform not in PLATFORMS:
        raise HostsError(f"platform {platform!r} is not known: write one of {', '.join(PLATFORMS)}")
    image = f"latentum-ops-test/base-{platform}:{digest(packages, platform, *PLATFORMS[platform])}"
    if present(image):
        return image
    print(f"image: making the root filesystem of {platform} (half a minute, once)", flush=True)
    if shutil.which("mmdebstrap") and os.geteuid() == 0:
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            archive = Path(scratch) / "root.tar"
            include = packages.replace(" ", ",")
            run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}", *PLATFORMS[platform], platform, str(archive)])
            docker("import", "--change", f"LABEL {LABEL}=1", str(archive), image)
        return image
    recipe = (
        f"FROM debian:{platform}\nRUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes"
        f" --no-install-recommends {packages} && rm -f /etc/apt/apt.conf.d/docker-* /etc/dpkg/dpkg.cfg.d/docker* /usr/sbin/policy-rc.d\n"
    )
    docker("build", "--label", f"{LABEL}=1", "--tag", image, "-", text_in=recipe, timeout=1200)
    return image


def built(name: str, folder: Path, base_image: str, extra: dict[str, str]) -> str:
    """An image from a folder with a Dockerfile that starts at ``base_image``; ``extra`` are further files of its context."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    parts = [part for path in files for part in (path.name, path.read_text())] + [base_image, *extra.values()]
    image = f"latentum-ops-test/{name}:{digest(*parts)}"
    if present(image):
        return image
    print(f"image: building {name}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch)
        for path in files:
            shutil.copy(path, context / path.name)
        for file, content in extra.items():
            (context / file).write_text(content)
        # A build that dies leaves layers without a name; the tag appears only with the finished image.
        docker(
            "build", "--quiet", "--force-rm", "--label", f"{LABEL}=1", "--build-arg", f"BASE={base_image}", "--tag", image, scratch,
            timeout=1800,
        )  # fmt: skip
    return image


def host_image(platform: str, public_key: str) -> str:
    """The image of a bare host."""
    return built(f"host-{platform}", HERE / "image", base(platform), {"authorized_keys": public_key})


def toolbox_image() -> str:
    """The image of the client and the services."""
    return built("toolbox", HERE / "toolbox", base("trixie"), {})
