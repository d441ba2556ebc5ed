# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(backups): what is kept, where, for how long, and what is promised."""

from __future__ import annotations

from ...contracts.backup_settings import PARTS, VERIFY, BackupSettings, Check, Escrow, Plan, Target, Volume
from ...contracts.nodes import described, duration, flag, number, text
from ...schema import values
from ...schema.calendar import calendar
from ...schema.nodes import Items, Node, Number, Record, Table, Text
from ..forms import commands, secret, service_name
from . import values as backup_values

WAIVERS = ("no_escrow",)
TARGET_WAIVERS = ("plain_http",)

_LINE = values.named(r"[^\x00-\x1f\x7f]{1,512}", "is not a pattern on one line", "write a pattern such as *.tmp", "pattern")
_TARGET_NAME = values.named(
    r"[a-z][a-z0-9_-]{0,30}", "is not a name for a target", "write lower case letters, digits, _ and -, such as offsite"
)
_MOST = {"daily": 3660, "weekly": 520, "monthly": 240, "yearly": 100}
_COUNTS: dict[str, Node] = {
    name: Number(default=count, most=_MOST[name], example=str(count), description=f"So many {name} backups are kept.")
    for name, count in BackupSettings("", "", ()).retention.items()
}
RETENTION = Record(
    default=None,
    fields=_COUNTS,
    example="{daily: 30, weekly: 8, monthly: 12}",
    description=f"{described(BackupSettings, 'retention')} Not all can be V(0).",
)
_PLAN_NAME = values.named(
    r"[a-z][a-z0-9_-]{0,30}", "is not a name for a plan", "write lower case letters, digits, _ and -, such as database", "name"
)
# What is not written counts nothing here: of a monthly plan, C(daily: 30) would keep thirty months.
PLAN_RETENTION = Record(
    default=None,
    fields={
        name: Number(default=0, most=most, example="12", description=f"So many {name} backups of the plan are kept.")
        for name, most in _MOST.items()
    },
    example="{daily: 30}",
    description=f"{described(Plan, 'retention')} C(daily) counts days on which the plan has a backup. Not all can be V(0).",
    implied="that of C(backups)",
)
PLAN = Record(
    hidden=True,
    description="A part of the data that is backed up at its own times and kept for its own time. Its snapshots are its own:"
    " the retention of one plan removes none of another.",
    fields={
        "name": Text(
            required=True,
            default="",
            check=_PLAN_NAME,
            example="database",
            description="Its name, of its timer and its snapshots. Each name once; no word of C(opsctl backup).",
        ),
        "schedule": Text(
            required=True,
            default="",
            check=values.Form(calendar, "calendar expression"),
            example="*-*-* 02:00",
            description="When it begins, in the words of systemd.time(7). Not a line of cron.",
        ),
        "takes": Items(
            of=Text(default="", choices=PARTS),
            default=None,
            example="[databases, caches]",
            description="What is in its backups. V(host) is what a bare host needs to be this one again: the Compose project, releases,"
            " secrets, nginx, certificates. Each part that the stack has is in at least one plan.",
            implied="all",
        ),
        "retention": PLAN_RETENTION,
        "verify": Text(default=None, choices=VERIFY, example="weekly", description=described(Plan, "verify"), implied="that of C(backups)"),
        "stale_after": duration(
            Plan,
            "stale_after",
            "8d",
            default=None,
            description="When its last backup that was restored is older, the watchdog tells. What is in no WAL may be lost for as long.",
            implied="the longest time between two runs and 2h, with C(verify=weekly) a week more",
        ),
    },
    example="{name: database, schedule: '*-*-* 02:00', takes: [databases, caches], retention: {daily: 30}}",
)
TARGET = Record(
    hidden=True,
    description="A restic repository. Each target is encrypted with a key of its own.",
    fields={
        "name": Text(required=True, default="", check=_TARGET_NAME, example="offsite", description="Its name. Each name once."),
        "repository": Text(
            required=True,
            hidden=True,
            check=backup_values.repository,
            example="s3:https://s3.example.com/bucket/latentum",
            description="A folder (C(/srv/backup/latentum)), C(sftp:user@host:/path) (with a port C(sftp://user@host:2222//path)),"
            " C(s3:https://host/bucket/path) or C(rest:https://host/path). Each place once; no password in it.",
        ),
        "environment": Table(
            of=Text(default="", hidden=True, check=values.secret_name, example="s3_access_key"),
            name=backup_values.target_variable,
            default={},
            hidden=True,
            example="{AWS_ACCESS_KEY_ID: s3_access_key}",
            description="What an S3 or REST server asks for, as variable and secret; C(AWS_ACCESS_KEY_ID) and C(AWS_SECRET_ACCESS_KEY),"
            " C(RESTIC_REST_USERNAME) and C(RESTIC_REST_PASSWORD).",
        ),
        "append_only": flag(Target, "append_only"),
        "upload_limit": number(Target, "upload_limit", "2048"),
        "ssh_key_secret": secret("SFTP, the private key, of kind V(ed25519), V(rsa) or V(provided).", "backup_ssh_key"),
        "ca": Text(
            default="",
            hidden=True,
            check=backup_values.authority,
            example="\"{{ lookup('ansible.builtin.file', 'ca.pem') }}\"",
            description="S3 and REST, the certificate of a CA of your own, in PEM.",
        ),
        "allow": Items(
            of=Text(default="", choices=TARGET_WAIVERS),
            default=[],
            example="[plain_http]",
            description="The waiver of C(http://), where nobody else can listen.",
        ),
    },
    example="{name: offsite, repository: 's3:https://s3.example.com/bucket/latentum'}",
)
# Hidden throughout: the secret half of a key that stands in place of its public one is still one.
ESCROW = Record(
    hidden=True,
    default=None,
    description="Who else gets the keys, which are on the host and would die with it. One is needed, or a waiver.",
    fields={
        "recipients": Items(
            of=Text(default="", hidden=True, check=backup_values.recipient, example="age1…"),
            default=[],
            hidden=True,
            example="[age1…]",
            description=described(Escrow, "recipients"),
        ),
        "vault": flag(Escrow, "vault", hidden=True),
    },
    example="{recipients: [age1…]}",
)
CACHE = Record(
    hidden=True,
    description="A Redis, or a relative of it, that is asked for a copy of its data.",
    fields={
        "service": Text(required=True, default="", check=service_name, example="cache", description="Name of the service."),
        "password_secret": secret("Its password.", "cache_password"),
    },
    example="{service: cache, password_secret: cache_password}",
)
VOLUME = Record(
    description="How a volume of the Compose file is backed up, where that differs.",
    fields={
        "mode": text(Volume, "mode"),
        "exclude": Items(
            of=Text(default="", check=_LINE, example="*.tmp"),
            default=[],
            example='["*.tmp"]',
            description=described(Volume, "exclude"),
        ),
        "before": commands("Commands before it is read, in the first container of the service that writes to it.", "[redis-cli, save]"),
        "after": commands("Commands after it was read, in the same container.", "[redis-cli, save]"),
    },
    example="{mode: paused}",
)
CHECK = Record(
    description="A question to a restored database. One of C(at_least) and C(newest) is needed.",
    fields={
        "database": Text(required=True, default="", example="latentumdb", description="The name of one of C(databases)."),
        "service": Text(
            default="",
            check=service_name,
            example="cache",
            description="Only needed when several servers have a database of this name.",
            implied="its server",
        ),
        "query": text(Check, "query", "SELECT count(*) FROM users", check=backup_values.query),
        "at_least": Text(
            default=None, numbers=True, check=values.between(-1e15, 1e15, "1"), example="1", description=described(Check, "at_least")
        ),
        "newest": Text(
            default=None,
            numbers=True,
            check=values.lasting(1, 3660 * 86400),
            example="26h",
            description="The answer is a time, and was not older when the backup was taken.",
        ),
    },
    example="{database: latentumdb, query: SELECT count(*) FROM users, at_least: 1}",
)
BACKUPS = Record(
    hidden=True,
    default=None,
    description="What is kept, where and for how long. Without it no backups are made.",
    fields={
        "schedule": text(
            BackupSettings,
            "schedule",
            "*-*-* 02:30",
            check=values.Form(calendar, "calendar expression"),
            description="When a backup begins, in the words of systemd.time(7). Not a line of cron.",
        ),
        "jitter": duration(
            BackupSettings, "jitter", "15m", description="It begins up to so much later, so that several hosts do not begin at once."
        ),
        "wal_every": duration(
            BackupSettings,
            "wal_every",
            "60s",
            description="Time between two pushes of WAL to the targets. V(0) is with the backups only. Not longer than C(rpo).",
        ),
        "verify": text(BackupSettings, "verify"),
        "keep_bases": number(BackupSettings, "keep_bases"),
        "retention": RETENTION,
        "rpo": duration(
            BackupSettings, "rpo", "1h", description="Promised, changes of so much time may be lost. Drills and the status compare with it."
        ),
        "rto": duration(BackupSettings, "rto", "4h", description="Promised, a restore takes no longer."),
        "stale_after": duration(
            BackupSettings,
            "stale_after",
            "26h",
            default=None,
            description="When the last backup that was restored is older, the watchdog tells. With C(verify=weekly) not under 7d.",
            implied="V(26h), with C(verify=weekly) 8d 2h",
        ),
        "targets": Items(
            required=True,
            of=TARGET,
            default=[],
            hidden=True,
            example=f"[{TARGET.example}]",
            description=described(BackupSettings, "targets"),
        ),
        "escrow": ESCROW,
        "caches": Items(of=CACHE, default=[], example=f"[{CACHE.example}]", description="Redis and its relatives among the services."),
        "volumes": Table(
            of=VOLUME,
            default={},
            example=f"{{models-data: {VOLUME.example}}}",
            description="Volumes by their key in the Compose file, where they are to be treated otherwise.",
        ),
        "paths": Items(
            of=Text(default="", check=values.folder, example="/srv/files"),
            default=[],
            example="[/srv/files]",
            description="Further folders of the host. None in another, in Docker's own, or with a repository in it.",
        ),
        "checks": Items(of=CHECK, default=[], example=f"[{CHECK.example}]", description="Questions to a restored database."),
        "plans": Items(
            of=PLAN,
            default=[],
            hidden=True,
            example=f"[{PLAN.example}]",
            description="Which part of the data is backed up when. They stand for C(schedule) and C(stale_after). All of them go to all"
            " targets, one after another.",
            implied="one backup of everything",
        ),
        "allow": Items(of=Text(default="", choices=WAIVERS), default=[], example="[no_escrow]", description="The waiver of C(escrow)."),
    },
    example=f"{{targets: [{TARGET.example}], escrow: {ESCROW.example}}}",
)
