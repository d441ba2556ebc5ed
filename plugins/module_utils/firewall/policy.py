# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's firewall is what the declaration says: nothing missing, nothing stale, Docker's published ports included.

UFW keeps and loads the rules. The files that it should have are made beside the live ones, exchanged as one transaction, and
loaded in one atomic step for each IP version, so that there is no moment without the rule for SSH and none without a firewall.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.process import CommandError, run
from ..core.versioned_json import read_state
from ..hostconfig import revert_timer
from ..hostconfig.entries import Change, Entry, compare, restore, write
from . import containment, isolated
from .container_rules import BEGIN, END, ufw_block, ufw_rule
from .containment import Hold
from .description import describe, describe_kept, words
from .docker_ports import CHAIN, DockerNetworks, block, chain_rules, with_block, written_by_others
from .foreign import foreign, given_way, giving_way, record, recorded, shadowed, spliced
from .host import Connection, connection, docker_backend, listens, rival
from .rules import FirewallError, Rule, admission, parse_rules, parse_stored
from .sharing import shared
from .ufw_files import AFTER, CHAINS, DEFAULTS, POLICIES, SETTINGS, USER, Kept, chain_count, expected, render, setting, with_settings

NAME = "firewall"  # of the revert timer
RECORD = Path("/var/lib/latentum-ops/firewall.json")
INIT = "/lib/ufw/ufw-init"
IPV6 = Path("/proc/net/if_inet6")
ENABLED_AT_BOOT = Path("/etc/systemd/system/multi-user.target.wants/ufw.service")
RESTORE = {4: "iptables-restore", 6: "ip6tables-restore"}
LIST = {4: "iptables", 6: "ip6tables"}
# Whatever the state was: stop, and start when the files that are back say so.
TAKE_BACK = (("iptables", "-F", "DOCKER-USER"), ("ip6tables", "-F", "DOCKER-USER"), (INIT, "force-stop"), (INIT, "start"))


@dataclass(frozen=True)
class Policy:
    """What is wanted. Defaults are ``allow``, ``deny`` or ``reject``.

    :param rules: in their order; those of the stacks of this run are among them.
    :param containers: hold containers of our stacks back from services of the host and from metadata services.
    :param stacks: which of them are there for which stack. Rules that the host has recorded of other stacks are kept.
    :param own_sysctl: let UFW set its own kernel parameters (/etc/ufw/sysctl.conf) whenever it starts.
    :param docker: how Docker's networks are recognised; None leaves Docker's published ports alone.
    :param ssh_port: must be open when the host is not managed over SSH (else the port in use must be).
    :param keep_foreign: rules of UFW that no policy has written stay, before those of this one.
    :param revert_after: seconds until the change takes itself back unless confirmed; 0 for never.
    """

    rules: Sequence[Rule]
    incoming: str = "deny"
    outgoing: str = "allow"
    routed: str = "deny"
    logging: str = "low"
    ipv6: bool = True
    own_sysctl: bool = True
    docker: DockerNetworks | None = field(default_factory=DockerNetworks)
    ssh_port: int = 22
    allow_without_ssh: bool = False
    revert_after: int = 0
    keep_foreign: bool = False
    containers: bool = False
    stacks: Mapping[str, Sequence[Rule]] = field(default_factory=dict)

    @property
    def families(self) -> tuple[int, ...]:
        """The IP versions that UFW looks after."""
        return (4, 6) if self.ipv6 else (4,)

    @property
    def live(self) -> tuple[int, ...]:
        """Those of them that the running kernel has."""
        return tuple(family for family in self.families if family == 4 or IPV6.exists())

    def foreign(self, kept: Kept, family: int) -> list[str]:
        """Rules of others of one IP version, as UFW keeps them; none where all that is not declared goes."""
        if not self.keep_foreign or family not in self.families:
            return []
        own, away = recorded().get(family, ()), given_way().get(family, {})
        return foreign(kept.files[USER[family]], self.rules, expected(self.rules, family), own, away)

    def stored(self, kept: Kept, family: int) -> list[str]:
        """All rules that UFW is to have."""
        return [*self.foreign(kept, family), *expected(self.rules, family)]

    def effective(self, kept: Kept) -> list[Rule]:
        """All rules in the order in which they are tried, without those of others that no declared rule can say."""
        theirs = dict.fromkeys(rule for family in self.families for line in self.foreign(kept, family) if (rule := parse_stored(line)))
        return [*theirs, *self.rules]


@dataclass
class Outcome:
    """What was, or in check mode would be, changed; both texts are the policy in words."""

    before: str
    after: str
    changed_paths: list[str] = field(default_factory=list)
    changed: bool = False
    armed: bool = False


def refuse(policy: Policy, at: Connection | None, kept: Kept) -> None:
    """:raises FirewallError: the policy would lock the operator out, or would not hold on this host."""
    problems = []
    port, client = (at.port, at.client) if at and listens(at.port) else (policy.ssh_port, None)
    rules = policy.effective(kept)
    rule = admission(rules, port, client)
    admitted = rule.action in {"allow", "limit"} if rule else policy.incoming == "allow"
    if rule is None and client is None:
        # No client to judge by: some rule must open the port to somebody.
        openings = [opening for opening in rules if opening.action in {"allow", "limit"}]
        admitted = admitted or any(opening.admits(port, _first_address(opening)) for opening in openings)
    if not admitted and not policy.allow_without_ssh:
        who = f"the SSH connection in use (from {client} to port {port})" if client else f"SSH on port {port}"
        problems.append(
            f"rules: {who} would be shut out"
            + (f" by `ufw {' '.join(rule.argv())}`" if rule else "")
            + f": add a rule such as {{action: limit, port: {port}, protocol: tcp}}, or set allow_without_ssh: true"
            + (
                f" (of role firewall: firewall_ssh_port, which follows ssh_hardening_port, is {policy.ssh_port})"
                if port != policy.ssh_port
                else ""
            )
        )
    if manager := rival():
        problems.append(f"{manager} manages the packet filter of this host as well: disable it, for two managers undo each other's rules")
    if policy.docker and docker_backend() == "nftables":
        problems.append(
            "Docker uses its nftables backend, which does not go through the DOCKER-USER chain, so its published ports would stay open: "
            'set "firewall-backend": "iptables" in /etc/docker/daemon.json, or set docker: false'
        )
    for line, opening in (pair for family in policy.families for pair in shadowed(policy.foreign(kept, family), policy.rules)):
        problem = f"rules: `ufw {' '.join(opening.argv())}` would never be reached: `{words(line)}` of somebody else stands before it"
        problems.append(f"{problem}: remove that with `ufw delete`, or the opening from the rules")
    if policy.docker:
        problems += [problem for path in AFTER.values() if (problem := others_in(path, kept.files[path]))]
    if problems:
        raise FirewallError(problems)


def others_in(path: Path, content: str) -> str:
    """What to do about rules of others for Docker's published ports; empty where there are none."""
    place = written_by_others(content)
    if not place:
        return ""
    problem = f"{path}: {place} write to the chain {CHAIN}, which holds the policy for published ports, and each would empty the other's"
    fix = "remove them and declare what they open as rules (firewall_extra_rules), or leave the chain to them (firewall_docker: false)"
    return f"{problem}: {fix}"


def _first_address(rule: Rule) -> str | None:
    return None if rule.source == "any" else rule.source.split("/")[0]


def apply(policy: Policy, *, check_mode: bool = False, without: str = "") -> Outcome:
    """Bring the policy about, one run at a time, with the rules of stacks that only the host knows.

    :param without: a stack that is taken away from the host.
    :raises FirewallError: refused before any change, or not possible; then the former files and rules are back.
    """
    if (isolation := isolated.load()) and not check_mode:
        raise FirewallError([f"{isolation.describe()}: its rules would be lost with these: end it first"])
    with nullcontext() if check_mode else revert_timer.locked(NAME):
        kept = Kept.read()
        together = shared(policy.rules, policy.stacks, kept, without, adopt=not policy.keep_foreign)
        recorded = [*together.recorded, *_recorded(policy, together.host)]
        whole = replace(policy, rules=together.rules)
        of_stacks = set(together.rules) - set(parse_rules(together.host["rules"]))
        hold = Hold.of(whole.effective(kept), of_stacks, log=policy.logging != "off") if whole.containers else None
        if hold and not check_mode:
            hold.refuse(None if policy.allow_without_ssh else connection())
        outcome = _apply(whole, kept, _changes(recorded), check_mode)
        if difference := containment.bring(hold, check_mode=check_mode):
            outcome.changed = True
            outcome.before += difference.before
            outcome.after += difference.after
            outcome.changed_paths += difference.paths
        return outcome


_PLAIN = ("incoming", "outgoing", "routed", "logging", "ipv6", "own_sysctl", "ssh_port", "allow_without_ssh", "keep_foreign", "containers")


def _recorded(policy: Policy, host: Mapping[str, Any]) -> list[Entry]:
    """What the host wants without any stack, for whoever takes one away and knows no inventory."""
    docker = {"interfaces": list(policy.docker.interfaces), "pools": list(policy.docker.pools)} if policy.docker else None
    content = json.dumps({**host, **{name: getattr(policy, name) for name in _PLAIN}, "docker": docker}, indent=1, sort_keys=True) + "\n"
    if not RECORD.parent.is_dir():
        return []
    return [Entry(path=RECORD, content=content.encode(), mode=0o600)]


def of_host() -> Policy | None:
    """The policy that the host wants without any stack; None where nobody has recorded it.

    :raises ValueError: the record is damaged.
    """
    raw = read_state(RECORD, None)
    if raw is None:
        return None
    docker = DockerNetworks(**raw["docker"]) if raw["docker"] else None
    plain = {name: raw[name] for name in _PLAIN if name in raw}  # an older engine did not know all of them
    return Policy(parse_rules(raw["rules"], str(RECORD)), **plain, docker=docker)


def _changes(entries: Sequence[Entry]) -> list[Change]:
    return [change for entry in entries if (change := compare(entry))]


def _apply(policy: Policy, kept: Kept, recorded: Sequence[Change], check_mode: bool) -> Outcome:
    """:param recorded: what is written with a change, and is none itself."""
    refuse(policy, connection(), kept)
    if not kept.installed and not check_mode:
        raise FirewallError(["UFW is not installed: install the package ufw"])
    armed = bool(policy.revert_after) and revert_timer.armed(NAME)
    outcome = _compared(policy, kept)
    outcome.armed = armed
    if not outcome.changed and not check_mode:
        _remember(policy, kept)
    if not outcome.changed or check_mode:
        for record in () if check_mode else recorded:
            write(record.entry)
        return outcome
    if armed and not revert_timer.await_confirmation(NAME):
        # The last change was never confirmed: what it replaced is the last state known to be good.
        revert_timer.revert_now(NAME)
        kept = Kept.read()
        recorded = _changes([change.entry for change in recorded])
        outcome = _compared(policy, kept)
    wanted = _wanted_files(policy, kept)
    _test(policy, wanted)
    changes = [change for path, content in wanted.items() if (change := _change(path, content))]
    outcome.changed_paths = [str(change.entry.path) for change in changes]
    changes += recorded
    booted = Path("/run/systemd/system").is_dir()
    if booted and policy.revert_after:
        revert_timer.arm(NAME, [change.before for change in reversed(changes)], TAKE_BACK, policy.revert_after)
        outcome.armed = True
    try:
        for change in changes:
            write(change.entry)
        if not ENABLED_AT_BOOT.exists():
            run(["systemctl", "enable", "--quiet", "ufw.service"])
        if booted:
            _load(policy, kept)
            # UFW runs already; its unit only learns that it does.
            run(["systemctl", "start", "ufw.service"])
            if problems := _not_live(policy, wanted):
                raise FirewallError(problems)
        _remember(policy, kept)
    except (CommandError, OSError, FirewallError) as error:
        _take_back(changes, booted=booted)
        raise FirewallError([f"the policy could not be loaded, and the former one is back: {error}"]) from error
    return outcome


