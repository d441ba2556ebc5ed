#!/bin/sh
# `redis-server` alone takes its password from REDIS_PASSWORD_FILE and keeps an append-only file in /data.
# Any other command, such as `redis-server /run/secrets/cache_config`, runs as it is.
set -eu
umask 077
[ "$*" = redis-server ] || exec "$@"
if [ -z "${REDIS_PASSWORD_FILE:-}" ]; then
  echo "entrypoint: no password: set REDIS_PASSWORD_FILE to the path of a file, or name a configuration file" >&2
  exit 1
fi
password=$(cat "$REDIS_PASSWORD_FILE")
# The configuration is read from standard input: the password is in no argument list and in no file.
exec redis-server - <<CONFIGURATION
bind * -::*
dir /data
appendonly yes
requirepass "$password"
CONFIGURATION
