# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbooks by their names. Written by `make docs` from docs/runbooks; do not edit."""

from __future__ import annotations

from collections.abc import Mapping

PAGES: Mapping[str, str] = {
    "alerts-not-delivered": """\
# Alerts do not arrive

`AlertsNotDelivered`: Alertmanager cannot hand over what it should tell, or Prometheus drops alerts before that. You read this by another way.

## Look

```console
journalctl -u latentum-ops-alertmanager --since -1h --no-pager
promtool query instant http://127.0.0.1:9090 'alertmanager_notifications_failed_total > 0'
opsctl alert test                           # the watchdog by the same ways
```

| it says | cause |
|---|---|
| `unsupported protocol scheme`, `missing` | the secret is not on the host: `site.yml --tags secrets,monitoring` |
| 401, 403, 404, `invalid_token` | the secret was changed at the receiver: write the new one, `site.yml --tags secrets` |
| 429 | too many messages: look for what fires again and again |
| 535, "unexpected server challenge" | the mail server wants another login than PLAIN or LOGIN |
| "does not advertise the STARTTLS extension" | `tls` of the alert, and the port |
| certificate | the receiver's is not one that this host trusts |
| timeout, connection refused, no such host | the network, DNS, an isolated host |

## Do

A secret that changed is read by itself: systemd starts Alertmanager again. By hand: `systemctl restart latentum-ops-alertmanager`.

## Escalate

Tell those who would have been told, by telephone, until it works again.
""",
    "backup": """\
# Backups are late, or cannot be restored

The last backup that was really restored is too old, the last proof failed, a target is away, or WAL is not received.

Alert of Prometheus: `BackupTooOld`.

## Look

```console
opsctl backup list                          # targets, snapshots, ages, errors
opsctl status                               # last proven backup
journalctl --since -2d --grep backup --no-pager | tail -n 100
df -h
```

| error | what to do |
|---|---|
| target is away, timeout, connection refused | the network, the host of the target, its key; what it lacks is kept here and pushed later |
| repository is locked | a run was killed: the next run removes a stale lock |
| repository does not exist | is it the right address, is the disk mounted? Only where it is gone for good: `opsctl backup run --new-repository TARGET` |
| wrong password | the secret of the target was changed; the old one opens the repository |
| no space left | [disk-full](disk-full.md), here or at the target |
| the WAL is not received | the database was recreated, or its receiver lost its place: below |
| proof failed | the backup was made and does not restore, or a question of `verify` got another answer: read which |

## Do

```console
opsctl backup run                           # a backup to every target, now, and its proof
opsctl backup verify                        # the proof alone
opsctl backup push                          # what targets lack
```

Until there is a proven backup again, change nothing that a restore would be needed for.
""",
    "break-glass": """\
# An account for emergencies was used

Somebody has logged in with the sealed key. That is meant for the day on which nobody's own key works, and on no other one.

## Look

```console
journalctl -t latentum-ops-break-glass             # when, from where, by which service
last -Faw | head                                   # whether the session is open still
opsctl access                                      # who may do what, and which accounts are for emergencies
journalctl -t opsctl --since -1d                   # what was done with opsctl
sudo tail -n 50 /var/log/sudo.log                  # what was done as root
```

## Do

Ask whoever keeps the sealed key. Somebody has used it, and says why:

```console
opsctl access --acknowledge                        # the alarm ends
```

Make a new key, seal it, and declare it in place of the old one: a key that was in use is not sealed any more.

Nobody knows of it: the key is stolen. Shut the account out from the controller (`state: absent` for it in `ops_operators`), which ends its sessions:

```console
ansible-playbook latentum.ops.access -i inventories/production
```

Then [data-breach](data-breach.md).
""",
    "certificate": """\
# A certificate ends, or was never issued

nginx serves a certificate that ends in a few days, or the self-signed stand-in that no client trusts.

Alert of Prometheus: `CertificateEnds`.

## Look

```console
opsctl status                               # days left, issuer, stand-ins
certbot certificates
journalctl -u certbot --since -2d --no-pager
tail -n 50 /var/log/letsencrypt/letsencrypt.log
```

| in the log | cause |
|---|---|
| unauthorized, 404, connection refused, timeout | the authority does not reach port 80 here: DNS (also AAAA), a firewall, a proxy in front |
| rateLimited, too many certificates | too many tries: wait until the time in the message; `--dry-run` counts not |
| CAA record | DNS forbids this authority |
| no space left | [disk-full](disk-full.md) |

## Do

```console
certbot renew --dry-run                     # would it work?
certbot renew
systemctl reload nginx                      # what was renewed is served from now on
opsctl check
```

A new certificate is issued by `site.yml --tags certbot`. An isolated host cannot renew: end the isolation first.

One of your own (`readlink /etc/latentum-ops/tls/DOMAIN` leads to `.own`) is not certbot's: write the next one into `certificates:` of the
declaration, or into its files on the host, and run `site.yml --tags secrets,nginx`. Without that entry, `site.yml` has certbot issue one.
""",
    "clock": """\
# The clock is wrong

The clock is more than a second off, or jumped. Certificates, one-time passwords, tokens and the order of logs depend on it.

Alert of Prometheus: `ClockOff`.

```console
timedatectl timesync-status                 # offset, server
journalctl -u systemd-timesyncd --since -1d --no-pager
ss -nup 'dport = 123'                       # does anything come back?
```

```console
systemctl restart systemd-timesyncd
opsctl check
```

A firewall of the provider that blocks UDP port 123 is the usual cause; a virtual machine that was paused or moved the next.
""",
    "conntrack-full": """\
# The firewall remembers too many connections

`ConntrackNearlyFull`: more than 80 % of the connections that the kernel can remember are in use. At 100 % new ones are dropped, for everybody: the
log says "nf_conntrack: table full, dropping packet".

## Look

```console
sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max
ss -s
conntrack -L 2>/dev/null | grep -o 'src=[0-9a-f.:]*' | sort | uniq -c | sort -n | tail -n 10
fail2ban-client status
opsctl ps                                   # addresses of containers
```

| what you see | cause |
|---|---|
| one source with thousands | a client that floods: ban it |
| a container as the source | connections that nobody closes: a pool without an end, one connection a request |
| many in TIME_WAIT | traffic without keep-alive |

## Do

```console
fail2ban-client set nginx-limit-req banip 203.0.113.7
sysctl -w net.netfilter.nf_conntrack_max=262144    # until the next boot; for good: os_hardening_sysctl_extra
```

## Escalate

When it comes from everywhere: the provider can filter before the host.
""",
    "crash-loop": """\
# A container starts again and again

`ContainerCrashLoop`: three starts or more within a quarter of an hour. Docker starts it whenever it ends, and the watchdog where it fails.

## Look

```console
opsctl ps
opsctl logs web --since 30m                 # the last lines before each end
docker inspect shop-web-1 --format '{{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}}'
opsctl history
```

| exit code | cause |
|---|---|
| 137, OOMKilled true | its memory limit: [high-memory](high-memory.md) |
| 137, OOMKilled false | killed by a stop that took too long, or by its healthcheck |
| 1, 2 | the application: configuration, a secret, a migration that is missing; its log says which |
| 126, 127 | the command of the image is not there, or not executable |
| 139 | a fault in native code: the image for another processor, a library |

## Do

```console
opsctl rollback                             # it began with a release
opsctl deploy --recreate web                # after the cause is gone
```

A service that waits for a database at its start should wait there, not end: [database-connections](database-connections.md).

## Escalate

When there is no release to go back to that starts.
""",
    "data-breach": """\
# A break-in is suspected

A login nobody knows, a process nobody started, data where it should not be. Do not repair yet, do not restart,
do not log in from everywhere: look little, keep much.

## 1. Isolate

```console
opsctl isolate --reason "unknown login of deploy"    # evidence first, then the host is cut off; 30 minutes
opsctl isolate --show                       # who may still come in, until when
opsctl isolate --confirm                    # from a NEW session: it stays, also over a restart
```

SSH stays open for your address only; containers keep running, and nothing goes in or out of them. `opsctl isolate --undo` ends it.

## 2. Assess

The archive in `/var/lib/latentum-ops/evidence` has processes, connections, logins, logs, what was changed in containers, keys, what starts by
itself, and hashes. Copy it away (`scp`), check `MANIFEST.sha256`, and read there, not on the host.

| look for | in |
|---|---|
| programs that were removed, or lie in a temporary folder | `programs.txt` (`!!`) |
| connections to where nothing of yours is | `connections.txt`, `conntrack.txt` |
| logins from elsewhere, at odd times | `logins.txt`, `journal_ssh.txt` |
| keys that nobody knows | `authorized_keys.txt` |
| files that were added to containers | `containers/*/diff.txt` |
| what starts by itself | `starting/`, `timers.txt`, `units.txt` |
| packages whose files differ | `packages_changed.txt`, `sha256.txt` |

```console
opsctl incident --since 7d                  # deployments, alerts, backups, maintenance in one order
```

## 3. Contain and eradicate

- Rotate what the host knew: secrets by `rotate_secrets`, tokens at their providers, SSH keys of everybody who logged in.
- A host that somebody had root on is not cleaned: it is replaced. Keep its disk for whoever investigates.

## 4. Recover

```console
opsctl backup list                          # a backup from before the first sign
```

A new host by `site.yml`, data of that moment, new secrets. Whom you have to tell, and by when, is law: ask now, not afterwards.
""",
    "database-connections": """\
# A database does not take connections

Services write "connection refused", "too many clients", "remaining connection slots are reserved", "could not translate host name",
"password authentication failed".

## Look

```console
opsctl ps                                   # does the database run, and is it healthy?
opsctl logs db --since 30m                  # what it wrote
opsctl shell db psql -U postgres -c "select state, count(*) from pg_stat_activity group by 1"
opsctl shell db psql -U postgres -c "select pid, state, now() - xact_start as age from pg_stat_activity"
```

`db` is the service of the database in the Compose file, `postgres` its superuser.

| message | cause | what to do |
|---|---|---|
| connection refused | it does not run, or reads its WAL after a crash | wait for `ready`; else [service-not-responding](service-not-responding.md) |
| too many clients | as many connections as `max_connections`: pools that are too large, or transactions that never end | below |
| could not translate host name | the service is not in the network of the database | the Compose file; `opsctl deploy --recreate SERVICE` |
| password authentication failed | the database keeps the password of its first start | rotate it with the declaration, not by hand |
| no space left on device | [disk-full](disk-full.md), before anything else | |
| in the recovery mode, read-only transaction | a standby | ask the primary |

## Do

```console
opsctl shell db psql -U postgres -c "select pg_terminate_backend(12345)"   # one that is idle in transaction for long
opsctl deploy --recreate SERVICE            # a pool that holds dead connections
opsctl recover                              # the whole stack, step by step
```

Do not restart a database because its clients are many: they all come back at once. A restart is for a database that does not answer.

## Data that is gone or wrong

```console
opsctl backup list                          # what can be restored, and to which second
opsctl restore database db                  # says the plan; --to TIME goes back to a moment, --yes does it
opsctl restore dump db --into looked_at     # beside it, to look first
```

## Afterwards

`watchdog.max_connections` warns: the watchdog, and `DatabaseConnectionsHigh` where the database is measured; both before the last
connection is taken. Pools of all containers together stay below `max_connections`.
""",
    "database-exporter": """\
# A database is not measured

`DatabaseExporterFailing`: the service runs, and its exporter has no numbers of it (`failing="all"`), or a declared query gives none
(`failing="query"`). Services are not touched by it; alerts of this database are blind.

## Look

```console
systemctl list-units 'latentum-ops-*-exporter@*' --all --no-pager
journalctl -u 'latentum-ops-*-exporter@shop.db' --since -1h --no-pager
journalctl -u latentum-ops-database-exporters --since -1h --no-pager     # who starts them, and makes the role
cat /run/latentum-ops-database-places.json                               # where each server is
opsctl shell db psql -U app -c "select rolname, rolsuper from pg_roles where rolname like 'latentum%'"
```

`shop.db` is stack and service, `app` the superuser of the image.

| the journal says | cause | what to do |
|---|---|---|
| password authentication failed, WRONGPASS, NOAUTH | the password was changed by hand | below: the role gets that of the store; yours is yours to set |
| no pg_hba.conf entry | a `pg_hba.conf` of your own, without a line for the host | `host all latentum_ops_metrics samenet scram-sha-256` |
| SSL is not enabled on the server, SSL off | `metrics.tls` and the server do not agree | `tls: true` where `pg_hba.conf` has `hostssl` only |
| too many connections for role | something else uses the role, which may have five | end it; the role is for the exporter alone |
| remaining connection slots are reserved | [database-connections](database-connections.md) | |
| relation … does not exist, permission denied | a query names a table that a migration removed | correct `metrics.queries`; run `site.yml --tags exporters` |
| statement timeout | a query takes longer than `metrics.timeout` | an index, or a longer `timeout` |
| unsupported startup parameter: extra_float_digits | PgBouncer | `ignore_startup_parameters = extra_float_digits` in its configuration |
| is a superuser | somebody gave the role too much | `ALTER ROLE latentum_ops_metrics NOSUPERUSER` |

## Do

```console
systemctl start latentum-ops-database-exporters        # role, password, address, a start
systemctl restart latentum-ops-postgresql-exporter@shop.db
```

## Escalate

Not at night: the watchdog goes on probing the database itself.
""",
    "database-reset": """\
# A database is to be empty again

Of an environment that is not production: everything away, a fresh start, the first data again. Nothing on the host does this by a single command,
on purpose.

```console
ansible-playbook latentum.ops.reset_database -i staging/hosts.yml -e ops_stack_name=shop -e reset_database_confirm=shop
```

It refuses a protected environment, makes a last backup and proves it, removes the volumes of the stack, starts the live release and runs its
migrations
([emergencies](../guides/emergencies.md)).

A single database of production goes back to a moment instead:

```console
opsctl backup list
opsctl restore database db                  # says the plan; --to TIME, --yes
opsctl restore undo                         # puts back what was replaced
```
""",
    "disk-full": """\
# A disk is full

A file system has more than 85 % (warning) or 95 % (critical) of its space or inodes in use. Databases stop first, then logs, then deployments: a
rollout needs room for images.

Alerts of Prometheus: `DiskFullSoon` (full within hours, as it fills now), `InodesNearlyUsed`.

## Look

```console
df -h --output=target,pcent,ipcent,avail
docker system df                            # images, containers, volumes, build cache
du -xh --max-depth=2 /var | sort -h | tail -15
journalctl --disk-usage
opsctl backup list                          # targets that are away: what they lack is kept here
```

## Do, in this order

```console
docker image prune --all --filter until=168h    # images that nothing uses; a registry has them
docker builder prune --all --filter until=24h
journalctl --vacuum-size=500M
apt-get clean
find /var/log -name '*.gz' -mtime +7 -delete
```

- **Never** `docker system prune --volumes`, nor `docker volume prune --all`: a volume whose container is just down is data.
- An image that was built on this host is in no registry: `opsctl releases` shows an id in place of a tag. Leave those.
- A log of a container is rotated by role `docker`. One that is large all the same is written by the container into a volume or its own layer:
  `docker ps --size`.
- WAL that a target of backups does not take is kept: bring the target back ([backup](backup.md)), then `opsctl backup push`.
- What a restore put aside is as large as the data: `opsctl restore confirm` removes it, once nobody wants it back.
- Deleted files that are still open: `lsof +L1`; restart who holds them.

## Afterwards

```console
opsctl check
opsctl recover                              # what has stopped meanwhile
```
""",
    "exporter-gone": """\
# Nobody measures any more

`ExporterGone`: Prometheus gets no numbers from an exporter for five minutes. Alerts that need them are blind; services are not touched by it.

## Look

```console
opsctl check
systemctl list-units 'latentum-ops-*' --all --no-pager
journalctl -u 'latentum-ops-*-exporter' --since -1h --no-pager
promtool query instant http://127.0.0.1:9090 'up == 0'
```

| `job` | unit |
|---|---|
| `node` | `latentum-ops-node-exporter` |
| `requests` | `latentum-ops-requests-exporter` |
| `nginx` | `latentum-ops-nginx-exporter`; it also ends up here when nginx is down |
| `blackbox` | `latentum-ops-blackbox-exporter` |
| `containers` | `latentum-ops-watchdog`; a 404 is `watchdog_container_metrics: false` |

## Do

```console
systemctl restart latentum-ops-requests-exporter
```

One that was turned off on purpose (`exporters_…: false`) leaves Prometheus with the next `site.yml --tags exporters,monitoring`.

## Escalate

Not at night: the watchdog goes on without it.
""",
    "failed-deployment": """\
# A deployment failed

It was refused before it began, or taken back: the release before serves, and no request was lost for it.

## Look

```console
opsctl history                              # every step, and why it failed
opsctl releases                             # failed releases with their reason; what is live
opsctl check
```

| it says | what to do |
|---|---|
| refused: … | nothing has happened; the message names the line to change |
| was not healthy within … | `opsctl logs` of the message; a slow start wants a longer `healthy_timeout` |
| the migration failed | the database is as the migration left it: read its output before you try again |
| failed before: … | a release that failed is not tried again by itself: `opsctl deploy --force`, when the cause is gone |
| it could NOT be taken back completely | the next deployment goes on with it: `opsctl recover` |
| somebody else works on this stack | `--wait 600` waits for them |

## Do

```console
opsctl deploy --dry-run                     # what would be done now
opsctl deploy --force                       # once more, when the cause is gone
opsctl recover                              # where the stack does not serve well
```
""",
    "held-updates": """\
# Updates of the engine wait

Updates of the night leave packages alone whose update interrupts something: the container engine first (`auto_updates_held`). Their
security fixes wait until somebody installs them. This is told once, and ends by itself once it is done.

The watchdog has no rights of root: where a file of `/etc/apt/sources.list.d` is closed to others apt tells it nothing, and only `opsctl status` knows.

## Look

```console
opsctl status                               # which, and the command
apt changelog docker.io | head -40          # what is fixed; Docker's own packages: docs.docker.com/engine/release-notes
opsctl backup list                          # a proven backup of today
```

## Do

The engine restarts; containers go on meanwhile (`live-restore`), unless the change of version is a large one. The message and
`opsctl status` have the command for what waits on that host:

```console
opsctl maintenance on --reason "update of the engine" --for 15m
sudo apt-get install --only-upgrade docker.io containerd runc
opsctl check                                # until all is well
opsctl maintenance off
```

With several hosts behind a load balancer: one after the other, each out of rotation meanwhile.

## Escalate

When containers do not come back: [unit-down](unit-down.md). The version before: `apt-get install docker.io=VERSION`, the first number that
`opsctl status` showed, as long as the repository has it.
""",
    "high-cpu": """\
# Processors are short

`HostCpuHigh`: more than 90 % of all processors for a quarter of an hour. `ContainerCpuHigh`: a container is near its own limit.
`ContainerThrottled`: it is held back by that limit in more than a quarter of the time; its requests wait, however idle the host is.

## Look

```console
docker stats --no-stream
top -b -n 1 | head -n 20
opsctl history                              # did it begin with a release?
```

| what you see | cause |
|---|---|
| one container at its limit, the host idle | its limit is too small for what it does, or it does too much: a loop, a retry |
| throttled, and far from its limit on average | many threads that all run at once for a moment: fewer of them, or a larger limit |
| `dockerd`, `restic`, `apt` | a backup, an update, a build: it passes |
| a process nobody knows | [data-breach](data-breach.md) |
| `st` in `top` is large | the provider gives the processors to others |

## Do

Write a larger `deploy.resources.limits.cpus` into the Compose file and deploy, or more replicas (`opsctl scale web 3`) where requests can be spread.

## Escalate

When the host itself is too small: a larger one, or a second.
""",
    "high-error-rate": """\
# Requests fail

`HighErrorRate`: more than 5 % (warning) or 10 % (page) of the requests to a route are answered with a 5xx, over five minutes. The container is up, or the
watchdog would have told first.

## Look

```console
opsctl status
opsctl history                              # did it begin with a release?
opsctl logs web --since 15m
tail -n 2000 /var/log/nginx/access.json | grep '"status":5' | tail -n 5
```

`web` is the service in the alert. In the access log, `upstream_status` and `upstream_address` say who failed:

| status | who | cause |
|---|---|---|
| 500 | the application | its log has the exception |
| 502 | nothing behind nginx answered | the container ended, or listens elsewhere: [service-not-responding](service-not-responding.md) |
| 503 | the application, or a limit of nginx | overload, maintenance of the application |
| 504 | the application was too slow | a database, another service, a lock: [high-latency](high-latency.md) |

Only one of several `upstream_address`: one container is broken. All: what they share, a database first ([database-connections](database-connections.md)).

## Do

```console
opsctl rollback                             # it began with a release
opsctl deploy --recreate web                # one container is broken, or holds dead connections
opsctl check
```

## Escalate

When a rollback does not help and the cause is not found within 15 minutes.
""",
    "high-latency": """\
# Requests are slow

`HighLatency`: one of 100 requests to a route takes longer than `monitoring.limits.latency` (two seconds), over five minutes.

## Look

```console
opsctl status
opsctl history                              # did it begin with a release?
docker stats --no-stream
tail -n 5000 /var/log/nginx/access.json | grep -o '"path":"[^"]*"' | sort | uniq -c | sort -n | tail
uptime
```

| what you see | cause |
|---|---|
| `duration` is large and `upstream_duration` is small | slow clients, or large answers: not the application |
| a container at its processor limit | [high-cpu](high-cpu.md) |
| the processors wait (`wa` in `top`) | the disk: backups, a full disk, swap |
| one path alone | a query without an index, a call to somebody else |
| everything, since a release | the release |

## Do

```console
opsctl rollback                             # it began with a release
opsctl shell db psql -U postgres -c "select now() - query_start, query from pg_stat_activity order by 1 desc"
opsctl scale web 3                          # more of a service that waits for its own processors
```

## Escalate

When users give up: errors follow slowness, and then this is [high-error-rate](high-error-rate.md).
""",
    "high-memory": """\
# Much memory or processor is used

The host has less than a tenth of its memory left, a container was killed for memory, or everything is slow.

Alerts of Prometheus: `HostMemoryHigh`, `ContainerMemoryNearLimit`, `ContainerOutOfMemory`.

## Look

```console
opsctl status                               # load, memory, what runs
docker stats --no-stream                    # who uses it now
opsctl incidents                            # "was killed for memory": which container, how often
opsctl history                              # did it begin with a deployment?
journalctl -k --since -1h --grep 'oom|Out of memory' --no-pager
```

A container that grows for days leaks. One that grows with its requests is too small or serves too many. If the sum of all limits is more than the
host has, the kernel chooses whom to kill.

## Do

```console
opsctl deploy --recreate SERVICE            # takes back what a leak has taken, without losing a request
opsctl scale SERVICE=2                      # fewer workers: less memory
opsctl rollback                             # it began with the last deployment
opsctl maintenance on --reason "more memory" --for 1h
```

## Afterwards

Limits stand in the Compose file (`deploy.resources.limits.memory`, `cpus`) and come with the next deployment. A service that was killed for
memory twice wants a higher limit or a fix; a healthcheck does not
find a leak.
""",
    "host-certificate": """\
# A certificate between hosts ends

The certificate by which other hosts of the inventory know this one (`/etc/latentum-ops/host-certificate`), or their authority, is nearly over. Each
run of `site.yml` renews it when a third of its days is left, so no run has reached this host for long. Once it has ended the monitoring host gets no
numbers of this host, and the log host takes no logs of it; both wait, and nothing else stops.

Alert of Prometheus: `HostCertificateEnds`.

```console
opsctl check
cd /etc/latentum-ops/host-certificate
openssl x509 -in certificate.pem -noout -subject -issuer -dates -ext subjectAltName
openssl verify -CAfile authority.pem certificate.pem
journalctl -u latentum-ops-metrics-front -u latentum-ops-prometheus --since -1h --no-pager
timedatectl
```

```console
ansible-playbook latentum.ops.site --tags host_certificates      # on the controller
```

What the run says then is the rest: a host that it waits for, a clock that is off, an authority whose folder or key is gone (its backup, or a larger
`host_certificates_generation` and a run for all hosts). "certificate is valid for …, not …": the host has another name in the inventory than in its
certificate, and the run renews it.
""",
    "isolated": """\
# This host is isolated

Somebody has cut it off: only SSH of the operators comes in, and nothing goes out. Nobody reaches the applications, and that is meant.

## Look

```console
opsctl isolate --show                       # by whom, why, until when, and who may come in
opsctl history                              # when it began
opsctl check                                # services go on; sites answer on this host only
```

What does not work meanwhile: alerts wait in the spool, certificates are not renewed, backups stay on this host, images are not pulled, no
firewall policy is applied, nothing is healed. A line with `!!` in `--show` says that somebody has changed the packet filter since.

## Do

```console
opsctl isolate --confirm                    # it stays, also over a restart; else it ends by itself
opsctl isolate --undo                       # everything as before
opsctl check                                # afterwards
opsctl backup push                          # what targets lack
```

Ask the person who began it before you end it: [data-breach](data-breach.md).
""",
    "log-shipping": """\
# Logs do not arrive

`LogSinkDown`: a sink (Loki, Elasticsearch, OpenSearch, VictoriaLogs) or the log host
takes nothing for 15 minutes, or nobody writes its numbers. `LogQueueFilling`:
70 % of what may wait for a sink or for the log host is used. `LogsDropped`: records were passed over beyond that queue, or refused for good; or,
critical, a log was rotated away before it was read. But for the last, all of it is in the tree of the host (`opsctl logs --archive`).

## Look

```console
systemctl status latentum-ops-log-collector latentum-ops-log-forwarder latentum-ops-log-sinks --no-pager
journalctl -u latentum-ops-log-sinks -u latentum-ops-log-forwarder --since -1h --no-pager
grep -h . /var/lib/prometheus/node-exporter/latentum_ops_logs*.prom
tail -n 3 /var/lib/latentum-ops/logs/sink.*.rejected.jsonl
df -h /var/log /var/lib
```

| it says | cause |
|---|---|
| 401, 403 | credentials: write the new ones, `site.yml --tags secrets` |
| timeout, connection refused, no such host | the sink, the network, or a [clock](clock.md) that is off |
| certificate | the host does not trust it: `authority` of the sink; between hosts [host-certificate](host-certificate.md) |
| 429, 413, read-only index, shards | the sink is full: its own operator |
| too old, mapping | refused for good: what is sent does not fit the sink's limits or fields |
| nothing, and the numbers are old | the service is gone: [unit-down](unit-down.md) |

| alert | what is lost, and when |
|---|---|
| `LogSinkDown` | nothing yet; the oldest, once the queue is full |
| `LogQueueFilling` | at the pace of the last hour: `waiting` against `queue` of the sink, panel "Queue that is used" |
| `LogsDropped`, warning | nothing on the host; the sink or log host lacks these records |
| `LogsDropped`, critical | lines that nobody has any more |

## Do

```console
systemctl restart latentum-ops-log-sinks       # reads credentials again
```

A sink that stays away longer: raise `queue` of the sink in `log_shipping_sinks`, where the disk has room, or take it out. For the log host
`log_shipping_queue`. A log that is rotated away unread is written faster than it is read, or its rotation is too small: `logging` of the service.

## Escalate

Audit logs that are missing at the log host are a finding: tell whoever answers for them, with the times from `opsctl log-archive verify`.
""",
    "model-not-available": """\
# A model is not available

The application answers "model not available", or serves with an old one: what a service loads at its start from a registry of models, a volume or
an object store is not there.

## Look

```console
opsctl check
opsctl logs SERVICE --since 1h --grep '(?i)model|artifact|registry'
opsctl ps                                   # does the registry of models run?
opsctl shell SERVICE ls -l /models          # the folder of your application
df -h
```

| it says | cause |
|---|---|
| no registered model, 404 | nothing was ever trained here, or in another stage: train it |
| connection refused, name not known | the registry does not run, or is in another network: [service-not-responding](service-not-responding.md) |
| permission denied | the volume belongs to another user than the one of the container |
| no space left on device | [disk-full](disk-full.md) |
| killed for memory while it loads | [high-memory](high-memory.md) |

## Do

```console
opsctl shell SERVICE COMMAND                # train or fetch it, as your application does
opsctl deploy --recreate SERVICE            # services that load a model at their start load it now, one after the other
opsctl check
```

A model that was there yesterday is in the backups of its volume: `opsctl restore volume NAME` says the plan.
""",
    "monitoring-down": """\
# Prometheus or Alertmanager is down

`PrometheusNotReady`, `AlertmanagerNotReady`, a call that a dead man's switch misses, or an incident of the watchdog about one of their units.
Nobody evaluates rules, or nobody tells; services are not touched, and the watchdog goes on healing and telling.

## Look

```console
opsctl check
systemctl status latentum-ops-prometheus latentum-ops-alertmanager --no-pager
journalctl -u latentum-ops-prometheus -u latentum-ops-alertmanager --since -1h --no-pager
df -h /var/lib
promtool query instant http://127.0.0.1:9090 up
amtool --alertmanager.url=http://127.0.0.1:9093 alert query
```

| in the journal | cause |
|---|---|
| no space left on device | [disk-full](disk-full.md); `monitoring_retention_size` is a limit, not a reservation |
| killed, out of memory | `monitoring_prometheus_memory` is too small for so many series |
| "Replaying WAL" | it was killed, and reads what it had; wait |
| error loading config | [monitoring-rules](monitoring-rules.md) |

## Do

```console
systemctl restart latentum-ops-prometheus
systemctl restart latentum-ops-alertmanager
```

Alerts that still hold come again within a minute.

With `monitoring_backend: victoriametrics` the units are `latentum-ops-victoriametrics` (keeps), `latentum-ops-vmagent` (asks) and
`latentum-ops-vmalert` (evaluates); `promtool` is not there, but the address is the same:

```console
systemctl status latentum-ops-victoriametrics latentum-ops-vmagent latentum-ops-vmalert --no-pager
journalctl -u latentum-ops-victoriametrics -u latentum-ops-vmagent -u latentum-ops-vmalert --since -1h --no-pager
a=http://127.0.0.1:9090
ask() { python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())' "$1"; }
ask "$a/api/v1/query?query=up"
ask $a/metrics | grep -e vm_storage_is_read_only -e vm_free_disk_space
du -sh /var/lib/latentum-ops-vmagent       # what waits, up to 1 GB
```

| what you see | cause |
|---|---|
| job `vmagent`: no numbers come | vmagent is gone, or VictoriaMetrics takes nothing |
| `vm_storage_is_read_only` 1 | less than `monitoring_free_disk` on its disk: [disk-full](disk-full.md); it goes on by itself |
| "cannot open storage" | two of them, or data of a later version |

Numbers that are corrupt: stop it, move `/var/lib/latentum-ops-prometheus` away, start it; budgets begin anew.
""",
    "monitoring-rules": """\
# Rules or configurations are refused

`RuleEvaluationFailing`: a rule of Prometheus cannot be evaluated, so its alert cannot fire. `ConfigReloadFailed`: Prometheus or Alertmanager has
refused its files, goes on with the ones before, and would not start again with these.

## Look

```console
opsctl check
journalctl -u latentum-ops-prometheus -u latentum-ops-alertmanager --since -1h --no-pager
promtool check config /etc/latentum-ops/monitoring/prometheus.yml
amtool check-config /etc/latentum-ops/monitoring/alertmanager.yml
promtool query instant http://127.0.0.1:9090 'prometheus_rule_evaluation_failures_total > 0'
```

With `monitoring_backend: victoriametrics`:

```console
journalctl -u latentum-ops-vmalert --since -1h --no-pager
cd /etc/latentum-ops/monitoring
vmalert -dryRun -loggerLevel=WARN '-rule=rules/*.yml' '-rule=rules.d/*.yml'
vmagent -dryRun -loggerLevel=WARN -promscrape.config=vmagent.yml
```

| what you see | cause |
|---|---|
| "found duplicate series", "many-to-many matching" | a rule of your own in `rules.d`, or two targets with the same labels |
| "query timed out", "too many samples" | the host is short of something: [high-cpu](high-cpu.md), [disk-full](disk-full.md) |
| a file of `rules.d` | your own: correct it |
| any other file | changed by hand: the next run puts it back |

## Do

```console
systemctl reload latentum-ops-prometheus latentum-ops-alertmanager
```

Files of the role come back by `site.yml --tags monitoring`.
""",
    "nginx-configuration": """\
# nginx refuses its files

nginx goes on with what it has loaded, but no reload works: no deployment of a route, no renewed certificate. A restart of the host would leave it
down.

## Look

```console
nginx -t                                    # which file, which line
opsctl history                              # was a route deployed?
find /etc/nginx -newermt '-2 days' -type f  # what was changed lately, also by hand
```

## Do

- A file of a site that was changed by hand: `site.yml --tags nginx` writes it again.
- A certificate or key that is missing: [certificate](certificate.md).
- "host not found in upstream": a file of somebody else names a host that DNS does not know now.
- "could not build ... hash": more names than the tables have room for; role `nginx` sets their size.

```console
nginx -t && systemctl reload nginx
opsctl check
```
""",
    "queue-depth": """\
# A queue is too long

`QueueDepth`: more entries than `max` of `watch.queues`, of `metrics.keys` or of `metrics.queries`, for as long as is declared. What waits
is late; nothing is lost yet.

## Look

```console
opsctl ps                                     # do the workers run?
opsctl logs worker --since 30m
opsctl shell cache redis-cli LLEN jobs
opsctl shell cache redis-cli INFO memory
promtool query instant http://127.0.0.1:9090 'deriv(redis_key_size{key="jobs"}[15m])'
```

| what you see | cause | what to do |
|---|---|---|
| no worker runs, or all restart | a release, or a job that kills each worker that takes it | [crash-loop](crash-loop.md), `opsctl rollback` |
| workers run and wait | what they ask is slow or down | [database-connections](database-connections.md), [high-latency](high-latency.md) |
| it grows evenly, workers are busy | more work than workers | more `replicas`, or fewer producers |
| it stands still at a number | entries that nobody takes: an old name, or a poisoned one | look at one (`LINDEX jobs 0`) before any is deleted |

## Do

```console
opsctl deploy --recreate worker               # workers that hang
```

Never empty a queue to end an alert: what was in it is somebody's order.

## Escalate

When it grows faster than it can be worked off before the memory of the cache is full ([redis-limits](redis-limits.md)).
""",
    "reboot-required": """\
# Updates wait for a reboot

Security updates of the kernel or of a library that everything uses are in force only after a reboot.

Alert of Prometheus: `RebootDue`.

## Look

```console
cat /run/reboot-required.pkgs
opsctl status
opsctl backup list                          # a proven backup of today
```

## Do

```console
opsctl backup run
opsctl maintenance on --reason "reboot for updates" --for 30m
systemctl reboot
```

After it, on the host:

```console
opsctl check                                # until all is well
opsctl maintenance off
```

With several hosts behind a load balancer, `ansible-playbook latentum.ops.patch -e ops_edge_group=edge` on the controller takes one after the
other out of the traffic, restarts it where that is due, and puts it back once it answers.
""",
    "redis-limits": """\
# Redis is at a limit

`RedisMemoryHigh`: more than 90 % of `maxmemory`, and its policy does not evict, so that it will refuse to write. A cache that evicts
(`allkeys-…`) is full every day, and is not told. `RedisRejectedConnections`: as many clients as `maxclients` are there, and further ones
were refused.

## Look

```console
opsctl shell cache redis-cli INFO memory
opsctl shell cache redis-cli INFO clients
opsctl shell cache redis-cli --bigkeys        # reads all keys, in small steps
opsctl shell cache redis-cli CLIENT LIST
```

| what you see | cause | what to do |
|---|---|---|
| one list or stream is most of it | a queue that is not worked off | [queue-depth](queue-depth.md) |
| many small keys without a time to live | a cache that was written as a store | `EXPIRE` in the application; `allkeys-lru` where all is a cache |
| `mem_fragmentation_ratio` above 1.5 | memory that was freed in pieces | `activedefrag yes`, or a restart of a cache |
| many clients that are idle for long | pools that are too large, or connections that leak | `timeout 300` in redis.conf; the application's pool |

## Do

```console
opsctl shell cache redis-cli CONFIG SET maxmemory 512mb    # below the limit of its container
```

## Escalate

When services write errors (`OOM command not allowed`).
""",
    "replication-lag": """\
# A standby is behind

`ReplicationLag`: by seconds or bytes more than the limit (warning), or a standby that receives nothing at all (`measure="connected"`,
critical). What the primary has and the standby has not is lost with the primary. One that has replayed all that there is, is not behind,
however long nothing was written.

## Look

```console
opsctl ps
opsctl shell db psql -U app -x -c 'select * from pg_stat_replication'      # on the primary
opsctl shell standby psql -U app -x -c 'select * from pg_stat_wal_receiver'
opsctl logs standby --since 1h
opsctl shell db psql -U app -c "select slot_name, active, restart_lsn from pg_replication_slots"
```

| what you see | cause | what to do |
|---|---|---|
| no row in `pg_stat_wal_receiver` | the primary is gone, its address or password is another one | the standby's log says which |
| "requested WAL segment … has already been removed" | it was away longer than the primary keeps WAL | make it anew (`pg_basebackup`), with a slot |
| bytes grow, `state` is `streaming` | the network or the standby's disk is slower than the primary writes | wait for a bulk load to end; else a faster disk |
| seconds grow, bytes hardly | a query on the standby holds replay up (`hot_standby_feedback`, `max_standby_streaming_delay`) | end the query on the standby |
| a slot that is not active | a standby that does not come back; the WAL kept for it fills the disk | `pg_drop_replication_slot('NAME')` once it is sure |

## Do

Do not promote a standby that is behind without counting what is lost. Do not restart the primary for it.

## Escalate

At once where the primary's disk fills with WAL ([disk-full](disk-full.md)).
""",
    "secret-rotation": """\
# A secret is too old, or its rotation did not come to its end

A secret is older than `rotation.every` says, or a rotation failed, was killed, or left a value from before that is still good.

Alert of Prometheus: `SecretTooOld`.

## Look

```console
opsctl rotate                               # each secret: age, who checks it, what is left of the value before
opsctl history                              # the rollouts of rotations are there as well
journalctl --since -2d --grep rotat --no-pager | tail -n 100
```

| it says | what to do |
|---|---|
| found an interrupted rotation | the next run goes on with it: `opsctl rotate --finish` |
| failed; it was taken back | the value from before counts. The reason names the service: it did not become healthy with the new value, or not at all |
| could NOT be taken back completely | both values are good. Mend the service that is named, then `opsctl rotate --finish` |
| connections hold the value from before | somebody outside of the stack logs in with it : give it the new one, or `opsctl rotate --finish --now` ends them |
| its value comes from outside | write the next one into the vault, then playbook `rotate_secrets` |
| the role is there already | somebody else has made `<owner>_a` or `<owner>_b`: rename it |
| pg_hba.conf lets the owner in and not its members | write `+owner` there |
| password authentication failed for user `<owner>_a`, after a restore | the backup is of before the rotation: `opsctl rotate --repair` |

## Do

```console
opsctl rotate database_password             # one, or several names
opsctl rotate --due                         # those that are too old
opsctl rotate --finish                      # go on with what was interrupted, and end values whose time is over
```

No request is lost: both values are good until all consumers have the new one.

## Escalate

A value that has become known is replaced now, and the one before it ended at once: `opsctl rotate NAME`, then
`opsctl rotate --finish --now`; see [data-breach](data-breach.md).
""",
    "service-not-responding": """\
# A service does not respond

Containers of a service are missing, unhealthy, restarted again and again, or fail a probe. The watchdog restarts them and takes them out of
rotation by itself; this
page is for when that did not help, or nobody has told why.

Alert of Prometheus: `ServiceDown`, where the watchdog has not told of it.

## Look

```console
opsctl check                                # what fails, and what fails with it
opsctl ps SERVICE                           # state, health, restarts, exit code, release
opsctl logs SERVICE --since 30m             # what it wrote
opsctl incidents                            # since when, why, and what was done about it
opsctl history                              # was anything deployed just before?
```

| it ended with | it means |
|---|---|
| 137, killed for memory | more memory than its limit: [high-memory](high-memory.md) |
| 137, killed by signal 9 | somebody or a grace period has killed it; else the memory of the host |
| 139 | a crash of the program (segmentation fault) |
| 126, 127 | its command is not in the image, or cannot be run |
| 1, 2, 255 at once after each start | its configuration: a missing variable or secret, a database that does not answer |

A service that waits for a database is not the cause: begin with what it needs ([database-connections](database-connections.md)).

## Do

```console
opsctl recover                              # restart, roll back, restore; each step is shown and asked for
opsctl deploy --recreate SERVICE            # new containers of the same release, beside the old ones
opsctl rollback                             # it began with the last deployment
opsctl shell SERVICE                        # look inside; noted in the journal of the host
```

Fewer containers than declared, and none starts: the image is gone, or the disk is full ([disk-full](disk-full.md)).

## Afterwards

`opsctl incidents` keeps what happened. A service that needs longer to start than its healthcheck allows wants a longer `start_period`; one that
crashes under load wants `replicas`.
""",
    "site-down": """\
# A site does not answer

nginx answers 502, 503 or 504 for a domain, or nothing at all, although it is asked on this host itself.

## Look

```console
opsctl check --all                          # which routes of it answer, and which services are behind them
opsctl upstreams show                       # where nginx sends requests: a server line for each container
opsctl ps                                   # are these containers there, at these addresses?
journalctl -u nginx --since -30m --no-pager
tail -n 50 /var/log/nginx/error.log
```

| answer | it means |
|---|---|
| 502 | nobody behind it: no healthy container, or it does not listen at the port of the route |
| 503 | a maintenance page (a deployment, a restore), or a limit of requests |
| 504 | the application takes longer than the timeout of the route |
| connection refused | nginx does not run: [unit-down](unit-down.md), [nginx-configuration](nginx-configuration.md) |
| 500 | the application itself: [service-not-responding](service-not-responding.md) |

All is well here, and clients do not get through: DNS, the firewall of the provider, a proxy in front. `dig +short DOMAIN` and a request from
elsewhere tell.

## Do

```console
opsctl upstreams sync                       # make them true, once
opsctl recover                              # restart, roll back, restore; each step is shown and asked for
```
""",
    "slo-fast-burn": """\
# An error budget burns fast

SLOFastBurn: a route, a service, a probe or a job fails so often now that its error budget is gone in days instead of a month, or every one of its
last requests has failed. Users notice. The message has the objective, what failed in the last hour, and what is left of the budget.

## Look

```console
opsctl check                                # does it still fail, and is it this host?
opsctl incidents                            # what the watchdog sees, and what it has done about it
opsctl history                              # did it begin with a deployment?
opsctl ps                                   # restarts, states, releases
opsctl logs --since 15m --grep '(?i)error|timeout|exception' -n 50
```

| indicator | look first at |
|---|---|
| availability of a route or service | the status: 502 and 504 are [containers that do not answer](site-down.md), 500 the application, 503 a recreation |
| availability of a probe | [service-not-responding](service-not-responding.md), with the probe that the message names |
| latency | [high-memory](high-memory.md), then the database: [database-connections](database-connections.md) |
| freshness | who brings the data: `opsctl jobs` |
| success of a job | `opsctl jobs log JOB`; three failures in a row page by themselves |

## Do

```console
opsctl rollback                             # it began with the last deployment: do this first
opsctl deploy --recreate SERVICE            # one service hangs
opsctl scale SERVICE=3                      # it began with more traffic
opsctl recover                              # nothing helped: restart, roll back, restore, step by step
```

The alert ends by itself five minutes after the failures do; after a longer outage, half an hour.

## Escalate

When a rollback did not help, when more than one service fails, or after 15 minutes without a cause: the next person on call, and
[system-failure](system-failure.md). Tell people by the status page: `opsctl maintenance on --reason TEXT --for 1h`.

## Afterwards

What failed is gone from the budget for its whole window. Below a tenth of it no release is meant to go out but a rollback or a security fix.
`opsctl incident --since 24h` writes the timeline.
""",
    "slo-no-data": """\
# An objective has no data

SLONoData: Prometheus has nothing from which the objective is measured, for `no_data` (ten minutes) or longer. That is not 100 %: nobody knows.
The budget, and the alerts of a budget that burns, are blind until the data is back. A route that nobody visits is not meant: while the lines of the
watchdog's own requests are read on a host of the stack, no request is no missing data.

## Look

```console
opsctl check                                # is the service itself well? Then nobody is hurt, only unseen
opsctl slo                                  # which objectives; or the Prometheus itself does not answer
systemctl status nginx latentum-ops-watchdog prometheus --no-pager
promtool query instant http://127.0.0.1:9090 'up == 0'
df -h
```

On the page of Prometheus, *Status → Targets*: is the target down, or is the series missing from a target that is up? Then *Status → Rules*: does a
rule fail?

| what is missing | cause |
|---|---|
| all series of a host | the host, its exporter, a firewall, the clock ([clock](clock.md)): Prometheus refuses samples from the future |
| `http_requests_total` of one route | the route was renamed: the name is its domain and path. Run playbook `slo` again |
| `…_bucket` with the bound of the objective | `monitoring.buckets` was changed and has not reached the exporter |
| `latentum_ops_watchdog_…` that are there | the watchdog stands still: its status is older than five minutes ([unit-down](unit-down.md)) |
| a job's counters | the job has another name now, or runs on another host |
| nothing is missing | the rules do not run: is the rule file in `rule_files`, was Prometheus reloaded? |

## Do

```console
systemctl restart latentum-ops-watchdog     # it stands still
opsctl check
```

The gap stays a gap: what happened in it is not counted, neither as good nor as bad. The access log of nginx has it.

## Escalate

When the service cannot be checked by `opsctl check` either, treat it as an outage: [site-down](site-down.md).
""",
    "slo-slow-burn": """\
# An error budget burns slowly, or is spent

SLOSlowBurn: for a day or three, more has failed than the objective allows; nobody has to be woken, and the budget does not last for its window.
SLOBudgetSpent: nothing is left of it. The objective is missed until the failures leave the window.

## Look

```console
opsctl slo                                  # what is left, how fast it burns, until when; --svg FILE: a picture
opsctl history                              # which releases fall into that time?
opsctl incidents                            # short failures that came back
opsctl jobs                                 # a job that fails some nights, or takes the processor
opsctl logs --since 24h --grep '(?i)error|timeout' -n 200
opsctl status                               # memory, disks, restarts
```

On the controller, the budget over its window as a picture, and when it will be spent at the present pace:

```console
ansible-playbook latentum.ops.slo -i production/hosts.yml -e slo_prometheus=http://127.0.0.1:9090
```

| the picture | cause |
|---|---|
| steps down | outages: each has its incident. Are they deployments? Then a canary, or a longer `observe` |
| an even slope | a share of all requests fails: one path, one client, one replica of several |
| a slope at the same hours | load, a backup, a job: move it, or give the service more |
| a slope since a release | that release: `opsctl releases` |

## Do

Find the one cause that costs most, and make a ticket of it. While less than a quarter is left, releases go out by canary and what can wait waits;
below a tenth nothing goes out but a rollback, a security fix that is named, or what has a reason
([how](../guides/objectives.md#what-a-budget-means-for-releases)). `opsctl rollback` where a release began it.

Not worth its alarm? An objective that is missed each month while nobody complains is too high. Lower it in `slos`, with a reason in the commit;
`burn_in: true` measures a new one without alarms.

## Escalate

When the budget is spent twice in a row, or when what burns it belongs to others (a provider, another team): whoever decides about features, since
reliability comes first until there is budget again.
""",
    "system-failure": """\
# Everything fails

Several services, or all, are down. In this order, and no further than needed:

```console
opsctl check                                # 1. look: what fails, and is it the host itself?
opsctl recover                              # 2. restart, roll back, restore: each step asked for
```

`opsctl recover` ends as soon as all checks of the stack pass. It stops where the host itself is the cause, since no restart helps then:

| the host | page |
|---|---|
| a full disk | [disk-full](disk-full.md) |
| Docker or nginx is down | [unit-down](unit-down.md) |
| nginx refuses its files | [nginx-configuration](nginx-configuration.md) |
| no memory | [high-memory](high-memory.md) |

The same by hand:

```console
opsctl deploy --recreate SERVICE            # restart
opsctl rollback                             # the release before
opsctl backup list                          # what there is
opsctl restore everything                   # says the plan; --yes replaces the data
opsctl restore undo                         # it was the wrong moment: back to before the restore
```

**The host is lost.** A new one with the same name, then on the controller: `dr_drill` has practised it; `opsctl restore identity`, `site.yml`,
`opsctl restore everything`
([backups](../guides/backups.md)).

Meanwhile tell people: the status page is served by nginx alone, and `opsctl maintenance on --reason TEXT --for 1h` says there what you are doing.
""",
    "unit-down": """\
# A unit of the host is down

Docker, nginx, or a daemon of this collection does not run, or systemd has restarted it.

Alert of Prometheus: `WatchdogSilent`, where that is the watchdog.

## Look

```console
systemctl status docker nginx latentum-ops-watchdog --no-pager
journalctl -u docker -u nginx -u latentum-ops-watchdog --since -30m --no-pager
df -h
opsctl version
```

## Do

| unit | what happens without it | what to do |
|---|---|---|
| docker | containers go on (live-restore), nothing is healed or deployed | `systemctl restart docker`; `dockerd --validate` says what is wrong in its file |
| nginx | nobody gets an answer | [nginx-configuration](nginx-configuration.md), then `systemctl restart nginx` |
| latentum-ops-watchdog | nobody is told or healed | `opsctl watchdog check`, then `systemctl restart latentum-ops-watchdog` |
| latentum-ops-socket-proxy | the watchdog tells that Docker's engine does not answer, and heals nothing | `systemctl restart latentum-ops-socket-proxy` |
| latentum-ops-upstreams | nginx keeps its addresses, also of who fails; what is missing stays so | `journalctl -u latentum-ops-upstreams`, then restart it |
| ssh | you are on a console | `sshd -t`, then `systemctl restart ssh` |

```console
opsctl check
opsctl upstreams sync                       # where latentum-ops-upstreams was away for long
```
""",
}
