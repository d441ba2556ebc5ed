# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with a target, told from what restic said.

restic (0.17 and later) has exit statuses for four faults: 3 (not everything was read), 10 (no repository), 11 (locked), 12 (wrong
key). Everything else is status 1 and words of its own or of the libraries below it; those of restic 0.18 and 0.19 are known here, and
words that are not known give a plain TargetError that carries them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


class TargetError(Exception):
    """An operation on a target failed; one sentence: which target, what failed, what to do.

    :ivar target: its name.
    :ivar reason: restic's words, secrets masked.
    """

    what = "failed"
    advice = "look at what restic says, and run the command again"

    def __init__(self, target: str, reason: str, *, what: str = "", advice: str = "") -> None:
        self.target, self.reason = target, " ".join(reason.replace("Fatal: ", "").split())
        because = f" ({self.reason})" if self.reason else ""
        super().__init__(f"target {target} {what or self.what}{because}: {advice or self.advice}")


class Unreachable(TargetError):
    """Nobody answers, or only somebody who has troubles of his own."""

    what = "does not answer as it should"
    advice = "see that its server runs and that this host may reach it; the next run tries again"


class Denied(TargetError):
    """The credentials are wrong, expired, or not enough."""

    what = "refuses access"
    advice = (
        "put valid credentials into the secrets that `environment` or `ssh_key_secret` names, apply the playbook, and see what they allow"
    )


class Untrusted(TargetError):
    """Whoever answers does not prove to be the target: an unknown certificate or host key."""

    what = "cannot prove who it is"
    advice = (
        "name the authority of its certificate by `ca`, or its host key by `backup_known_hosts`; if neither changed, find out who answers"
    )


class WrongKey(TargetError):
    """The repository was made with another key."""

    what = "holds a repository that this host's key does not open"
    advice = "put the right key in place (the escrow has it), or name another repository for the target"


class Absent(TargetError):
    """There is no repository."""

    what = "holds no repository"
    advice = "correct `repository` of the target; a backup makes a new one where none ever was"


class Missing(TargetError):
    """The repository does not hold the snapshot, or the snapshot not the path."""

    what = "does not hold what was asked for"
    advice = "look at what it holds: opsctl backup list"


class Locked(TargetError):
    """Somebody else works on the repository and did not finish while this waited."""

    what = "is locked by another process"
    advice = "let it finish; a lock that a dead process left is removed by `restic unlock`"


class Full(TargetError):
    """No room on the target."""

    what = "is full"
    advice = "make room there, or keep fewer backups (`retention`)"


class Damaged(TargetError):
    """What is stored is not what was written.

    :ivar readable: snapshots that could be read all the same (only from `Repository.snapshots`).
    """

    what = "holds damaged data"
    advice = "restore from another target; run `restic check --read-data` on this one, repair it, and look at its disks"
    readable: Sequence[object] = ()


class Overdue(TargetError):
    """The deadline passed while restic was at work."""

    what = "took too long"
    advice = "look at the bandwidth and at the size of the backup; what was uploaded is kept, and the next run goes on from there"


class Unread(TargetError):
    """A snapshot was made, but not of everything.

    :ivar files: path and reason of what is missing in it, as many as restic told.
    :ivar snapshot: id of the incomplete snapshot; empty when there is none.
    """

    what = "got an incomplete backup"
    advice = "see why this host cannot read them, or exclude them"

    def __init__(self, target: str, files: Mapping[str, str], snapshot: str) -> None:
        self.files, self.snapshot = dict(files), snapshot
        first = "; ".join(f"{path}: {why}" for path, why in list(files.items())[:3])
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        super().__init__(target, f"could not be read: {first}{more}")


BY_STATUS: dict[int, type[TargetError]] = {10: Absent, 11: Locked, 12: WrongKey}

# The first that matches decides: a damaged answer of a gateway is no damaged data, and what is refused was reached.
WORDS: tuple[tuple[type[TargetError], re.Pattern[str]], ...] = (
    (Untrusted, re.compile(r"x509:|failed to verify certificate|Host key verification failed|HOST IDENTIFICATION HAS CHANGED")),
    (Full, re.compile(
        r"no space left on device|disk quota exceeded|\(507\)|insufficient storage|storage full|minimum free drive|quota ?exceeded"
        r"|storage_cap_exceeded", re.IGNORECASE)),
    (Denied, re.compile(
        r"\((401|403)\)|401 Unauthorized|403 Forbidden|access denied|AccessDenied|request signature we calculated|SignatureDoesNotMatch"
        r"|access key id you provided|InvalidAccessKeyId|no credentials found|token (has|is) expired|ExpiredToken|InvalidToken"
        r"|invalid_grant|AuthenticationFailed|AuthorizationFailure|expired_auth_token|bad_auth_token|request time and the server.s time"
        r"|Permission denied \(|sftp: .permission denied|<\w+/\w*>.*permission denied|unable to open .*permission denied", re.IGNORECASE)),
    (Missing, re.compile(
        r"no matching ID found|no snapshot found|not found in snapshot|^path .*: not found"
        r"|<snapshot/\w+>.*(no such file|not exist|NoSuchKey|\(404\))")),
    (Absent, re.compile(r"specified bucket does not exist|NoSuchBucket|ContainerNotFound|bucket (was )?not found", re.IGNORECASE)),
    (Unreachable, re.compile(
        r"dial (tcp|udp|unix)|no such host|connection refused|connection reset|connection lost|broken pipe|i/o timeout|no route to host"
        r"|network is unreachable|Client\.Timeout|deadline exceeded|handshake timeout|Could not resolve|ssh: connect|ssh command exited"
        r"|unable to start the sftp session|unexpected EOF|request (timeout|canceled)|\(50[0234]\)|50[234] (Bad|Service|Gateway)"
        r"|SlowDown|Internal ?Error|stuck", re.IGNORECASE)),
    (Damaged, re.compile(
        r"ciphertext verification failed|invalid data returned|repository contains errors|(is|are) damaged|unexpected pack id"
        r"|hash does not match|not found in (the )?(repository|index)|packs from index missing|could be damaged"
        r"|<(data|index|key)/\w+>.*(no such file|not exist|NoSuchKey|\(404\))|^pack \w+: does not exist")),
)  # fmt: skip


def kind_of(words: str) -> type[TargetError]:
    """The fault that these words tell of; TargetError itself when they are not known."""
    return next((kind for kind, pattern in WORDS if pattern.search(words)), TargetError)


def judge(target: str, status: int, final: str, output: Sequence[str]) -> TargetError:
    """The error for what restic said.

    :param status: its exit status.
    :param final: its last word, of JSON's `exit_error` or the end of stderr.
    :param output: everything else on stderr, in order.
    """
    if status in BY_STATUS:
        return BY_STATUS[status](target, final)
    crash = next((line for line in output if line.startswith("panic:")), "")
    if crash:
        return TargetError(target, crash, what="made restic crash", advice="look at its data with `restic check`, and for a newer restic")
    if kind_of(final) not in {TargetError, Damaged, Unreachable}:
        return kind_of(final)(target, final)
    # "There were 3 errors", "the repository contains errors", "unexpected EOF": the cause stands before it. What could not be fetched looks
    # damaged to restic.
    known = [(kind, line) for line in output if (kind := kind_of(line)) is not TargetError]
    known.sort(key=lambda line: line[0] is Damaged)
    kind, line = known[0] if known else (kind_of(final), final or (output[-1] if output else f"exit status {status}"))
    return kind(target, line.strip("@ "))
