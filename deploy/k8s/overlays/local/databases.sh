#!/bin/sh
# Run once, by PostgreSQL's image, when the volume is new: a role and a database of its own for each service.
set -eu
for name in auth media tryon billing; do
  password=$(printenv "$(echo "$name" | tr '[:lower:]' '[:upper:]')_DATABASE_PASSWORD")
  psql -v ON_ERROR_STOP=1 -v name="$name" -v password="$password" --username postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
