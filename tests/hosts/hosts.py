# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away hosts for the demo and the tests. `hosts.py --help` lists the verbs."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import engine
import host
import rootfs
import services
import snapshot
import start_image
import yaml
from cache import PATHS
from engine import LABEL, HostsError, docker


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start fresh hosts: NAME or NAME:PLATFORM (trixie, forky)")
    up.add_argument("hosts", nargs="+")
    up.add_argument("--alias", action="append", default=[], help="a further name of the hosts on the network")
    up.add_argument("--publish", action="append", default=[], help="127.0.0.1:PORT:PORT")
    start = up.add_mutually_exclusive_group()
    start.add_argument("--image", help="start from this image instead of a bare one")
    start.add_argument("--provisioned", action="store_true", help="start in production, without a stack: the checkout's start image")
    for verb, what in (("down", "remove these hosts"), ("restart", "reboot these hosts")):
        verbs.add_parser(verb, help=what).add_argument("hosts", nargs="+")
    verbs.add_parser("services", help="start client, ACME server, registry, receivers, backup targets and package cache")
    verbs.add_parser("list", help="what of ours runs")
    verbs.add_parser("inventory", help="an Ansible inventory of these, or of all").add_argument("hosts", nargs="*")
    verbs.add_parser("path", help="where a file is kept").add_argument("what", choices=sorted(PATHS))
    keep = verbs.add_parser("snapshot", help="keep a host as a start image for `up --image`; it reboots")
    keep.add_argument("host")
    keep.add_argument("image")
    execute = verbs.add_parser("exec", help="run a command on the client, or as root on a host")
    execute.add_argument("host")
    execute.add_argument("argv", nargs=argparse.REMAINDER)
    clean = verbs.add_parser("clean", help="remove all hosts, services and the network")
    clean.add_argument("--images", action="store_true", help="the images and volumes as well")
    return top


def up(options: argparse.Namespace) -> None:
    """Fresh hosts, all at the same time once their images are there."""
    wanted = [(name, platform or "trixie") for name, _colon, platform in (wanted_host.partition(":") for wanted_host in options.hosts)]
    platforms = sorted({platform for _name, platform in wanted} if not options.image else set())
    images = {platform: (start_image.ensure if options.provisioned else rootfs.host_image)(platform) for platform in platforms}

    def start(name: str, platform: str) -> None:
        host.up(name, platform, options.alias, options.publish, images[platform] if options.provisioned else options.image)
        print(f"host {name}: up, ssh on 127.0.0.1:{host.endpoint(name).port}", flush=True)

    in_parallel(start, wanted)


def in_parallel(action: Callable[..., None], arguments: Sequence[tuple[str, ...]]) -> None:
    """Call the action for each at the same time; all are tried before the first error is raised."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        started = [pool.submit(action, *words) for words in arguments]
    for future in started:
        future.result()


def take_snapshot(name: str, image: str) -> None:
    """Keep the host as a start image; it is rebooted by that."""
    host.endpoint(name)
    snapshot.take(name, image)
    docker("start", name)
    host.settle(name)


def clean(images: bool) -> None:
    """Remove all that carries our label, and nothing else."""
    mine = ["--filter", f"label={LABEL}=1"]
    for ids, removal in (
        (docker("ps", "--all", "--quiet", *mine).stdout.split(), ["rm", "--force", "--volumes"]),
        (docker("network", "ls", "--quiet", *mine).stdout.split(), ["network", "rm"]),
    ):
        if ids:
            docker(*removal, *ids)
    old = rootfs.superseded()
    if old and not images:
        docker("image", "rm", "--force", *old)
    if images:
        for ids, removal in (
            (docker("image", "ls", "--quiet", *mine).stdout.split(), ["image", "rm", "--force"]),
            (docker("volume", "ls", "--quiet", *mine).stdout.split(), ["volume", "rm", "--force"]),
        ):
            if ids:
                docker(*removal, *sorted(set(ids)))


def down(names: list[str]) -> None:
    """Remove hosts with all that they hold."""
    for name in names:
        print(f"host {name}: {'removed' if host.remove(name) else 'was not there'}")


def execute(name: str, words: list[str]) -> int:
    """A command as root on a host or on the client; its exit status."""
    argv = words[1:] if words[:1] == ["--"] else words
    target = services.PREFIX + "client" if name == "client" else name
    return subprocess.run(["docker", "exec", "--interactive", target, *argv], check=False).returncode


def run_verb(options: argparse.Namespace) -> int:
    """One verb; its exit status."""
    if options.verb == "path":
        print(PATHS[options.what])
        return 0
    engine.ensure(PATHS["engine-log"])
    if options.verb == "exec":
        return execute(options.host, options.argv)
    if options.verb == "up":
        up(options)
    elif options.verb == "down":
        down(options.hosts)
    elif options.verb == "restart":
        in_parallel(host.restart, [(name,) for name in options.hosts])
    elif options.verb == "services":
        services.ensure()
    elif options.verb == "list":
        print(docker("ps", "--all", "--filter", f"label={LABEL}=1").stdout, end="")
    elif options.verb == "inventory":
        print(yaml.safe_dump(host.inventory(options.hosts), sort_keys=False, width=200), end="")
    elif options.verb == "snapshot":
        take_snapshot(options.host, options.image)
    elif options.verb == "clean":
        clean(options.images)
    return 0


def main() -> int:
    """One verb; 1 with a sentence when it cannot be done."""
    options = parser().parse_args()
    try:
        return run_verb(options)
    except HostsError as error:
        print(f"hosts: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
