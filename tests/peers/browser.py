"""A real Chromium (Debian's, driven by Playwright) for tests of the console, with axe-core, which checks accessibility
(https://github.com/dequelabs/axe-core)."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

AXED = ((360, "dark"), (1440, "light"))
"""Contrast depends on the colours, layout on the width: each value of both is checked once."""
KEEP = "VOICEAI_SCREENSHOTS"
"""Environment variable with a folder for screenshots; unset: none are kept."""

_RUN = "() => axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"


@asynccontextmanager
async def chromium(*more: str) -> AsyncIterator[Browser]:
    """`more`: flags of its command line."""
    program = shutil.which("chromium")
    assert program, "there is no chromium; .ci/packages installs it"
    async with async_playwright() as playwright:
        # A container's root has no user namespace to make a sandbox of, and often a small /dev/shm.
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", *more]
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


async def look(page: Page, name: str) -> list[str]:
    """What axe finds serious on the page at the sizes of `AXED`, and where the page is too wide for its window, in each
    of five sizes and colours. With `KEEP`, a screenshot of each is saved."""
    found = []
    for width, scheme in ((360, "light"), (360, "dark"), (390, "light"), (1440, "dark"), (1440, "light")):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        if KEEP in os.environ:
            await page.screenshot(path=Path(os.environ[KEEP]) / f"{name}-{width}-{scheme}.png", full_page=True)
        if (width, scheme) in AXED:
            found += [f"{name} {width} {scheme}: {each}" for each in await serious(page)]
        beyond = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        if beyond > 0:
            found.append(f"{name} {width}: {beyond} pixels too wide")
    return found


async def serious(page: Page) -> list[str]:
    """What axe finds serious or critical, and where."""
    if not await page.evaluate("() => typeof axe === 'object'"):
        await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    violations = await page.evaluate(_RUN)
    return [
        f"{each['id']}: {node['html'][:150]} ({node['failureSummary']})"
        for each in violations
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
