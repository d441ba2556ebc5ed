#!/bin/sh
# What somebody else has on this host, a line each that would be another one if it were touched.
set -eu
export LC_ALL=C
su postgres -c "psql -AtXq -c 'SELECT count(*), md5(string_agg(name, chr(44) ORDER BY name)) FROM people'" | sed 's/^/rows of the system: /'
docker exec legacy-database-1 psql -AtXq -U legacy -h /run/postgresql -c 'SELECT count(*) FROM people' legacy | sed 's/^/rows of the project: /'
docker ps --all --quiet --no-trunc --filter label=com.docker.compose.project=legacy | sort | xargs docker inspect \
  --format 'container {{.Name}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}} {{.HostConfig.PortBindings}}'
docker volume ls --quiet --filter label=com.docker.compose.project=legacy | sort | xargs docker volume inspect --format 'volume {{.Name}} {{.CreatedAt}}'
docker network ls --quiet --no-trunc --filter label=com.docker.compose.project=legacy | sed 's/^/network /'
find /etc/nginx/nginx.conf /etc/nginx/sites-available /etc/nginx/sites-enabled /etc/ssl/old /etc/cron.d/somebody /srv/legacy /etc/postgresql \
  ! -type d ! -name zz-latentum-ops.conf -printf '%p %m %u %g %l ' -exec sh -c 'sha256sum < "$1"' _ {} \; | sort
python3 -c 'import json; known = json.load(open("/etc/docker/daemon.json")); print("daemon.json", known["labels"], known["shutdown-timeout"])'
# Those for 22, 80 and 443 are what the firewall of the inventory says as well, and become its own.
ufw status | grep somebody | grep -vE '^(22|80|443)/tcp' | sed 's/  */ /g' | sort
for unit in cron.service nginx.service docker.service containerd.service "postgresql@$(ls /etc/postgresql)-main.service"; do
  echo "unit $unit $(systemctl show --property MainPID,ActiveEnterTimestampMonotonic --value "$unit" | tr '\n' ' ')"
done
