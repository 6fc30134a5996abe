#!/bin/sh
# Makes a database as the variables of the official image say, and becomes the server.
set -eu
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec su -m -s /bin/sh postgres "$0" "$@"
fi
if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo "Error: Database is uninitialized and superuser password is not specified." >&2
    echo "       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser." >&2
    exit 1
fi
printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
initdb --username="$user" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust \
    --encoding=UTF8 --locale=C --no-sync
rm /tmp/password
unset POSTGRES_PASSWORD
echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \"$database\";" | postgres --single -j postgres >/dev/null
fi
# What a test keeps need not survive this machine.
exec "$@" -c listen_addresses='*' -c fsync=off -c shared_buffers=16MB
