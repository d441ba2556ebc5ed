# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What something overrules is named with its line, and nothing else is. Ten situations with the programs themselves: molecule/default."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access.places import SCOPED_PATH
from ansible_collections.latentum.ops.plugins.module_utils.effective import apt, limits, needrestart, sshd, sudo, sysctl, systemd
from ansible_collections.latentum.ops.plugins.module_utils.effective.deviation import Deviation
from ansible_collections.latentum.ops.plugins.module_utils.effective.judgement import judge
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import sysctl as kernel

from ..preflight.hosts import RecordedHost


def seen(found: Any) -> list[tuple[str, str, str]]:
    return [(one.key, one.effective, one.where) for one in found]


# -- sshd ----------------------------------------------------------------------------------------------------------------

OURS = "Port 22\nPermitRootLogin no\nPasswordAuthentication no\nAuthenticationMethods publickey\nAllowTcpForwarding local\nMaxAuthTries 3\n"
MAIN = "Include /etc/ssh/sshd_config.d/*.conf\nSubsystem sftp internal-sftp\n"
SAID = OURS.lower()
ANYBODY = "user=somebody-else,host=client.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"


def ssh(others: Mapping[str, str], everybody: str = SAID, somebody: Mapping[str, str] | None = None, **outputs: str) -> RecordedHost:
    files = {"/etc/ssh/sshd_config": MAIN, str(sshd.OWN): OURS, **{f"/etc/ssh/sshd_config.d/{name}": text for name, text in others.items()}}
    said = {f"sshd -T -f {sshd.OWN}": SAID, f"sshd -T -C {ANYBODY}": f"{everybody}subsystem sftp internal-sftp\n"}
    said |= {
        f"sshd -T -C {ANYBODY.replace(old, new)}": text
        for (old, _sep, new), text in ((k.partition(">"), v) for k, v in (somebody or {}).items())
    }
    return RecordedHost({**said, **outputs}, files)


def test_a_file_that_sshd_reads_after_ours_overrules_nothing() -> None:
    assert seen(sshd.judge(ssh({"50-cloud-init.conf": "PasswordAuthentication yes\n"}))) == []


def test_a_file_that_sshd_reads_before_ours_wins() -> None:
    host = ssh({"01-permitrootlogin.conf": "# provider\nPermitRootLogin yes\n"}, SAID.replace("permitrootlogin no", "permitrootlogin yes"))
    assert seen(sshd.judge(host)) == [("PermitRootLogin", "yes", "/etc/ssh/sshd_config.d/01-permitrootlogin.conf:2")]


def test_ports_add_up() -> None:
    host = ssh({"99-port.conf": "Port 2222\n"}, "port 22\nport 2222\n" + SAID.partition("\n")[2])
    assert seen(sshd.judge(host)) == [("Port", "22 2222", "/etc/ssh/sshd_config.d/99-port.conf:1")]


def test_a_block_counts_for_whom_it_names() -> None:
    block = "Match User back*,!root Address 198.51.100.0/24\n  PasswordAuthentication yes\n  MaxAuthTries 9\n"
    weak = SAID.replace("passwordauthentication no", "passwordauthentication yes").replace("maxauthtries 3", "maxauthtries 9")
    whom = "user=backx,host=client.invalid,addr=198.51.100.1,laddr=192.0.2.2,lport=22"
    match = "(Match User back*,!root Address 198.51.100.0/24)"
    assert sorted(seen(sshd.judge(ssh({"90-legacy.conf": block}, somebody={f"{ANYBODY}>{whom}": weak})))) == [
        (f"MaxAuthTries {match}", "9", "/etc/ssh/sshd_config.d/90-legacy.conf:3"),
        (f"PasswordAuthentication {match}", "yes", "/etc/ssh/sshd_config.d/90-legacy.conf:2"),
    ]


def test_a_block_that_allows_less_is_none() -> None:
    """As people have them: copies of files for a group, and a second factor for all others."""
    block = "Match Group sftponly\n  ForceCommand internal-sftp\n  AllowTcpForwarding no\n  AuthenticationMethods publickey,password\n"
    strict = SAID.replace("allowtcpforwarding local", "allowtcpforwarding no").replace("methods publickey", "methods publickey,password")
    known = {"getent group sftponly": "sftponly:x:1005:\n", "getent passwd": "root:x:0:0::/:/\nann:x:1001:1005::/:/\n"}
    host = ssh({"90-sftp.conf": block}, somebody={"somebody-else>ann": strict}, **known)
    assert seen(sshd.judge(host)) == []
    nobody = ssh({"90-sftp.conf": block}, **{"getent group sftponly": "sftponly:x:1005:\n"})
    assert sshd.named(nobody, "Group sftponly") is None and seen(sshd.judge(nobody)) == []


@pytest.mark.parametrize(
    ("match", "connection"),
    [
        ("User ann", {"user": "ann"}),
        ("User !root,dep?oy", {"user": "depxoy"}),
        ("Address 10.0.0.0/8", {"addr": "10.0.0.1"}),
        ("Address 192.168.*.*", {"addr": "192.168.1.1"}),
        ("Address 2001:db8::5", {"addr": "2001:db8::5"}),
        ("LocalPort 2222 Host *.example.com", {"lport": "2222", "host": "x.example.com"}),
        ("Invalid-User", None),
        ("Final", None),
    ],
)
def test_somebody_is_found_whom_a_condition_fits(match: str, connection: dict[str, str] | None) -> None:
    assert sshd.named(RecordedHost(), match) == connection


# -- kernel --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Keys of a kernel, and the files that a host reads them from."""
    values = {"kernel/sysrq": "0", "net/ipv4/tcp_rfc1337": "1", "net/ipv6/conf/eth0/accept_ra": "0", "net/ipv6/conf/all/accept_ra": "0"}
    monkeypatch.setattr(kernel, "PROC", tmp_path)
    monkeypatch.setattr(sysctl, "in_container", lambda: False)
    for key, value in values.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text(value)
    return {str(tmp_path / key): f"{value}\n" for key, value in values.items()}


OURS_KERNEL = "# x\n-kernel.sysrq = 0\n-net.ipv4.tcp_rfc1337 = 1\n-net.ipv6.conf.*.accept_ra = 0\n-net.ipv6.conf.all.accept_ra = 0\n"


def boot(proc: Mapping[str, str], files: Mapping[str, str], more: Mapping[str, str] | None = None) -> RecordedHost:
    """A host whose systemd shows these files in their order, ours among them."""
    every = dict(sorted({**files, sysctl.OWN: OURS_KERNEL}.items(), key=lambda item: Path(item[0]).name))
    shown = "\n".join(f"# {path}\n{text}" for path, text in every.items())
    return RecordedHost({" ".join(sysctl.FILES): shown}, {**proc, sysctl.OWN: OURS_KERNEL, **(more or {})})


def test_a_later_file_wins_and_an_earlier_one_does_not(proc: dict[str, str]) -> None:
    files = {"/usr/lib/sysctl.d/10-x.conf": "kernel.sysrq = 438\n", "/etc/sysctl.d/99-sysctl.conf": "# a\n\nkernel/sysrq=176\n"}
    assert seen(sysctl.judge(boot(proc, files))) == [("kernel.sysrq", "176", "after a boot /etc/sysctl.d/99-sysctl.conf:3")]
    assert seen(sysctl.judge(boot(proc, {"/usr/lib/sysctl.d/10-x.conf": "kernel.sysrq = 438\n"}))) == []


def test_a_key_of_one_interface_wins_over_our_star_also_from_an_earlier_file(proc: dict[str, str]) -> None:
    earlier = {"/etc/sysctl.d/10-cloud.conf": "net.ipv6.conf.eth0.accept_ra = 2\n"}
    assert seen(sysctl.judge(boot(proc, earlier))) == [("net.ipv6.conf.eth0.accept_ra", "2", "after a boot /etc/sysctl.d/10-cloud.conf:1")]
    assert seen(sysctl.judge(boot(proc, {"/etc/sysctl.d/10-cloud.conf": "net.ipv6.conf.*.accept_ra = 2\n"}))) == []


