# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provisioned host kept as a start image: its filesystem as an image, what its own engine holds as a volume beside it."""

from __future__ import annotations

from engine import LABEL, docker
from rootfs import digest, toolbox_image

VOLUME = f"{LABEL}.snapshot"


def take(name: str, image: str) -> None:
    """Stop the host, keep it under the image's name, and leave it stopped (the caller starts it again).

    /var/lib/docker is a volume, because overlayfs cannot lie on overlayfs, so `docker commit` leaves it out: it is copied.
    """
    volume = f"latentum-ops-test-snapshot-{digest(image)}"
    toolbox = toolbox_image()
    docker("stop", "--time", "60", name)
    docker("volume", "rm", "--force", volume)
    docker("volume", "create", "--label", f"{LABEL}=1", volume)
    copy(toolbox, "--volumes-from", f"{name}:ro", "--volume", f"{volume}:/copy", command="cp -a /var/lib/docker/. /copy/")
    docker("commit", "--change", f"LABEL {LABEL}=1 {VOLUME}={volume}", name, image)


def restore(name: str, image: str) -> None:
    """Give a created, not yet started host what the engine of the snapshot held; nothing for a bare image."""
    if volume := volume_of(image):
        copy(toolbox_image(), "--volumes-from", name, "--volume", f"{volume}:/copy:ro", command="cp -a /copy/. /var/lib/docker/")


def forget(image: str) -> None:
    """Remove the image and what lies beside it, unless a host stands on it."""
    volume = volume_of(image)
    if docker("image", "rm", image, check=False).returncode == 0 and volume:
        docker("volume", "rm", "--force", volume)


def volume_of(image: str) -> str:
    """The volume that belongs to a snapshot; empty for a bare image."""
    return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{VOLUME}"}}}}', image).stdout.strip()


def copy(toolbox: str, *mounts: str, command: str) -> None:
    """Copy between volumes as root; overlayfs keeps its marks in trusted.* attributes, which only CAP_SYS_ADMIN can read."""
    docker("run", "--rm", "--label", f"{LABEL}=1", "--cap-add", "SYS_ADMIN", "--network", "none", *mounts, toolbox, "sh", "-c", command)
