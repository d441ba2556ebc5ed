#!/bin/sh
# PID 1 of a test host, until systemd takes its place. It gives systemd and the inner Docker writable cgroups.
#
# - The machine has cgroup v2 only: they are mounted read-only into a container; remount them.
# - It has cgroup v1 (also beside v2): limits of containers need the v1 controllers. systemd < 258 runs on them as well;
#   later ones run on v2 only, so these get the machine's v2 tree, which has no controllers, and the v1 tree stays at
#   /run/cgroup-v1 for the engine (see cgroup-v1-generator).
# Mounts propagate as on a booted machine, where systemd makes / shared (it leaves that to the manager in a container).
set -eu
mount --make-rshared /
controllers=$(awk '$3 == "cgroup" {print $2}' /proc/mounts)
if [ -z "$controllers" ]; then
  mount -o remount,bind,rw /sys/fs/cgroup
  exec /lib/systemd/systemd
fi
for controller in $controllers; do
  mount -o remount,bind,rw "$controller"
done
version=$(dpkg-query --show --showformat '${Version}' systemd)
if dpkg --compare-versions "$version" lt 258~; then
  exec /lib/systemd/systemd systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
fi
mkdir -p /run/cgroup-v1
mount --make-rprivate /sys/fs/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup-v1
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec /lib/systemd/systemd
