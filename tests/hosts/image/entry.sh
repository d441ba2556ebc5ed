#!/bin/sh
# PID 1 of a test host, until systemd takes its place. With cgroup v1 the controllers are mounted read-only into a
# container; systemd and the inner Docker need them writable.
set -eu
v1=$(awk '$3 == "cgroup" {print $2}' /proc/mounts)
for controller in $v1; do
  mount -o remount,bind,rw "$controller"
done
if [ -n "$v1" ]; then
  exec /lib/systemd/systemd systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
fi
mount -o remount,bind,rw /sys/fs/cgroup
exec /lib/systemd/systemd
