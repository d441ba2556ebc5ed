# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the client container: looks at pages with a real browser over its DevTools protocol, and tells what is to be seen.

Standard input is a job as JSON ({"url" or "html", "headers", "insecure", "measure": script, "views": [...]}), standard output a list of
what each view showed. browser.py is the other end, measure.js the script.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

# As root in a container, without a GPU, with the small /dev/shm that Docker gives; it must ask nobody but for the page.
BROWSER = [
    "chromium-headless-shell",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
# Seconds: until the browser listens, until it answers, and for what a page does after it has loaded.
STARTED, ANSWERED, SETTLED = 30.0, 30.0, 0.3


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.session = ""
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._seen = asyncio.Condition()

    async def listen(self) -> None:
        """Take in what the browser says, until it is gone."""
        async for message in self.socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif said.get("sessionId") == self.session:
                async with self._seen:
                    self.events.append(said)
                    self._seen.notify_all()

    async def do(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One command; raises RuntimeError with the browser's words."""
        self._number += 1
        answer = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self.session} if self.session else {}
        await self.socket.send_json({"id": self._number, "method": method, "params": arguments, **session})
        said = await asyncio.wait_for(answer, ANSWERED)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        result: dict[str, Any] = said["result"]
        return result

    async def until(self, method: str) -> None:
        """Wait for an event."""
        async with self._seen, asyncio.timeout(ANSWERED):
            await self._seen.wait_for(lambda: any(one["method"] == method for one in self.events))


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A browser with an empty profile, gone with all that it wrote when this ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, (Path(profile) / "said").open("wb") as said:
        # A process group of its own: the browser is many processes, and those outlive the one that is killed.
        process = subprocess.Popen(
            [*BROWSER, f"--user-data-dir={profile}", "about:blank"], stdout=said, stderr=said, start_new_session=True
        )
        try:
            where = Path(profile) / "DevToolsActivePort"
            async with asyncio.timeout(STARTED):
                while not where.exists() or len(where.read_text().splitlines()) < 2:
                    if process.poll() is not None:
                        raise RuntimeError(f"the browser ended: {(Path(profile) / 'said').read_text()[-2000:]}")
                    await asyncio.sleep(0.02)
            port, path = where.read_text().splitlines()
            async with aiohttp.ClientSession() as client, client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket:
                yield socket
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def look(tab: Tab, url: str, job: dict[str, Any], view: dict[str, Any]) -> dict[str, Any]:
    """One view in a tab of its own: load, wait until it is quiet, measure, take a picture."""
    tab.session, tab.events = "", []
    target = (await tab.do("Target.createTarget", url="about:blank"))["targetId"]
    tab.session = (await tab.do("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        await tab.do(f"{domain}.enable")
    await tab.do("Network.setExtraHTTPHeaders", headers=job.get("headers") or {})
    await tab.do("Security.setIgnoreCertificateErrors", ignore=bool(job.get("insecure")))
    size = {"width": view["width"], "height": view["height"]}
    await tab.do("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=view["scale"], mobile=view["width"] < 600)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if view["dark"] else "light"}
    await tab.do("Emulation.setEmulatedMedia", features=[scheme])
    await tab.do("Emulation.setScriptExecutionDisabled", value=not view["scripts"])
    went = await tab.do("Page.navigate", url=url)
    if went.get("errorText"):
        raise RuntimeError(f"{url}: {went['errorText']}")
    await tab.until("Page.loadEventFired")
    await asyncio.sleep(SETTLED)
    await tab.do("Emulation.setScriptExecutionDisabled", value=False)  # the page has had its chance; now it is we who measure
    if view["before"]:
        await evaluate(tab, view["before"])
    shown: dict[str, Any] = await evaluate(tab, job["measure"])
    picture = await tab.do("Page.captureScreenshot", format="png", captureBeyondViewport=view["whole"]) if view["picture"] else {"data": ""}
    parameters = [(one["method"], one["params"]) for one in tab.events]
    shown["requests"] = [said["request"]["url"] for method, said in parameters if method == "Network.requestWillBeSent"]
    shown["answers"] = [
        {"url": said["response"]["url"], "status": said["response"]["status"], "headers": said["response"]["headers"]}
        for method, said in parameters
        if method == "Network.responseReceived"
    ]
    shown["complaints"] = [
        *(f"{said['entry']['text']} {said['entry'].get('url', '')}" for method, said in parameters if method == "Log.entryAdded"),
        *(f"{said['type']}: {said['args']}" for method, said in parameters if method == "Runtime.consoleAPICalled"),
        *(str(said["exceptionDetails"]) for method, said in parameters if method == "Runtime.exceptionThrown"),
    ]
    shown["picture"] = picture["data"]
    tab.session = ""
    await tab.do("Target.closeTarget", targetId=target)
    return shown


async def evaluate(tab: Tab, script: str) -> Any:
    """The value of an expression in the page."""
    said = await tab.do("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
    if "exceptionDetails" in said:
        raise RuntimeError(f"in the page: {said['exceptionDetails']}")
    return said["result"].get("value")


async def main() -> None:
    """Carry out the job."""
    job = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        url = job.get("url")
        if not url:
            page = Path(folder) / "page.html"
            page.write_text(job["html"], encoding="utf-8")
            url = page.as_uri()
        async with browser() as socket:
            tab = Tab(socket)
            listening = asyncio.create_task(tab.listen())
            views = [await look(tab, url, job, view) for view in job["views"]]
            listening.cancel()
    json.dump(views, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