def _remember(policy: Policy, kept: Kept) -> None:
    """What is ours of UFW's rules, for the next policy that keeps those of others; of no other interest, and so no change.

    :param kept: how UFW's files were before this policy.
    """
    if not policy.keep_foreign:
        return
    ours, own, away = {family: expected(policy.rules, family) for family in policy.families}, recorded(), given_way()
    covered = {
        family: giving_way(kept.files[USER[family]], policy.rules, lines, own.get(family, ()), away.get(family, {}))
        for family, lines in ours.items()
    }
    if {family: list(own[family]) for family in ours} != ours or {family: dict(away[family]) for family in ours} != covered:
        record(ours, covered)


def _take_back(changes: Sequence[Change], *, booted: bool) -> None:
    revert_timer.disarm(NAME)
    for change in reversed(changes):
        restore(change.before)
    for argv in TAKE_BACK if booted else ():
        run(argv, check=False)


def _compared(policy: Policy, kept: Kept) -> Outcome:
    """The difference between the host and the policy, in words; the live packet filter counts, not only the files."""
    outcome = Outcome(before=describe_kept(kept), after=_described(policy, kept))
    outcome.changed = not _same(policy, kept)
    if not outcome.changed and Path("/run/systemd/system").is_dir():
        missing = _not_live(policy, kept.files) + _not_started()
        outcome.changed = bool(missing)
        outcome.before += "".join(f"not in force: {rule}\n" for rule in missing)
    return outcome


def _not_started() -> list[str]:
    """What systemd would not do."""
    missing = [] if ENABLED_AT_BOOT.exists() else ["ufw.service does not start at boot"]
    active = run(["systemctl", "is-active", "--quiet", "ufw.service"], check=False).rc == 0
    return missing if active else [*missing, "ufw.service is not active"]


def _same(policy: Policy, kept: Kept) -> bool:
    """Whether UFW's files say what is wanted."""
    settings = _settings(policy)
    return (
        all(setting(kept.files[path], key) == value for path, values in settings.items() for key, value in values.items())
        and all(kept.rules(family) == policy.stored(kept, family) for family in policy.families)
        and all(kept.files[AFTER[family]] == _after(policy, kept, family) for family in (4, 6))
    )


def _settings(policy: Policy) -> dict[Path, dict[str, str]]:
    defaults = {"IPV6": "yes" if policy.ipv6 else "no"}
    for direction, chain in CHAINS.items():
        defaults[f"DEFAULT_{chain}_POLICY"] = POLICIES[getattr(policy, direction)]
    defaults["IPT_SYSCTL"] = "/etc/ufw/sysctl.conf" if policy.own_sysctl else ""
    return {DEFAULTS: defaults, SETTINGS: {"LOGLEVEL": policy.logging, "ENABLED": "yes"}}


def _after(policy: Policy, kept: Kept, family: int) -> str:
    managed = None
    if policy.docker:
        closed, log = policy.incoming != "allow", policy.logging != "off"
        managed = block(policy.effective(kept), policy.docker, family, closed=closed, log=log)
    marked = ufw_block(family) if policy.containers else None
    return with_block(with_block(kept.files[AFTER[family]], managed), marked, BEGIN, END)


