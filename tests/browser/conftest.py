"""A headless Chromium, or the reason why there is none."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser():
    """A Chromium that is installed on this machine, driven by Playwright; nothing is downloaded."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a replay, saved, in a page of its own; an error in the page fails the test."""
    contexts, errors = [], []

    def open_page(played, **options):
        path = (
            played.save(tmp_path / f"{len(contexts)}.html") if hasattr(played, "save") else played
        )
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.on("request", lambda asked: asked.url.startswith("http") and errors.append(asked.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors
