# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of Apache, Caddy, HAProxy and Traefik; names and places are those that ``apache2 -S`` and ``caddy adapt`` say of the same files."""

from __future__ import annotations

from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey import apache, caddy, haproxy, traefik
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.containers import containers

from .hosts import Neighbour, container

BLOG = r"""<VirtualHost *:80>
    ServerName blog.example.test
    ServerAlias www.blog.example.test \
                b.example.test
    DocumentRoot "/srv/blog/public"
</VirtualHost>
# <VirtualHost *:81>
<VirtualHost *:443 [::]:443>
    ServerName https://blog.example.test:443
    SSLCertificateFile ${CERTS}/blog/fullchain.pem
    ProxyPass /api http://127.0.0.1:5001/
    ProxyPass /static !
    <Location "/admin">
        AuthType Basic
    </Location>
    RewriteRule ^/ws(.*) ws://127.0.0.1:5002$1 [P,L]
</VirtualHost>
"""


def test_apache() -> None:
    host = Neighbour(
        {
            apache.MAIN: "IncludeOptional mods-enabled/*.load\nIncludeOptional sites-enabled/*.conf\n",
            apache.ENVIRONMENT: "export CERTS=/etc/letsencrypt/live\n",
            "/etc/apache2/sites-enabled/blog.conf": BLOG,
            "/etc/apache2/sites-enabled/old.bak": BLOG,
        }
    )
    plain, tls = apache.sites(host)
    assert (plain.file, plain.line, tls.line) == ("/etc/apache2/sites-enabled/blog.conf", 1, 8)
    assert plain.names == ("blog.example.test", "www.blog.example.test", "b.example.test") and plain.roots == ("/srv/blog/public",)
    assert tls.names == ("blog.example.test",) and tls.listens == ("*:443", "[::]:443") and tls.password
    assert tls.certificates == ("/etc/letsencrypt/live/blog/fullchain.pem",)
    assert tls.upstreams == ("http://127.0.0.1:5001/", "ws://127.0.0.1:5002$1")


CADDYFILE = """{
\temail ops@example.test
}
(secure) {
\theader X-Frame-Options DENY
}
wiki.example.test, www.wiki.example.test {
\timport secure
\treverse_proxy localhost:8080 {
\t\theader_up Host {host}
\t}
}
http://old.example.test:8081 {
\troot * /srv/old
\tfile_server
}
import sites/*
"""
API = """api.example.test {
\thandle /v1/* {
\t\treverse_proxy 10.0.0.5:9000 10.0.0.6:9000
\t}
\ttls /etc/ssl/api.pem /etc/ssl/api.key
\t# reverse_proxy nowhere:1
\tbasic_auth {
\t\tops $2a$14$hash
\t}
\trespond "{not a block}" 200
}
"""


def test_caddy() -> None:
    wiki, old, api = caddy.sites(Neighbour({caddy.MAIN: CADDYFILE, "/etc/caddy/sites/api": API}))
    assert (
        wiki.names == ("wiki.example.test", "www.wiki.example.test") and wiki.listens == ("443",) and wiki.upstreams == ("localhost:8080",)
    )
    assert old.names == ("old.example.test",) and old.listens == ("8081",) and old.roots == ("/srv/old",)
    assert api.upstreams == ("10.0.0.5:9000", "10.0.0.6:9000") and api.certificates == ("/etc/ssl/api.pem",) and api.password


def test_a_caddyfile_without_braces_is_one_site() -> None:
    (site,) = caddy.sites(Neighbour({caddy.MAIN: "# mine\nexample.test\n\nreverse_proxy 127.0.0.1:3000\n"}))
    assert site.names == ("example.test",) and site.upstreams == ("127.0.0.1:3000",)


HAPROXY = """global
    stats socket /run/haproxy/admin.sock mode 660 level admin
frontend web
    bind *:80
    bind :443 ssl crt /etc/haproxy/certs/ alpn h2,http/1.1   # all of them
    acl is_api hdr(host) -i api.example.test
    use_backend api if is_api
    use_backend mail if { req_ssl_sni -i mail.example.test }
    default_backend shop
backend api
    server api1 10.0.0.5:9000 check
backend shop
    server shop1 127.0.0.1:3000 check
listen stats
    bind 127.0.0.1:8404
"""


def test_haproxy() -> None:
    web, stats = haproxy.sites(Neighbour({haproxy.MAIN: HAPROXY}))
    assert web.listens == ("*:80", ":443") and web.certificates == ("/etc/haproxy/certs/",)
    assert web.names == ("api.example.test", "mail.example.test") and web.upstreams == ("10.0.0.5:9000", "127.0.0.1:3000")
    assert stats.listens == ("127.0.0.1:8404",) and stats.line == 14


def test_traefik_by_labels_and_files() -> None:
    labels = {
        "traefik.enable": "true",
        "traefik.http.routers.shop.rule": "(Host(`shop.example.test`) || Host(`www.shop.example.test`)) && PathPrefix(`/`)",
        "traefik.tcp.routers.db.rule": "HostSNI(`*`)",
    }
    (shop,) = containers(Neighbour(containers=[container("shop-web-1", labels=labels)]))
    assert shop.hosts == ("shop.example.test", "www.shop.example.test")
    rules = 'http:\n  routers:\n    wiki:\n      rule: "Host(`wiki.example.test`)"\n'
    (site,) = traefik.sites(Neighbour({"/etc/traefik/dynamic/wiki.yml": rules}))
    assert site.names == ("wiki.example.test",)


def test_labels_of_caddy_s_docker_proxy() -> None:
    labels = {"caddy": "a.example.test b.example.test", "caddy.reverse_proxy": "{{upstreams 80}}", "caddy_1": "c.example.test"}
    (one,) = containers(Neighbour(containers=[container("a", labels=labels)]))
    assert one.hosts == ("a.example.test", "b.example.test", "c.example.test")
