#!/bin/sh
# Brings the schema of Temporal's two databases to the version of this image; done already, it changes nothing.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal-database-password)
export SQL_PASSWORD

# bring DATABASE KIND
bring() {
  tool="temporal-sql-tool --plugin $DB --ep $POSTGRES_SEEDS -p $DB_PORT -u $POSTGRES_USER --db $1"
  $tool setup-schema -v 0.0
  $tool update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}
bring "$DBNAME" temporal
bring "$VISIBILITY_DBNAME" visibility
