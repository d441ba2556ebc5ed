# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server's port: what other files set is found before the firewall closes it."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.preflight.ssh_port import elsewhere, listening

from .hosts import RecordedHost, recorded, wanted

MAIN, DROP_IN = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/50-provider.conf"
OWN = {
    MAIN: "# The first value that sshd reads counts: 10-latentum-ops.conf decides\nInclude /etc/ssh/sshd_config.d/*.conf\n",
    "/etc/ssh/sshd_config.d/10-latentum-ops.conf": "Port 22\n",
}
DISTRIBUTION = {MAIN: "Include /etc/ssh/sshd_config.d/*.conf\n#Port 22\n#ListenAddress ::\nUsePAM yes\n"}


def host(files: dict[str, str], *ports: int, connection: Connection | None = None) -> RecordedHost:
    shown = "".join(f"port {port}\n" for port in ports) + "".join(f"listenaddress [::]:{port}\n" for port in ports)
    return RecordedHost({"sshd -T": shown} if ports else {}, files, connection=connection)


def test_the_ports_of_sshd_are_those_it_listens_on() -> None:
    assert listening(recorded("sshd-T.txt")) == {22, 2222}
    assert listening("port 22\nlistenaddress 192.0.2.1:2222\n") == {2222}
    assert listening("port 22\n") == {22}
    assert listening("") == set()


@pytest.mark.parametrize(
    "line", ["Port 2222", "port=2222", 'Port "2222"', "  Port\t2222", "ListenAddress 192.0.2.1:2222", "listenaddress [::]:2222"]
)
def test_a_port_of_another_drop_in_is_named_with_file_line_and_variable(line: str) -> None:
    (problem,) = elsewhere(host({**DISTRIBUTION, DROP_IN: f"# provider\n{line}\n"}, 2222), wanted("ssh_hardening", port=22))
    assert problem.key == "ssh_hardening_port" and f"{DROP_IN} says `{line.strip()}`" in problem.problem
    assert "set ssh_hardening_port: 2222" in problem.fix
    assert list(elsewhere(host({**DISTRIBUTION, DROP_IN: line}, 2222), wanted("ssh_hardening", port="2222"))) == []


def test_a_port_of_the_main_file_would_be_written_over() -> None:
    (problem,) = elsewhere(host({MAIN: "Port 2222\nUsePAM yes\n"}, 2222), wanted("ssh_hardening", port=22))
    assert "would leave port 2222" in problem.problem and problem.fix.startswith("set ssh_hardening_port: 2222 (")


@pytest.mark.parametrize(
    ("files", "ports", "declared"),
    [
        (DISTRIBUTION, (22,), 22),
        (OWN, (22,), 22),
        # The operator wants another port than ours so far.
        (OWN, (22,), 2222),
        (DISTRIBUTION, (22,), 2222),
        # A comment, a bare address of IPv6, and a line that sshd does not read.
        ({**OWN, DROP_IN: "#Port 2222\nListenAddress 2001:db8::1\n"}, (22,), 22),
        ({**OWN, "/etc/ssh/sshd_config.d/old.conf.bak": "Port 2222\n"}, (22,), 22),
        # A bare host without a server.
        ({}, (), 22),
    ],
)
def test_our_own_files_and_the_default_are_no_finding(files: dict[str, str], ports: tuple[int, ...], declared: int) -> None:
    assert list(elsewhere(host(files, *ports), wanted("ssh_hardening", port=declared))) == []


def test_a_server_that_does_not_say_is_judged_by_its_files() -> None:
    assert len(list(elsewhere(host({DROP_IN: "Port 2222"}), wanted("ssh_hardening", port=22)))) == 1


@pytest.mark.parametrize(("listening_there", "findings"), [(True, 1), (False, 0)])
def test_a_connection_to_a_port_that_sshd_does_not_have_is_told(listening_there: bool, findings: int) -> None:
    """A socket unit of systemd listens there; a server that has moved leaves its old connections behind."""
    seen = host(OWN, 22, connection=Connection("192.0.2.7", 2222))
    seen.listens = lambda _port: listening_there  # type: ignore[method-assign]
    problems = list(elsewhere(seen, wanted("ssh_hardening", port=22)))
    assert ["ssh.socket" in problem.problem for problem in problems] == [True] * findings
