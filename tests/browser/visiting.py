"""Visiting the pages in a real browser: where they are served, coming in, looking, and what axe says.

With PACS_SCREENSHOTS=1 the pictures of docs/screenshots are made anew.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from tests.functions.doors import PASSWORD

AXE = (Path(__file__).parent / "axe-4.14.1.min.js").read_text(encoding="utf-8")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PICTURE_MAX_BYTES = 150_000
DOORS = {"admin": "/admin/login", "accounting": "/accounting/login", "individual": "/login"}


@contextmanager
def serving(clinic: Any) -> Iterator[str]:
    """Where the clinic's pages are served while the context lasts."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(clinic.client.app, loop="asyncio", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1120, "height": 680}, **({"locale": "en"} | options))
    context.set_default_timeout(10_000)
    return context


def enter(page: Page, origin: str, role: str, door: str = "") -> None:
    page.goto(origin + (door or DOORS.get(role, "/corporate/login")))
    page.locator("[name=username]").fill(f"{role}@example.org")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/dashboard")


def serious(page: Page) -> list[str]:
    """What axe finds on a page that shuts somebody out."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def keep_picture(page: Page, name: str) -> None:
    """Make the picture of a page anew, if pictures are asked for."""
    if not os.environ.get("PACS_SCREENSHOTS"):
        return
    path = SCREENSHOTS / f"{name}.png"
    Image.open(BytesIO(page.screenshot())).quantize(256).save(path, optimize=True)
    assert path.stat().st_size <= PICTURE_MAX_BYTES


def complaints(page: Page) -> list[str]:
    """What the console says of the pages from now on, refusals by the content security policy among it."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said
