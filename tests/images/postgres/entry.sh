#!/bin/sh
# Makes a database cluster at the first start, as the official image would: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE.
set -eu
bin=$(dirname "$(find /usr/lib/postgresql -name postgres -path '*/bin/*')")
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ ! -s "${POSTGRES_PASSWORD_FILE:-}" ]; then
    echo "set POSTGRES_PASSWORD_FILE to a readable file that holds the password" >&2
    exit 1
  fi
  # A crash in the middle leaves the next start an empty folder, not half a cluster.
  fresh=$PGDATA/.fresh
  rm -rf "$fresh"
  "$bin/initdb" --pgdata="$fresh" --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
  {
    echo "local all all trust"
    echo "host all all all scram-sha-256"
    echo "host replication all all scram-sha-256"
  } >"$fresh/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \"$database\"" | "$bin/postgres" --single -D "$fresh" -j postgres >/dev/null
  fi
  mv "$fresh"/* "$PGDATA"/
  rmdir "$fresh"
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql
