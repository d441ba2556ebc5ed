#!/bin/sh
# PID 1 of a test host, until systemd takes its place. With cgroup v1 the controllers are mounted read-only into a
# container; systemd and the inner Docker need them writable.
set -eu
v1=$(awk '$3 == "cgroup" {print $2}' /proc/mounts)
for controller in $v1; do
  mount -o remount,bind,rw "$controller"
done
if [ -z "$v1" ]; then
  mount -o remount,bind,rw /sys/fs/cgroup
  exec /lib/systemd/systemd
fi
if [ "$(/lib/systemd/systemd --version | awk 'NR == 1 {print $2}')" -lt 258 ]; then
  exec /lib/systemd/systemd systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
fi
# systemd 258 and newer know only cgroup v2, which has no controllers on a machine that gave them to v1. So systemd gets
# an empty v2 hierarchy, and the inner Docker alone still sees the v1 controllers, where its limits work.
mkdir -p /run/cgroup-v1
mount --rbind /sys/fs/cgroup /run/cgroup-v1
mount --make-rprivate /run/cgroup-v1
umount -R -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for unit in docker containerd; do
  mkdir -p "/run/systemd/system/$unit.service.d"
  printf '[Service]\nPrivateMounts=yes\nBindPaths=/run/cgroup-v1:/sys/fs/cgroup:rbind\n' >"/run/systemd/system/$unit.service.d/cgroup-v1.conf"
done
exec /lib/systemd/systemd
