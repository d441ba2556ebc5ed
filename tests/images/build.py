# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the sample applications from Debian packages and push them to the test registry; what is there already stays.

Every image carries the hash of all that it is made of; it is built when that differs, and pushed when the registry has another one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts"))

import engine
import services
from cache import CACHE, PATHS, alone
from engine import LABEL, HostsError, docker, run
from rootfs import digest, sources

HERE = Path(__file__).resolve().parent
RECIPE = f"{LABEL}.recipe"
REGISTRY = f"127.0.0.1:{services.REGISTRY_PORT}"
SUITE = "trixie"
# Documentation is not needed in a container, and is a third of a minimal Debian.
MMDEBSTRAP = (
    "--variant=minbase", "--include=ca-certificates", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--aptopt=Acquire::Languages none", "--customize-hook=rm -rf $1/var/lib/apt/lists/* $1/var/cache/apt/*.bin $1/var/log/*",
)  # fmt: skip
APPLICATIONS = ("api-gateway", "model-server", "worker")
VERSIONS = ("1.0.0", "1.1.0", "1.3.0", "1.4.0")
BROKEN = {"1.2.0-broken": "unhealthy"}
# Versions of the gateway that are wrong in ways that a healthcheck does not see, or sees too late.
FAULTY = {"1.2.0-crash": "crash", "1.2.0-errors": "errors", "1.2.0-slow": "slow", "1.2.0-migration": "migration"}
STORES = {"postgres": "17", "redis": "8"}
# The sample applications: images of a name each, by the folder that they are built from. They are made when `--applications` asks for them.
NEUROCORE_VERSIONS = ("1.0.0", "1.1.0")
MARKET_ML = {"api": "api", "serving": "serving", "ingestion": "ingestion", "modeling": "schedule"}
PYTHON = "3.13"  # of SUITE
PACKAGES = ("neurocore", "market-ml")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Image:
    """One image: its full name, the folder of its Dockerfile, and what it is made of."""

    reference: str
    folder: str
    parent: str
    recipe: str
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def pushed(self) -> bool:
        return self.reference.startswith(f"{REGISTRY}/")

    @property
    def short(self) -> str:
        return self.reference.removeprefix(f"{REGISTRY}/")


@dataclass(frozen=True)
class Present:
    """What the engine has under a name."""

    recipe: str
    digests: frozenset[str]


def base_name() -> str:
    return f"latentum-ops-test/sample-base:{digest(SUITE, *MMDEBSTRAP)}"


def make_base() -> None:
    """A minimal Debian, by mmdebstrap; from the official image where mmdebstrap cannot run."""
    print(f"image: making a minimal {SUITE} (half a minute, once)", flush=True)
    if shutil.which("mmdebstrap") and os.geteuid() == 0:
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            archive = Path(scratch) / "root.tar"
            run(["mmdebstrap", "--quiet", *MMDEBSTRAP, SUITE, str(archive)])
            docker("import", "--change", f"LABEL {LABEL}=1", str(archive), base_name())
        return
    docker("build", "--label", f"{LABEL}=1", "--tag", base_name(), "-", text_in=f"FROM debian:{SUITE}-slim\n")


def plan() -> list[Image]:
    """All images but the base, each after its parent."""
    base = base_name()
    recipe = digest(base, *sources(HERE, "python", "app"))
    python = Image(f"latentum-ops-test/sample-python:{recipe}", "python", base, recipe)
    images = [python]
    for name in APPLICATIONS:
        faults = {**dict.fromkeys(VERSIONS, ""), **BROKEN, **(FAULTY if name == "api-gateway" else {})}
        for version, fault in faults.items():
            arguments = (("VERSION", version), ("FAULT", fault))
            recipe = digest(python.recipe, version, fault, *sources(HERE, name))
            images.append(Image(f"{REGISTRY}/latentum/{name}:{version}", name, python.reference, recipe, arguments))
    for name, tag in STORES.items():
        images.append(Image(f"{REGISTRY}/latentum/{name}:{tag}", name, base, digest(base, *sources(HERE, name))))
    return images


def packages_name(application: str) -> str:
    """An image with nothing in it but Python packages of pinned versions."""
    recipe = digest(PYTHON, platform.machine(), *sources(HERE, f"applications/packages/{application}.txt"))
    return f"latentum-ops-test/packages-{application}:{recipe}"


def make_packages(application: str) -> None:
    """Fetch them by this machine's own pip, for the interpreter of the image; without what an application does not need at run time."""
    print(f"image: fetching the Python packages of {application} (minutes, once)", flush=True)
    tags = [word for libc in ("_2_28", "_2_27", "_2_17", "2014") for word in ("--platform", f"manylinux{libc}_{platform.machine()}")]
    short = PYTHON.replace(".", "")
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        folder, archive = Path(scratch) / "packages", Path(scratch) / "packages.tar"
        run([
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:", "--target", str(folder),
            "--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{short}", "--abi", "abi3", "--abi", "none", *tags,
            "--requirement", str(HERE / f"applications/packages/{application}.txt"),
        ], timeout=1800)  # fmt: skip
        for tests in [*folder.rglob("tests"), *folder.rglob("test")]:
            if tests.is_dir() and (tests / "__init__.py").exists():
                shutil.rmtree(tests)
        run(["tar", "--create", "--owner=0", "--group=0", "--directory", str(folder), "--file", str(archive), "."])
        docker("import", "--change", f"LABEL {LABEL}=1", str(archive), packages_name(application))


def application_plan() -> list[Image]:
    """The images of Neurocore and Market ML, each after its parent; PostgreSQL, without vectors, and Redis are those of `plan`."""
    base = base_name()

    def local(name: str, parent: str, folder: str, *parts: str, **arguments: str) -> Image:
        recipe = digest(parent, *parts, *sources(HERE, f"{folder}/Dockerfile"))
        return Image(f"latentum-ops-test/sample-{name}:{recipe}", folder, parent, recipe, tuple(arguments.items()))

    def pushed(name: str, parent: Image, folder: str, *extra: str, **arguments: str) -> Image:
        recipe = digest(parent.recipe, *arguments.values(), *sources(HERE, f"applications/{folder}", *extra))
        return Image(f"{REGISTRY}/{name}", f"applications/{folder}", parent.reference, recipe, tuple(arguments.items()))

    runtime = local("runtime", base, "applications/runtime")
    stacks = {
        name: local(name, runtime.reference, "applications/packages", packages_name(name), PACKAGES=packages_name(name))
        for name in PACKAGES
    }
    (postgres,) = (image for image in plan() if image.folder == "postgres")
    bare = Image(base, "", base, base)
    neurocore, market_ml = stacks["neurocore"], stacks["market-ml"]
    return [
        runtime,
        neurocore,
        market_ml,
        *(pushed(f"neurocore/api:{version}", neurocore, "neurocore", VERSION=version) for version in NEUROCORE_VERSIONS),
        *(pushed(f"neurocore/frontend:{version}", bare, "frontend", VERSION=version) for version in NEUROCORE_VERSIONS),
        pushed("neurocore/postgres:17", postgres, "pgvector"),
        *(
            pushed(f"market-ml/{name}:1.0.0", market_ml, "market_ml", VERSION="1.0.0", SERVICE=command)
            for name, command in MARKET_ML.items()
        ),
        pushed("market-ml/mlflow:1.0.0", market_ml, "mlflow"),
        pushed("market-ml/kafka:1.0.0", runtime, "kafka"),
        pushed("latentum/echo:1.0.0", runtime, "echo"),
    ]


def present() -> dict[str, Present]:
    """Our images in the engine, by name."""
    ids = sorted(set(docker("image", "ls", "--quiet", "--no-trunc", "--filter", f"label={LABEL}=1").stdout.split()))
    found: dict[str, Present] = {}
    if ids:
        for shown in json.loads(docker("image", "inspect", *ids).stdout):
            labels = shown["Config"].get("Labels") or {}
            digests = frozenset(one.rsplit("@", 1)[1] for one in shown.get("RepoDigests") or [])
            for reference in shown.get("RepoTags") or []:
                found[reference] = Present(labels.get(RECIPE, ""), digests)
    return found


def build(image: Image) -> None:
    """One image from its Dockerfile; the context is this folder, cut down by .dockerignore."""
    arguments = [("BASE", image.parent), *image.arguments]
    docker(
        "build", "--quiet", "--force-rm", "--label", f"{LABEL}=1", "--label", f"{RECIPE}={image.recipe}", "--tag", image.reference,
        *(f"--build-arg={name}={value}" for name, value in arguments), "--file", str(HERE / image.folder / "Dockerfile"), str(HERE),
        timeout=1800,
    )  # fmt: skip


def registry_digest(image: Image, session: requests.Session) -> str | None:
    """What the registry has under the image's name."""
    path, tag = image.short.rsplit(":", 1)
    answer = session.head(f"https://{REGISTRY}/v2/{path}/manifests/{tag}", headers={"Accept": MANIFEST}, timeout=10)
    if answer.status_code not in (200, 404):
        raise HostsError(f"the test registry answers {answer.status_code} for {image.short}: docker logs {services.PREFIX}registry")
    return answer.headers.get("Docker-Content-Digest")


def push(images: list[Image], there: dict[str, Present]) -> int:
    """Push what the registry lacks or has otherwise; returns how many."""
    if not services.registry_answers():
        services.ensure()
        end = time.monotonic() + 30
        while not services.registry_answers():
            if time.monotonic() > end:
                raise HostsError(f"the test registry does not answer: docker logs {services.PREFIX}registry")
            time.sleep(0.3)
    session = requests.Session()
    session.verify = str(PATHS["ca"])
    session.trust_env = False  # neither a proxy nor another CA bundle
    count = 0
    for image in images:
        if image.pushed and registry_digest(image, session) not in there[image.reference].digests:
            print(f"image: pushing {image.short}", flush=True)
            docker("push", "--quiet", image.reference)
            count += 1
    return count


def forget_replaced() -> None:
    """Images of ours that lost their name to a newer build, unless a container still uses them."""
    mine = ["--filter", f"label={RECIPE}", "--filter", "dangling=true", "--filter", f"reference={REGISTRY}/*/*"]
    ids = docker("image", "ls", "--quiet", *mine).stdout.split()
    if ids:
        docker("image", "rm", *sorted(set(ids)), check=False)


def ensure(*, pushing: bool = True, applications: bool = False) -> tuple[int, int]:
    """Build and push what is missing; how many were built and pushed."""
    engine.ensure(PATHS["engine-log"])
    with alone("images"):
        images, there = [*plan(), *(application_plan() if applications else [])], present()
        if base_name() not in there:
            make_base()
        for name in PACKAGES if applications else ():
            if packages_name(name) not in there:
                make_packages(name)
        wanted = [image for image in images if there.get(image.reference, Present("", frozenset())).recipe != image.recipe]
        for image in wanted:
            print(f"image: building {image.short}", flush=True)
            build(image)
        pushed = push(images, present() if wanted else there) if pushing else 0
        if wanted:
            forget_replaced()
        return len(wanted), pushed


def main() -> int:
    """1 with a sentence when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-push", action="store_true", help="build only")
    parser.add_argument("--applications", action="store_true", help="Neurocore and Market ML too: a gigabyte, and minutes the first time")
    parser.add_argument("--list", action="store_true", help="list the images and their names in the test registry")
    options = parser.parse_args()
    if options.list:
        images = [*plan(), *(application_plan() if options.applications else [])]
        print("\n".join(f"registry.example.test:{services.REGISTRY_PORT}/{image.short}" for image in images if image.pushed))
        return 0
    started = time.monotonic()
    try:
        built, pushed = ensure(pushing=not options.no_push, applications=options.applications)
    except HostsError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    print(f"images: {built} built, {pushed} pushed in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
