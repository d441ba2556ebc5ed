#!/bin/sh
# Written by latentum.ops: what `systemctl reload nginx` does. Signals nginx, and succeeds only when nginx has taken the
# configuration over. `nginx -t` cannot know what only the running nginx refuses (a port in use, a zone with another key);
# nginx itself then stays with its old configuration and tells nobody but its error log.
set -u

log=${NGINX_ERROR_LOG:-/var/log/nginx/error.log}
main=$(cat "${NGINX_PID_FILE:-/run/nginx.pid}") || exit 1
workers() { cat "/proc/$main/task/$main/children" 2>/dev/null; }

before=" $(workers) "
told=$(wc -c <"$log" 2>/dev/null || echo 0)
kill -s HUP "$main" || exit 1
attempts=200
while [ "$attempts" -gt 0 ]; do
    for worker in $(workers); do
        case $before in
        *" $worker "*) ;;
        *) exit 0 ;;
        esac
    done
    refused=$(tail -c "+$((told + 1))" "$log" 2>/dev/null | grep -F " [emerg] $main#")
    [ -z "$refused" ] || break
    sleep 0.05
    attempts=$((attempts - 1))
done
echo "nginx goes on with its old configuration: ${refused:-no new workers after 10 s}" >&2
exit 1
