# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose projects in the shapes that people have them: several files, includes, extended services, profiles, env files."""

from __future__ import annotations

from dataclasses import dataclass, field

BASE = "services:\n  web:\n    image: web:1\n"


@dataclass(frozen=True)
class Shape:
    """One project.

    :param files: by path from the folder of the project.
    :param order: those that are given to Compose, the base first.
    :param refused: a part of the problem, where it is refused here.
    :param unlike: the CLIs that read it in another way than it is read here, and why that is theirs.
    """

    name: str
    files: dict[str, str]
    order: tuple[str, ...] = ("docker-compose.yml",)
    environment: dict[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    refused: str = ""
    unlike: dict[str, str] = field(default_factory=dict)


def single(name: str, text: str, refused: str = "", unlike: dict[str, str] | None = None, **more: str) -> Shape:
    """One file, and what lies beside it (C(__) in a name is a slash, C(_) before the last part a dot)."""
    files = {path.replace("__", "/").replace("_yml", ".yml").replace("_env", ".env"): content for path, content in more.items()}
    return Shape(name, {"docker-compose.yml": text, **files}, refused=refused, unlike=unlike or {})


def merged(name: str, base: str, over: str, refused: str = "", **environment: str) -> Shape:
    """A base and an override, each the body of a service web; what is unindented stands at the top."""
    files = {"docker-compose.yml": _service(base, "image: web:1"), "docker-compose.prod.yml": _service(over)}
    return Shape(name, files, tuple(files), environment, refused=refused)


def _service(text: str, *more: str) -> str:
    body, _separator, top = text.partition("---")
    lines = "\n".join(f"    {line}" for line in [*more, *body.strip().splitlines()])
    return f"services:\n  web:\n{lines}\n{top}"


SHAPES = [
    # Override files
    merged(
        "production over development",
        "build: .\nports: ['8080:80']\nenvironment: {DEBUG: '1', A: b}",
        "image: registry.example.com/web:2\nports: !override ['127.0.0.1:80:80']\nenvironment: {DEBUG: '0'}\nrestart: always",
    ),
    merged(
        "ports are added, the same one is one",
        "ports: ['80:80', {target: 443, published: '443', host_ip: 127.0.0.1}]",
        "ports: ['8080:80', '127.0.0.1:443:443', '80:80/tcp']",
    ),
    merged("ports with variables", "ports: ['${PORT}:80', '53:53/udp']", "ports: ['8000:80', '53:53']", PORT="8000"),
    merged("ports taken away", "ports: ['80:80']\nexpose: ['80']", "ports: !reset []"),
    merged(
        "volumes replace each other by target",
        "volumes: ['./src:/app', 'data:/d']\n---\nvolumes: {data: {}, other: {}}",
        "volumes: [{type: volume, source: other, target: /d, read_only: true}, {type: tmpfs, target: /t}]",
    ),
    merged("volumes with variables and a default", "volumes: ['./a:/d']", "volumes: ['${DATA:-./b}:/d:ro']"),
    merged("volumes with a path that a variable gives", "volumes: ['${DATA}:/d']", "volumes: ['/other:/d']", DATA="/srv/data"),
    merged(
        "secrets by target",
        "secrets: [one]\n---\nsecrets: {one: {file: ./one}, two: {file: ./two}}",
        "secrets: [{source: two, target: /run/secrets/one}]",
    ),
    merged(
        "configs by target",
        "configs: [{source: one, target: /etc/a.conf}]\n---\nconfigs: {one: {content: x}, two: {content: y}}",
        "configs: [{source: two, target: /etc/a.conf}, one]",
    ),
    merged(
        "a command is replaced",
        "command: [a, b]\nentrypoint: /e\nhealthcheck: {test: [CMD, a], interval: 5s}",
        "command: c\nentrypoint: [/f]\nhealthcheck: {test: [CMD, b], retries: 2}",
    ),
    merged("an empty command", "command: [a]\nentrypoint: [b]", "command: []\nentrypoint: ''"),
    merged("environment as list and as mapping", "environment: [A=1, B, C=3]", "environment: {A: 2, C: , D: 'x=y'}"),
    merged("labels as list and as mapping", "labels: [a=1, b, c=x]", "labels: {a: 2, c: }"),
    merged(
        "sysctls and annotations",
        "sysctls: [net.core.somaxconn=1]\nannotations: {a: b}",
        "sysctls: {net.core.somaxconn: 2}\nannotations: [c=d]",
    ),
    merged(
        "deploy",
        "deploy: {replicas: 2, labels: [a=b], resources: {limits: {cpus: '0.5', memory: 1g}}}",
        "deploy: {labels: {a: c}, resources: {limits: {memory: 2g}, reservations: {memory: 1g}}}",
    ),
    merged(
        "name servers, one written as a list",
        "dns: 1.1.1.1\ndns_search: a.example\ndns_opt: [x]",
        "dns: [8.8.8.8, 1.1.1.1]\ndns_search: b.example",
    ),
    merged("name servers, both as one value", "dns: 1.1.1.1\ntmpfs: /a", "dns: 8.8.8.8\ntmpfs: [/b, /a]"),
    merged("expose", "expose: [80, '90']", "expose: ['80', 100]"),
    merged("capabilities", "cap_add: [NET_ADMIN]\ncap_drop: [ALL]", "cap_add: [SYS_TIME]\ncap_drop: !reset []"),
    merged(
        "networks as list and as mapping",
        "networks: [front]\n---\nnetworks: {front: {}, back: {}}",
        "networks: {front: {aliases: [a]}, back: {priority: 5}}\n---\nnetworks: {back: {internal: true}}",
    ),
    merged("networks replaced", "networks: [front]\n---\nnetworks: {front: {}, back: {}}", "networks: !override [back]"),
    merged(
        "address pools",
        "init: true\n---\nnetworks: {default: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}",
        "init: true\n---\nnetworks: {default: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}, {subnet: 10.1.0.0/24}]}}}",
    ),
    merged("dependencies", "depends_on: [db]\n---\n  db: {image: 'db:1'}", "depends_on: {db: {condition: service_healthy, restart: true}}"),
    merged(
        "dependencies, the list second",
        "depends_on: {db: {condition: service_healthy}}\n---\n  db: {image: 'db:1'}\n  mq: {image: 'mq:1'}",
        "depends_on: [db, mq]",
    ),
    merged("hosts", "extra_hosts: ['a:1.2.3.4', 'b=2.2.2.2']", "extra_hosts: {a: 5.5.5.5, c: [6.6.6.6, 7.7.7.7]}"),
    merged("log driver changed", "logging: {driver: json-file, options: {max-size: 1m}}", "logging: {driver: syslog, options: {tag: x}}"),
    merged("log options added", "logging: {driver: json-file, options: {max-size: 1m}}", "logging: {options: {max-file: '3'}}"),
    merged("ulimits", "ulimits: {nofile: {soft: 1, hard: 5}, nproc: 5}", "ulimits: {nofile: 9, nproc: {soft: 1, hard: 2}, core: 0}"),
    merged("devices by target", "devices: ['/dev/a:/dev/x', /dev/b]", "devices: ['/dev/c:/dev/x:rwm']"),
    merged("hooks are added", "post_start: [{command: a}]", "post_start: [{command: b}, {command: a}]"),
    merged(
        "placement is added", "deploy: {placement: {constraints: [node.role==worker]}}", "deploy: {placement: {constraints: [disk==ssd]}}"
    ),
    merged("null leaves what is there", "command: x\nenvironment: {A: '1'}\nports: ['1:1']", "command:\nenvironment:\nports: []"),
    merged("a part of the environment is reset", "environment: {A: '1', B: '2'}", "environment: {A: !reset null}\nimage: !override web:3"),
    merged("deploy is replaced", "deploy: {replicas: 2, labels: {a: b}}", "deploy: !override {replicas: 3}"),
    merged("the form differs", "deploy: {replicas: 1}", "deploy: [x]", refused="has another form"),
    merged("the form differs, a list", "ports: ['1:1']", "ports: {a: b}", refused="has another form"),
    Shape(
        "three files",
        {"a.yml": BASE, "b.yml": BASE.replace("image: web:1", "cap_add: [A]"), "c.yml": "services: {web: {cap_add: [B], image: 'c:2'}}"},
        ("a.yml", "b.yml", "c.yml"),
    ),
    Shape(
        "an override without services",
        {"a.yml": BASE, "b.yml": "volumes: {v: {labels: {a: b}}}\nnetworks: {default: {driver: bridge}}"},
        ("a.yml", "b.yml"),
    ),
    Shape("an empty override", {"a.yml": BASE, "b.yml": "# nothing yet\n"}, ("a.yml", "b.yml")),
    Shape(
        "a service taken away",
        {"a.yml": f"{BASE}  mail: {{image: 'mailhog:1'}}\n", "b.yml": "services: {mail: !reset null}"},
        ("a.yml", "b.yml"),
    ),
    Shape(
        "an override in a folder of its own",
        {"a.yml": BASE, "prod/b.yml": "services: {web: {volumes: ['./conf:/conf']}}"},
        ("a.yml", "prod/b.yml"),
    ),
    Shape("a project in a folder of its own", {"deploy/a.yml": f"{BASE}    volumes: ['./conf:/conf', '../src:/src']\n"}, ("deploy/a.yml",)),
    Shape("a file that is not there", {"a.yml": BASE}, ("a.yml", "b.yml"), refused="b.yml, which is not there"),
    Shape("no YAML", {"a.yml": BASE, "b.yml": "services:\n\tweb: {}\n"}, ("a.yml", "b.yml"), refused="b.yml is not valid YAML in line 2"),
    single("several documents", f"{BASE}---\nservices: {{web: {{ports: ['1:1']}}}}\n---\nvolumes: {{v: {{}}}}\n"),
    # extends
    single(
        "extends of the same file",
        "services: {base: {image: b, cap_add: [A], labels: {a: '1'}}, web: {extends: base, cap_add: [B], labels: [a=2]}}",
    ),
    single("extends in long form", "services: {base: {image: b, depends_on: [db]}, web: {extends: {service: base}}, db: {image: d}}"),
    single(
        "extends of another file in another folder",
        "services: {web: {extends: {file: common/base.yml, service: base}, environment: {B: '2'}}}\nvolumes: {data: {}}",
        common__base_yml="services: {base: {image: b, volumes: ['./conf:/conf', 'data:/d'], environment: ['A=${A:-1}'], build: .}}",
    ),
    single(
        "extends over three files",
        "services: {web: {extends: {file: one/a.yml, service: a}}}",
        one__a_yml="services: {a: {extends: {file: ../two/b.yml, service: b}, volumes: ['./a:/a']}}",
        two__b_yml="services: {b: {extends: c, volumes: ['./b:/b']}, c: {image: c, volumes: [{type: bind, source: ../c, target: /c}]}}",
    ),
    single(
        "extends with tags",
        "services: {web: {extends: {file: base.yml, service: b}, ports: !override ['1:1'], environment: !reset null}}",
        base_yml="services: {b: {image: x, ports: ['2:2'], environment: {A: '1'}}}\n---\nservices: {b: {image: y}}",
    ),
    single(
        "extends a service that extends another in a circle",
        "services: {a: {extends: b, image: x}, b: {extends: a}}",
        refused="extends itself: a -> b -> a",
    ),
    single(
        "extends a service that is not there",
        "services: {web: {extends: base, image: x}}",
        refused="extends a service base that this document lacks",
    ),
    single(
        "extends a file that is not there", "services: {web: {extends: {file: no.yml, service: b}}}", refused="no.yml, which is not there"
    ),
    single(
        "extends a service that a file lacks",
        "services: {web: {extends: {file: base.yml, service: b}}}",
        base_yml="services: {c: {image: x}}",
        refused="extends a service b that base.yml lacks",
    ),
    single(
        "extends across documents",
        "services: {base: {image: b}}\n---\nservices: {web: {extends: base}}",
        refused="that this document lacks",
    ),
    single(
        "extends a file by a variable",
        "services: {web: {extends: {file: '${KIND:-common}.yml', service: b}}}",
        common_yml="services: {b: {image: x}}",
    ),
    single(
        "a network of the base that the project lacks",
        "services: {web: {extends: {file: base.yml, service: b}}}",
        base_yml="services: {b: {image: x, networks: [n]}}\nnetworks: {n: {}}",
        refused="joins a network that the Compose file lacks",
    ),
    Shape(
        "an override that extends what the base file has",
        {"a.yml": "services: {base: {image: b}}", "b.yml": "services: {web: {extends: base}}"},
        ("a.yml", "b.yml"),
        refused="extends a service base that this document lacks",
    ),
    Shape(
        "both files extend",
        {
            "a.yml": "services: {base: {image: b, cap_add: [A]}, web: {extends: base}}",
            "b.yml": "services: {other: {image: o, cap_add: [B]}, web: {extends: {service: other}, command: x}}",
        },
        ("a.yml", "b.yml"),
    ),
    Shape(
        "the base of an extended service is overridden",
        {"a.yml": "services: {base: {image: b, cap_add: [A]}, web: {extends: base}}", "b.yml": "services: {base: {image: o}}"},
        ("a.yml", "b.yml"),
    ),
    Shape(
        "extends with a tag that concerns the file before",
        {
            "a.yml": "services: {web: {image: a, ports: ['1:1']}}",
            "b.yml": "services: {base: {image: b, ports: ['3:3']}, web: {extends: base, ports: !override ['2:2']}}",
        },
        ("a.yml", "b.yml"),
    ),
    # include
    single(
        "include",
        "include: [backend/compose.yml]\nservices: {web: {image: w, depends_on: [db]}}",
        backend__compose_yml="services: {db: {image: 'db:${TAG:-1}', volumes: ['./conf:/conf', 'data:/d'], networks: [n]}}\n"
        "volumes: {data: {}}\nnetworks: {n: {driver: bridge}}\nx-own: 1\nname: backend",
    ),
    single(
        "include with variables of its own folder",
        "include: [backend/compose.yml]\nservices: {web: {image: w}}",
        backend__compose_yml="services: {db: {image: 'db:${TAG}', environment: {A: '${PLAIN:-x}$$y', P: 'a${DOLLAR}b'}}}",
        backend___env="TAG=17\nDOLLAR='$5'\n",
    ),
    Shape(
        "the project's variables win over those of an included one",
        {
            "a.yml": "include: [b/b.yml]\nservices: {web: {image: w}}",
            "b/b.yml": "services: {db: {image: 'db:${TAG:-0}-${OTHER}'}}",
            "b/.env": "TAG=1\nOTHER=2\n",
        },
        ("a.yml",),
        {"TAG": "17"},
    ),
    single(
        "include in long form",
        "include: [{path: b/b.yml, env_file: [one.env, two.env], project_directory: .}]\nservices: {web: {image: w}}",
        b__b_yml="services: {db: {image: 'db:${A}-${B}-${C:-no}', volumes: ['./d:/d']}}",
        one_env="A=1\nB=1\n",
        two_env="B=2${A}\n",
        b___env="C=3\n",
    ),
    single(
        "include of a list of files",
        "include: [{path: [b/b.yml, over/c.yml]}]\nservices: {web: {image: w}}",
        b__b_yml="services: {db: {image: db, volumes: ['./d:/d']}}",
        over__c_yml="services: {db: {volumes: ['./e:/e'], command: x}}",
    ),
    single(
        "an include that includes",
        "include: [b/b.yml]\nservices: {web: {image: w}}",
        b__b_yml="include: [c/c.yml]\nservices: {b: {image: b}}",
        b__c__c_yml="services: {c: {image: c, configs: [k], volumes: ['../x:/x']}}\nconfigs: {k: {content: x}}",
    ),
    single(
        "two includes of the same",
        "include: [b.yml, c.yml]\nservices: {web: {image: w}}",
        b_yml="include: [d.yml]\nservices: {b: {image: b}}",
        c_yml="include: [d.yml]\nservices: {c: {image: c}}",
        d_yml="services: {d: {image: d}}",
    ),
    single("an include that says the same", "include: [b.yml]\nservices: {b: {image: b}}", b_yml="services: {b: {image: b}}"),
    single(
        "an include that says otherwise",
        "include: [b.yml]\nservices: {b: {image: c}}",
        b_yml="services: {b: {image: b}}",
        refused="written otherwise",
    ),
    Shape(
        "an override of an included service",
        {
            "a.yml": "include: [b.yml]\nservices: {web: {image: w}}",
            "o.yml": "services: {b: {command: x}}",
            "b.yml": "services: {b: {image: b}}",
        },
        ("a.yml", "o.yml"),
    ),
    Shape(
        "an include in an override",
        {
            "a.yml": f"{BASE}  b: {{image: x, cap_add: [A]}}\n",
            "o.yml": "include: [b.yml]\nservices: {web: {command: y}}",
            "b.yml": "services: {b: {image: b, cap_add: [B]}}",
        },
        ("a.yml", "o.yml"),
    ),
    single("an include of nothing but a file", "include: [b.yml]", b_yml="services: {b: {image: b}}"),
    single(
        "a circle of includes",
        "include: [b.yml]\nservices: {a: {image: a}}",
        b_yml="include: [docker-compose.yml]\nservices: {b: {image: b}}",
        refused="includes a file that includes it",
    ),
    single("include is no list", "include: b.yml\nservices: {a: {image: a}}", b_yml="services: {b: {image: b}}", refused="must be a list"),
    single("an included file that is not there", "include: [b.yml]\nservices: {a: {image: a}}", refused="b.yml, which is not there"),
    single(
        "an env file of an include that is not there",
        "include: [{path: b.yml, env_file: no.env}]\nservices: {a: {image: a}}",
        b_yml="services: {b: {image: b}}",
        refused="the env file no.env, which is not there",
    ),
    single(
        "a service that extends an included one",
        "include: [b.yml]\nservices: {a: {extends: b}}",
        b_yml="services: {b: {image: b}}",
        refused="extends a service b that this document lacks",
    ),
    single(
        "an include from elsewhere",
        "include: ['https://example.com/app.git']\nservices: {a: {image: a}}",
        refused="is fetched from elsewhere",
    ),
    single(
        "an include of an artifact",
        "include: ['oci://registry.example.com/app:1']\nservices: {a: {image: a}}",
        refused="is fetched from elsewhere",
    ),
    single("an include that leaves the folder", "include: [../other/b.yml]\nservices: {a: {image: a}}", refused="leaves compose_folder"),
    # profiles
    Shape(
        "a profile that is off",
        {"a.yml": f"{BASE}  replica: {{image: r, profiles: [with-replica], build: .}}\nvolumes: {{v: {{}}}}\n"},
        ("a.yml",),
    ),
    Shape(
        "a profile that is on",
        {"a.yml": f"{BASE}    depends_on: [replica]\n  replica: {{image: r, profiles: [x, ha]}}\n  o: {{image: o, profiles: [x]}}\n"},
        ("a.yml",),
        profiles=("ha",),
    ),
    Shape(
        "all profiles",
        {"a.yml": f"{BASE}  a: {{image: a, profiles: [x]}}\n  b: {{image: b, profiles: [y]}}\n"},
        ("a.yml",),
        profiles=("*",),
    ),
    Shape(
        "a profile by a variable", {"a.yml": f"{BASE}  a: {{image: a, profiles: ['${{KIND:-x}}']}}\n"}, ("a.yml",), {"KIND": "ha"}, ("ha",)
    ),
    Shape(
        "a dependency that is off",
        {"a.yml": f"{BASE}    depends_on: [db]\n  db: {{image: d, profiles: [x]}}\n"},
        ("a.yml",),
        refused="depends on a service of the profile x, which is off",
    ),
    Shape(
        "a dependency that may be off",
        {"a.yml": f"{BASE}    depends_on: {{db: {{condition: service_started, required: false}}}}\n  db: {{image: d, profiles: [x]}}\n"},
        ("a.yml",),
    ),
    Shape(
        "the network of a service that is off",
        {"a.yml": f"{BASE}    network_mode: 'service:db'\n  db: {{image: d, profiles: [x]}}\n"},
        ("a.yml",),
        refused="depends on a service of the profile x, which is off",
    ),
    Shape(
        "files of a service that is off",
        {"a.yml": f"{BASE}    volumes_from: [db]\n  db: {{image: d, profiles: [x]}}\n"},
        ("a.yml",),
        refused="which is off",
    ),
    Shape("a profile that nothing has", {"a.yml": BASE}, ("a.yml",), profiles=("nope",), refused="is no profile"),
    Shape(
        "a profile that an override takes away",
        {"a.yml": f"{BASE}  db: {{image: d, profiles: [x]}}\n", "b.yml": "services: {db: {profiles: !reset []}}"},
        ("a.yml", "b.yml"),
    ),
    Shape(
        "profiles of an extended service",
        {"a.yml": "services: {base: {image: b, profiles: [x]}, web: {extends: base}, a: {image: a}}"},
        ("a.yml",),
        profiles=("x",),
    ),
    Shape("a service that is off needs variables", {"a.yml": f"{BASE}  db: {{image: 'd:${{TAG}}', profiles: [x]}}\n"}, ("a.yml",)),
    # env files, label files, configs
    single(
        "an env file",
        f"{BASE}    env_file: ./web.env\n    environment: {{B: own, E: '${{F:-x}}'}}\n",
        web_env="# c\nexport A=1\nB=\"q\"\nC='x $V'\nD=${A}-$$\nG=a # b\n",
    ),
    Shape(
        "an env file with variables of the project",
        {"a.yml": f"{BASE}    env_file: [{{path: web.env}}, other.env]\n", "web.env": "A=${V}\nB=1\nV\n", "other.env": "B=${V:-no}$5\n"},
        ("a.yml",),
        {"V": "7"},
    ),
    single("an env file that is not there", f"{BASE}    env_file: web.env\n", refused="web.env, which is not in compose_folder"),
    single(
        "an env file that need not be there",
        f"{BASE}    env_file: [{{path: no.env, required: false}}, {{path: web.env}}]\n",
        web_env="A=1\n",
    ),
    single("an env file as it is", f"{BASE}    env_file: [{{path: web.env, format: raw}}]\n", web_env="A='1'\nB=\"q $V\"\n"),
    single(
        "an env file in a format of its own",
        f"{BASE}    env_file: [{{path: web.env, format: json}}]\n",
        web_env="A=1\n",
        refused="is no format",
    ),
    single(
        "an env file that cannot be read",
        f"{BASE}    env_file: web.env\n",
        web_env="A=1\nB='x\n",
        refused="a quote that is not closed in line 2",
    ),
    single(
        "names alone in environment, values in an env file", f"{BASE}    env_file: web.env\n    environment: [A, C]\n", web_env="A=1\nB=2\n"
    ),
    single(
        "an env file of an extended service",
        "services: {web: {extends: {file: base/b.yml, service: b}, environment: {B: '2'}}}",
        base__b_yml="services: {b: {image: x, env_file: b.env, label_file: ./l.env}}",
        base__b_env="A=1\nB=1\n",
        base__l_env="L=1\n",
    ),
    single(
        "an env file of an included service",
        "include: [inc/c.yml]\nservices: {web: {image: w}}",
        inc__c_yml="services: {db: {image: x, env_file: [c.env, ../root.env]}}",
        inc__c_env="A=1\n",
        root_env="B=1\n",
    ),
    merged("env files of two documents", "env_file: one.env", "env_file: [two.env]", refused="one.env, which is not in compose_folder"),
    single("a label file", f"{BASE}    label_file: [l.env, m.env]\n    labels: {{A: own}}\n", l_env='A=1\nB="x ${V}"\n', m_env="C=3\n"),
    single("labels as a list over a label file", f"{BASE}    label_file: l.env\n    labels: [A=own, D]\n", l_env="A=1\nB=2\n"),
    single(
        "configs",
        f"{BASE}    configs: [a, {{source: b, target: /b, mode: 0440}}]\nconfigs: {{a: {{content: '${{Y:-z}}'}}, b: {{file: ./b.conf}}}}\n",
    ),
    Shape(
        "a config of the environment", {"a.yml": f"{BASE}    configs: [a]\nconfigs: {{a: {{environment: V}}}}\n"}, ("a.yml",), {"V": "7"}
    ),
    single(
        "a config with two contents",
        f"{BASE}    configs: [a]\nconfigs: {{a: {{content: x, file: y}}}}\n",
        refused="cannot have file and content beside each other",
    ),
    single("a config with nothing", f"{BASE}configs: {{a: {{}}}}\n", refused="has none of file, environment, content"),
    single(
        "a secret with content", f"{BASE}    secrets: [a]\nsecrets: {{a: {{content: x}}}}\n", refused="is not a key of a Compose file here"
    ),
    # What others reported of Compose, and ran into
    single(
        "an env file of an included service with variables of the include",
        "include: [{path: inc.yml, env_file: [extra.env]}]\nservices: {web: {image: w}}",
        inc_yml="services: {db: {image: x, env_file: svc.env, environment: {E: '${EXTRA}'}}}",
        extra_env="EXTRA=1\n",
        svc_env="A=${EXTRA:-no}\n",
    ),
    single(
        "an env file that overrides what an earlier one uses",
        f"{BASE}    env_file: [one.env, two.env]\n",
        one_env='U=me\nP="${U}"\n',
        two_env='U=other\nP="${U}"\nQ=${P}\n',
        unlike={"2.26.1": "in an env file the variables of the files before win over its own"},
    ),
    Shape(
        "an env file that uses what the service sets itself",
        {"a.yml": f"{BASE}    env_file: e.env\n    environment: {{E: own}}\n", "e.env": "A=${E:-none}\nE=file\nB=${E}\nC=${P}\nP=file\n"},
        ("a.yml",),
        {"P": "project"},
        unlike={"2.26.1": "the environment of the service is not known in its env files"},
    ),
    single("a dollar in an env file", f"{BASE}    env_file: web.env\n", web_env='A="abc$def"\nB=\'abc$def\'\nC=a$$b\nD="\\$x"\n'),
    single(
        "tags over what a merge key brings",
        "x-base: &base {configs: [c], cap_add: [A]}\nservices:\n  a: {image: a, <<: *base}\n"
        "  b: {extends: a, configs: !override [d], cap_add: !reset []}\nconfigs: {c: {content: x}, d: {content: y}}\n",
    ),
    single(
        "two merge keys, of which the first wins",
        "x-one: &one {environment: {A: '1'}}\nx-two: &two {environment: {B: '2'}}\nservices: {web: {image: w, <<: [*one, *two]}}\n",
    ),
    single(
        "a reset over the service of the same name in another file",
        "services: {app: {extends: {file: base.yml, service: app}, volumes: !reset [], build: {target: production}}}",
        base_yml="services: {app: {image: a, build: {context: ., target: dev}, volumes: ['./src:/src']}}",
    ),
    single(
        "volumes of an extended service replaced by target",
        "services: {app: {extends: {file: base.yml, service: app}, volumes: ['own:/app']}}\nvolumes: {own: {}}",
        base_yml="services: {app: {image: a, volumes: ['theirs:/app']}}",
    ),
    single(
        "an override in the middle of three files that extend each other",
        "services: {app: {extends: {file: c2.yml, service: app}}}",
        c2_yml="services: {app: {extends: {file: c3.yml, service: app}, volumes: !override ['./b:/b']}}",
        c3_yml="services: {app: {image: a, volumes: ['./a:/a']}}",
        unlike={"2.26.1": "what the file in the middle overrides is lost (docker/compose#13298)"},
    ),
    single(
        "a reset in the file that is extended",
        "services: {test: {extends: {file: base.yml, service: test}, command: own}}",
        base_yml="services: {init: {image: a, command: sleep}, test: {extends: {service: init}, command: !reset null}}",
    ),
    Shape(
        "a variable reset that two files before it set beside others",
        {
            "a.yml": "services: {app: {image: a, environment: {FOO: bar}}}",
            "b.yml": "services: {app: {environment: {ANOTHER: bar}}}",
            "c.yml": "services: {app: {environment: {FOO: !reset null}}}",
        },
        ("a.yml", "b.yml", "c.yml"),
        unlike=dict.fromkeys(("2.26.1", "2.40.3"), "a reset is lost where two files before it contributed (docker/compose#11816)"),
    ),
    merged("the same container port at another host port is a second port", "ports: ['1323:1323']", "ports: ['1324:1323']"),
    single(
        "an included file with an override of its own",
        "include: [{path: [inc/compose.yml, inc/compose_override.yml]}]\nservices: {web: {image: w}}",
        inc__compose_yml="services: {db: {image: d, ports: ['1:1']}}",
        inc__compose_override_yml="services: {db: {ports: !reset []}}",
    ),
    Shape(
        "two projects of two folders as one",
        {
            "a/docker-compose.yml": "services: {web: {image: w, volumes: ['./a:/a']}}",
            "b/docker-compose.yml": "services: {api: {image: x, volumes: ['./b:/b']}}",
        },
        ("a/docker-compose.yml", "b/docker-compose.yml"),
    ),
    Shape(
        "dependencies of one profile that is on",
        {"a.yml": f"{BASE}  db: {{image: d, profiles: [ci]}}\n  test: {{image: t, depends_on: [db], profiles: [ci]}}\n"},
        ("a.yml",),
        profiles=("ci",),
    ),
]
