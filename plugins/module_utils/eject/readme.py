# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ejected stack leaves for whoever goes on with it by hand, and what is lost, in words."""

from __future__ import annotations

from collections.abc import Collection

from .project import EjectedProject

LOST = (
    "healing and alerts: Docker restarts what crashes, and nobody is told; a container that is unhealthy stays so",
    "updates without a lost request, canaries, migrations, rollback: `docker compose up -d` stops a container before it starts the next",
    "releases: what was deployed when, and the way back",
    "other numbers of replicas: each container has a fixed port of loopback; change ports, replicas and the upstream together",
    "proofs of backups, and databases to any second: a dump a night is what is left",
    "jobs: their retries, limits of their own, what they did, and whoever was told of it; data that gets old is not noticed",
    "what containers may reach beyond the host (networks.NAME.egress): they reach everything",
    "rotation of secrets, and the check of everything before a change",
)


def readme(
    stack: str, directory: str, left: EjectedProject, sites: Collection[str], backups: bool, engine_stays: bool, jobs: Collection[str] = ()
) -> str:
    """The README.md in the folder of the stack."""
    ports = [f"- `{listener.service}` (port {listener.port} in its containers): `{listener.written()}`" for listener in left.listening]
    backup = f"""## Backups

`{directory}/backup/backup.sh` dumps the databases and brings everything to the targets by restic, started by
`{stack}-backup.timer`. Look at it: `systemctl list-timers`, `journalctl -u {stack}-backup`. Snapshots have the tag `ejected`; older ones
of the engine stay, and nothing removes them. A backup that nobody restores is none: restore one now and then.

    systemctl start {stack}-backup             # now
    sudo bash -x {directory}/backup/backup.sh  # and see what it does
"""
    job = f"""## Jobs

`{", ".join(jobs)}`: `docker compose run` in a unit each, started by its timer where it has one. Nobody is told when one fails, and none is
tried again. Look at them: `systemctl list-timers`, `journalctl -u {stack}-job-NAME`; now: `systemctl start {stack}-job-NAME`.
"""
    engine = "The engine of latentum.ops stays on this host for other stacks." if engine_stays else "The engine of latentum.ops is removed."
    return f"""# {stack}, by hand

This folder is a plain Compose project. {engine} Nothing of it runs for this stack any more, and nothing writes these files but you.

| what | where |
|---|---|
| the project, images by digest | `{directory}/compose.yaml`, `{directory}/.env` |
| secrets, one file a container, owned by its user | `{directory}/secrets/` |
| files that the project mounts, if any | `{directory}/files/` |
| sites and upstreams of nginx | `/etc/nginx/sites.d/`, `/etc/nginx/upstreams.d/` |
| certificates | certbot: `/etc/letsencrypt/`, renewed by `certbot.timer`, served by `/etc/letsencrypt/renewal-hooks/deploy/reload-nginx` |
| certificates that certbot does not know, as your own | `/etc/nginx/tls/`: replace both files, then `systemctl reload nginx` |
| firewall | UFW: `ufw status`, `/etc/ufw/` |
| logs | `/var/log/nginx/`, `docker compose logs`; rotated by `/etc/logrotate.d/` and the limits in the project |
| releases until now, and the journal | `{directory}/history/` |

Sites: {", ".join(sorted(sites)) or "none"}.

## nginx finds the services at ports of loopback

{chr(10).join(ports) or "No route leads to this stack."}

Each container takes one port of the range. For another number of containers change `ports:` and `deploy.replicas` in `compose.yaml` and the
`server` lines in `/etc/nginx/upstreams.d/` together, then `docker compose up -d`, `nginx -t` and `systemctl reload nginx`.

## Every day

    cd {directory}
    docker compose ps
    docker compose logs --follow --tail 100 SERVICE
    docker compose up -d            # what is there stays; what differs is replaced, and is away for that time

A new version: write its image (with `@sha256:…`, so that it stays what it is) into `compose.yaml`, `docker compose pull`,
`docker compose up -d`. The way back is the old line. A secret: write the file anew with the same owner and mode (by `install`), then
`docker compose up -d --force-recreate SERVICE`.

Labels that begin with `com.latentum.ops` mean nothing any more. Without them Compose replaces each container once.

{backup if backups else ""}{job if jobs else ""}
## What is lost

{chr(10).join(f"- {line}" for line in LOST)}
"""
