#!/bin/sh
# Makes the secrets of docker-compose.yml:   sudo sh deploy/make-secrets.sh [FOLDER]      (default: secrets, beside this script)
# Each is a file that root and the group 10001 may read; the services that need it are in that group. What is there already
# is kept: a database that was made knows the old passwords.
set -eu
umask 077
GROUP=10001
folder=${1:-$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/secrets}

if [ "$(id -u)" != 0 ]; then
  printf 'make-secrets: This needs root: the files are to be for root and the services only.\n              Run it as root: sudo sh %s\n' "$0" >&2
  exit 1
fi

# random: 256 bits, without what means something in a URL
random() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
# secret NAME VALUE
secret() {
  if [ ! -s "$folder/$1" ]; then
    printf '%s' "$2" > "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
  fi
  chown "0:$GROUP" "$folder/$1"
  chmod 440 "$folder/$1"
}

mkdir -p "$folder"
chown "0:$GROUP" "$folder"
chmod 750 "$folder"
secret postgres-password "$(random)"
secret temporal-database-password "$(random)"
secret drayage-database-password "$(random)"
secret drayage-database-url "postgres://drayage:$(cat "$folder/drayage-database-password")@postgres:5432/drayage"
printf 'make-secrets: %s has all secrets. Keep a copy where backups are kept.\n' "$folder"
