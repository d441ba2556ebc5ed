# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox that every unit of ours begins with: all that systemd can take away from a service without knowing it.

It stands first in C([Service]). What a unit needs of it is given back below, each with its reason: a later line replaces a switch and adds
to a list. So what a unit may do is what stands in its own file, and a protection that is new has one place. An older systemd warns of
what it does not know, and goes on (249 of Ubuntu 22.04 knows all of it).

Not in it are C(User), C(PrivateNetwork), C(PrivateUsers) and C(IPAddressDeny): they say what a service is. Source: systemd.exec(5).
"""

from __future__ import annotations

SANDBOX = """\
# All that systemd can take away, as every unit of latentum.ops has it; what this one needs of it stands below.
UMask=0077
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=none
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# A call that is not allowed fails, and ends nobody.
SystemCallErrorNumber=EPERM"""

# What a rollout needs of it, whoever carries one out. It writes upstreams, sites, what the host knows of the stack, and files of the users
# of containers; tests them as nginx would; changes the share that a new container has of the processors; and waits for the workers of
# nginx that still answer. Credentials of registries are in root's home.
ROLLOUT = """\
# Root that talks to Docker's engine is root: what follows keeps mistakes from the host.
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_BIND_SERVICE
SystemCallFilter=@chown
ProtectSystem=full
ReadWritePaths=-/etc/nginx -/etc/latentum-ops
ProtectControlGroups=no
ProtectHome=read-only
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
ProcSubset=all
ProtectProc=default"""
