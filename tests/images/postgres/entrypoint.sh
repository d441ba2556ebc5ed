#!/bin/sh
# Makes the database cluster once, then becomes the server.
# POSTGRES_USER, POSTGRES_DB (default: the user), POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD, PGDATA; other commands run as they are.
set -eu
umask 077
if [ "${1:-postgres}" != postgres ]; then exec "$@"; fi

die() {
  echo "entrypoint: $*" >&2
  exit 1
}

# Everything is made in a folder beside the final place and moved there, PG_VERSION last: a start that was killed begins anew.
initialise() {
  user=${POSTGRES_USER:-postgres}
  database=${POSTGRES_DB:-$user}
  password=${POSTGRES_PASSWORD:-}
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    [ -z "$password" ] || die "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set: remove one of them"
    password=$(cat "$POSTGRES_PASSWORD_FILE") || die "cannot read $POSTGRES_PASSWORD_FILE as uid $(id -u)"
  fi
  [ -n "$password" ] || die "no password: set POSTGRES_PASSWORD_FILE to the path of a file"
  fresh=$PGDATA/.initialising
  if [ -d "$fresh" ]; then
    find "$PGDATA" -mindepth 1 -delete
  elif [ -n "$(find "$PGDATA" -mindepth 1 ! -name lost+found -print -quit)" ]; then
    die "$PGDATA holds files but no database cluster"
  fi
  # printf is built into the shell: the password is in no argument list.
  printf '%s\n' "$password" | initdb --pgdata="$fresh" --username="$user" --pwfile=/dev/stdin --encoding=UTF8 \
    --auth-local=peer --auth-host=scram-sha-256 --data-checksums >/dev/null
  cat >"$fresh/pg_hba.conf" <<'H'
# TYPE  DATABASE     USER  ADDRESS  METHOD
local   all          all            peer map=container
local   replication  all            peer map=container
host    all          all   all      scram-sha-256
host    replication  all   all      scram-sha-256
H
  echo "container postgres all" >"$fresh/pg_ident.conf"
  if [ "$database" != postgres ]; then
    quoted=$(printf '%s' "$database" | sed 's/"/""/g')
    printf 'CREATE DATABASE "%s"\n' "$quoted" | postgres --single -D "$fresh" postgres >/dev/null
  fi
  find "$fresh" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
  sync
  mv "$fresh/PG_VERSION" "$PGDATA/PG_VERSION"
  echo "entrypoint: made the database $database, owned by $user"
}

[ -d "$PGDATA" ] || mkdir -p "$PGDATA"
[ -s "$PGDATA/PG_VERSION" ] || initialise
[ ! -d "$PGDATA/.initialising" ] || rmdir "$PGDATA/.initialising"
unset POSTGRES_PASSWORD password
[ $# -eq 0 ] || shift
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql "$@"
