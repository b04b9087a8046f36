"""The browser that tests and benchmarks drive: the system's Chromium without a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

# The same engine in two programs. The shell has no windows, no extensions and no icons of tabs: a visit takes a third
# of the processor time. What a page costs a reader is measured with the whole browser.
WHOLE, SHELL = "/usr/bin/chromium", "/usr/bin/chromium-headless-shell"
PROGRAM = os.environ.get("PW_TEST_CHROMIUM") or (SHELL if Path(SHELL).exists() else WHOLE)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--in-process-gpu",
]


@contextmanager
def chromium(*arguments: str, program: str = PROGRAM) -> Iterator[Browser]:
    """Start the browser with these arguments besides the usual ones, and end it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()
