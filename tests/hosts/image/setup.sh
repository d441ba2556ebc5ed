#!/bin/sh
# Makes of a minimal Debian what a cloud provider's image is: an unprivileged user with sudo, a key, and no root login.
set -eu
chmod 0755 /usr/local/lib/latentum-ops-test/* /etc/systemd/system-generators/*
echo 'Acquire::http::Proxy-Auto-Detect "/usr/local/lib/latentum-ops-test/package-cache";' >/etc/apt/apt.conf.d/90test-package-cache
# Nobody reads manuals on a throw-away host, or its disk after a crash.
cat >/etc/dpkg/dpkg.cfg.d/90test-throw-away <<'D'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
D
useradd --create-home --shell /bin/bash ops
install -d -m 0700 -o ops -g ops /home/ops/.ssh
install -m 0600 -o ops -g ops /tmp/authorized_keys /home/ops/.ssh/authorized_keys
echo 'ops ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/90-cloud-user
chmod 0440 /etc/sudoers.d/90-cloud-user
# The kernel's modules are not a container's to load.
systemctl mask systemd-modules-load.service systemd-firstboot.service getty.target console-getty.service
# Host keys belong to a host, not to an image: made at the first boot, before sshd.
rm -f /etc/ssh/ssh_host_*
cat >/etc/systemd/system/host-keys.service <<'U'
[Unit]
Description=Make the SSH host keys at the first boot
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
U
systemctl enable host-keys.service ssh.service
: >/etc/machine-id
