#!/bin/sh
# Creates the shop's database and its user when PostgreSQL starts for the first time, with the password from the environment.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$SHOP_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role shop login password :'password';
create database shop owner shop;
revoke connect on database shop from public;
revoke connect on database prefect from public;
SQL