def _wanted_files(policy: Policy, kept: Kept) -> dict[Path, str]:
    """All six files as they should be."""
    settings = {path: with_settings(kept.files[path], values) for path, values in _settings(policy).items()}
    rules = render(policy.rules, settings[DEFAULTS], settings[SETTINGS], policy.logging, policy.ipv6)
    for family in policy.families:
        rules[USER[family]] = spliced(
            rules[USER[family]], kept.files[USER[family]], policy.foreign(kept, family), given_way().get(family, {})
        )
    return {**{AFTER[family]: _after(policy, kept, family) for family in (4, 6)}, **rules, **settings}


def _change(path: Path, content: str) -> Change | None:
    status = path.stat()
    mode = status.st_mode & 0o7777
    return compare(Entry(path, content=content.encode(errors="surrogateescape"), mode=mode, uid=status.st_uid, gid=status.st_gid))


def _test(policy: Policy, wanted: dict[Path, str]) -> None:
    """:raises FirewallError: the kernel's tools refuse the rules; nothing was changed."""
    for family in policy.live:
        for path in (USER[family], AFTER[family]):
            try:
                run([RESTORE[family], "--test", "--noflush"], input=wanted[path])
            except CommandError as error:
                raise FirewallError([f"the rules for {path} are refused: {error}"]) from error


def _load(policy: Policy, kept: Kept) -> None:
    """Put the new files in force.

    Where UFW runs with the same settings, the changed chains are exchanged atomically; a reload of UFW would take all rules
    out for a moment. Otherwise UFW starts, or starts anew.
    """
    same = all(setting(kept.files[DEFAULTS], key) == value for key, value in _settings(policy)[DEFAULTS].items())
    if kept.enabled and same and not any(_hooks_missing(_listing(family), family) for family in policy.live):
        for family in policy.live:
            run([RESTORE[family], "--noflush", str(AFTER[family])])
            run([RESTORE[family], "--noflush", str(USER[family])])
    else:
        run([INIT, "force-stop"], check=False)
        run([INIT, "start"])
    if not policy.docker:
        for family in policy.live:
            if any("OPS-DOCKER" in line for line in chain_rules(_listing(family))):
                run([LIST[family], "-F", "DOCKER-USER"])


def _listing(family: int) -> str:
    try:
        return run([LIST[family], "-S"], check=False).stdout
    except CommandError:
        return ""


def _hooks_missing(listing: str, family: int) -> bool:
    prefix = "ufw" if family == 4 else "ufw6"
    hooks = (f"-A INPUT -j {prefix}-before-input", f"-A {prefix}-before-input -j {prefix}-user-input")
    lines = set(listing.splitlines())
    return not all(hook in lines for hook in hooks)


def _not_live(policy: Policy, files: Mapping[Path, str]) -> list[str]:
    """What the kernel's packet filter lacks of the policy."""
    missing = []
    for family in policy.live:
        listing = _listing(family)
        lines = set(listing.splitlines())
        if _hooks_missing(listing, family):
            missing.append(f"IPv{family}: UFW's chains are not loaded")
            continue
        for direction, chain in CHAINS.items():
            target = "ACCEPT" if getattr(policy, direction) == "allow" else "DROP"
            if f"-P {chain} {target}" not in lines:
                missing.append(f"IPv{family}: the default of {chain} is not {target}")
        if chain_count(listing, family) != chain_count(files[USER[family]], family):
            missing.append(f"IPv{family}: the loaded rules are not those of {USER[family]}")
        if policy.docker and len(chain_rules(listing)) != len(chain_rules(files[AFTER[family]])):
            missing.append(f"IPv{family}: DOCKER-USER is not as in {AFTER[family]}")
        if policy.containers and ufw_rule(family) not in lines:
            missing.append(f"IPv{family}: {ufw_rule(family)}")
    return missing


def _described(policy: Policy, kept: Kept) -> str:
    """The wanted policy in words."""
    return describe(
        "active",
        (policy.incoming, policy.outgoing, policy.routed),
        policy.logging,
        policy.own_sysctl,
        {family: policy.stored(kept, family) for family in policy.families},
        {family: chain_rules(_after(policy, kept, family)) for family in policy.families},
    )