def test_what_a_program_has_set_since_is_no_line_of_a_file(proc: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {path: "1\n" if path.endswith("sysrq") else value for path, value in proc.items()}
    (found,) = sysctl.judge(boot(changed, {}))
    assert found.effective == "1" and "find what sets it" in found.fix and "a program has set it since" in found.problem
    monkeypatch.setattr(sysctl, "in_container", lambda: True)
    assert seen(sysctl.judge(boot(changed, {}))) == []  # the kernel is somebody else's


def test_ufw_reads_its_own_settings_when_it_starts(proc: dict[str, str]) -> None:
    told = {
        sysctl.UFW: 'IPT_SYSCTL="/etc/ufw/sysctl.conf"\n',
        "/etc/ufw/sysctl.conf": "net/ipv4/tcp_rfc1337=0\n",
        "/etc/ufw/ufw.conf": "ENABLED=yes\n",
    }
    assert seen(sysctl.judge(boot(proc, {}, told))) == [("net.ipv4.tcp_rfc1337", "0", "after a boot /etc/ufw/sysctl.conf:1")]
    assert seen(sysctl.judge(boot(proc, {}, {**told, sysctl.UFW: 'IPT_SYSCTL=""\n'}))) == []


# -- the others ----------------------------------------------------------------------------------------------------------


def apt_host(now: str, ours_last: str, files: Mapping[str, str]) -> RecordedHost:
    files = {apt.OWN: "x", **{f"{apt.FOLDER}/{name}": text for name, text in files.items()}}
    return RecordedHost({"apt-config dump": now, f"apt-config -c {apt.OWN} dump": ours_last}, files)


def test_apt_is_asked_what_it_would_be_if_our_file_were_the_last() -> None:
    shared = 'A "";\nU::Blacklist:: "docker";\nDPkg::Options:: "a";\n'
    now = shared + 'U::Automatic-Reboot "true";\nU::Blacklist:: "linux-";\nCommandLine::AsString "x";\n'
    ours = shared + 'U::Automatic-Reboot "false";\nDPkg::Options:: "a";\nCommandLine::AsString "y";\n'
    block = 'U {\n // Automatic-Reboot\n  Automatic-Reboot "true";\n};\n'
    files = {
        "50unattended-upgrades": 'U::Automatic-Reboot "true";\n',
        "99x": f'{block}U::Automatic-Reboot-Time "02:00";\nU::Blacklist {{ "linux-"; }};\n',
    }
    assert seen(apt.judge(apt_host(now, ours, files))) == [
        ("U::Blacklist", "docker, linux-", "/etc/apt/apt.conf.d/99x:6"),
        ("U::Automatic-Reboot", "true", "/etc/apt/apt.conf.d/99x:3"),
    ]
    assert seen(apt.judge(apt_host(ours, ours, files))) == []


def units(argv: Sequence[str], own: str, other: str, ours: str, theirs: str) -> RecordedHost:
    return RecordedHost({" ".join(argv): f"# {own}\n{ours}\n# {other}\n{theirs}\n"}, {own: ours})


def test_a_later_drop_in_wins_and_times_add_up() -> None:
    timer = "/etc/systemd/system/apt-daily-upgrade.timer.d"
    argv = ("systemctl", "cat", "apt-daily-upgrade.timer")
    ours = "[Timer]\nOnCalendar=\nOnCalendar=*-*-* 03:00\nPersistent=true\n"
    added = units(argv, f"{timer}/latentum-ops.conf", f"{timer}/override.conf", ours, "[Timer]\nOnCalendar=Sun 02:00\n#Persistent=false\n")
    assert seen(systemd.judge(added, "auto_updates")) == [
        ("apt-daily-upgrade.timer OnCalendar", "*-*-* 03:00, Sun 02:00", f"{timer}/override.conf:2")
    ]
    emptied = units(argv, f"{timer}/latentum-ops.conf", f"{timer}/override.conf", ours, "[Timer]\nOnCalendar=\n")
    assert seen(systemd.judge(emptied, "auto_updates")) == [("apt-daily-upgrade.timer OnCalendar", "", f"{timer}/override.conf:2")]
    assert seen(systemd.judge(added, "os_hardening")) == []


def test_limits_of_a_user_win_wherever_they_stand() -> None:
    host = RecordedHost(
        {},
        {
            limits.OWN: "* hard core 0\n",
            limits.FIRST: "*  soft core 5\n@devs hard core 100 # why\n#oracle - core 1\n",
            f"{limits.FOLDER}/10-a.conf": "ann - core 0\n* hard nofile 9\nbob -\n",
            f"{limits.FOLDER}/95-b.conf": "* - core unlimited\n",
        },
    )
    assert seen(limits.judge(host)) == [
        ("limits core @devs", "100", f"{limits.FIRST}:2"),
        ("limits core bob", "without limits", f"{limits.FOLDER}/10-a.conf:3"),
        ("limits core *", "unlimited", f"{limits.FOLDER}/95-b.conf:1"),
    ]


def test_sudo_is_asked_for_all_and_for_whom_a_line_names() -> None:
    def entry(option: Mapping[str, Any], *whom: str) -> dict[str, Any]:
        return {"Options": [option], **({"Binding": [{"username": name} for name in whom]} if whom else {})}

    ours = {"Defaults": [entry({"use_pty": True}), entry({"secure_path": "/bin"})]}
    every = {
        "Defaults": [entry({"secure_path": "/usr/bin"}), *ours["Defaults"], entry({"use_pty": False}), entry({"use_pty": False}, "ann")]
    }
    files = {sudo.OWN: "x", sudo.MAIN: "Defaults !use_pty\n", f"{sudo.FOLDER}/zz": "Defaults !use_pty\nDefaults:ann !use_pty\n"}
    outputs = {f"cvtsudoers -f json {sudo.OWN}": json.dumps(ours), f"cvtsudoers -f json {sudo.MAIN}": json.dumps(every)}
    assert seen(sudo.judge(RecordedHost(outputs, files))) == [
        ("sudo use_pty", "off", f"{sudo.FOLDER}/zz:1"),
        ("sudo use_pty (ann)", "off", f"{sudo.FOLDER}/zz:2"),
    ]


def test_who_has_scopes_finds_another_opsctl_first() -> None:
    def said(path: str) -> str:
        return json.dumps({"Defaults": [{"Options": [{"secure_path": path}], "Binding": [{"username": "ben"}]}]})

    ours = json.dumps({"Defaults": [{"Options": [{"secure_path": "/bin"}]}]})
    every = json.dumps({"Defaults": [*json.loads(ours)["Defaults"], *json.loads(said(SCOPED_PATH))["Defaults"]]})
    outputs = {f"cvtsudoers -f json {sudo.OWN}": ours, f"cvtsudoers -f json {sudo.MAIN}": every}
    assert seen(sudo.judge(RecordedHost(outputs, {sudo.OWN: "x", sudo.MAIN: ""}))) == []
    outputs[f"cvtsudoers -f json {sudo.MAIN}"] = every.replace(SCOPED_PATH, "/home/ben/bin")
    assert [key for key, _value, _where in seen(sudo.judge(RecordedHost(outputs, {sudo.OWN: "x", sudo.MAIN: ""})))] == [
        "sudo secure_path (ben)"
    ]


def test_needrestart_is_run_by_perl() -> None:
    files = {
        needrestart.OWN: "x",
        needrestart.MAIN: "x",
        f"{needrestart.FOLDER}/zz.conf": "# $nrconf{restart}\n$nrconf{'restart'} = 'i';\n",
    }
    said = {needrestart.OWN: '{"restart":"a"}\n{"(?^:^docker)":0}', needrestart.MAIN: '{"restart":"i"}\n{"(?^:^docker)":0,"(?^:^lxc)":1}'}
    outputs = {" ".join(["perl", "-MJSON::PP", "-e", needrestart.PROGRAM, path]): text for path, text in said.items()}
    assert seen(needrestart.judge(RecordedHost(outputs, files))) == [("needrestart restart", "i", f"{needrestart.FOLDER}/zz.conf:2")]


# -- together ------------------------------------------------------------------------------------------------------------


def test_a_host_without_the_roles_has_nothing_to_say() -> None:
    judgement = judge(host=RecordedHost())
    assert judgement.as_dict() == {"deviations": [], "allowed": [], "unused": [], "unseen": []}


def test_what_is_allowed_has_its_reason_and_what_is_not_the_case_is_told() -> None:
    files = {limits.OWN: "* hard core 0\n", f"{limits.FOLDER}/95-b.conf": "* - core unlimited\nann - core 9\n"}
    allowing = {"limits core ann": "her debugger", "kernel.sysrq": "once"}
    host = RecordedHost({}, {**files, "/etc/latentum-ops/deviations/os_hardening.json": json.dumps(allowing)})
    judgement = judge(["os_hardening", "nginx"], host)
    assert [one.key for one in judgement.deviations] == ["limits core *"]
    assert [(one.key, one.reason) for one in judgement.allowed] == [("limits core ann", "her debugger")]
    assert judgement.unused == ["os_hardening: kernel.sysrq"]
    assert judgement.report() == (
        "settings of this run are not in force on this host:\n"
        "os_hardening: limits core *: is unlimited, and 0 was written: /etc/security/limits.d/95-b.conf:1 wins\n"
        "   -> remove that line, or allow it: os_hardening_allowed_deviations: {'limits core *': why}"
    )


def test_what_cannot_be_seen_is_told_and_ends_nothing() -> None:
    files = {sudo.OWN: "x", "/etc/latentum-ops/deviations/base.json": "[", limits.OWN: "x", f"{limits.FOLDER}/95-b.conf": "* - core 1\n"}
    judgement = judge(host=RecordedHost({f"cvtsudoers -f json {sudo.OWN}": "{broken"}, files))
    assert [one.key for one in judgement.deviations] == ["limits core *"]
    assert len(judgement.unseen) == 2 and judgement.unseen[1].startswith("base: sudo: JSONDecodeError")


def test_a_deviation_says_what_to_do() -> None:
    declared = Deviation("os_hardening", "kernel.sysrq", "0", "1", "/etc/x:1", "os_hardening_sysctl_extra")
    assert (
        declared.fix
        == "remove that line, declare it in os_hardening_sysctl_extra, or allow it: os_hardening_allowed_deviations: {'kernel.sysrq': why}"
    )
