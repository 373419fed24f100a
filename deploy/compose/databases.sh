#!/bin/bash
# Run once, by PostgreSQL's image when it makes the cluster: a user and databases for each program, with no right to others'.
set -eo pipefail

drayage=$(cat /run/secrets/drayage-database-password)
temporal=$(cat /run/secrets/temporal-database-password)
# Passwords go by standard input: a command line can be read by everybody.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username postgres --dbname postgres << SQL
create role drayage login password '$drayage';
create role temporal login password '$temporal';
create database drayage owner drayage;
create database temporal owner temporal;
create database temporal_visibility owner temporal;
revoke connect on database drayage, temporal, temporal_visibility from public;
SQL
