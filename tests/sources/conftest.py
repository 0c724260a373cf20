"""Every test here has its row on the page nn/SOURCES.md, and vouches for the numbers in it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "nn" / "SOURCES.md"
LINK = re.compile(r"\[`(test_\w+)`\]\(\.\./tests/sources/(test_\w+\.py)\)")
NUMBER = re.compile(r"`([+-]?\d[\d.e+-]*)`")


@pytest.fixture(scope="session")
def page():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def shows(request):
    """What a test calls with the numbers that it computed; its row must print just these.

    A row prints them in `code` type. A float is compared at six digits, a str as it is.
    """
    if request.path.name == "test_page.py":
        yield None
        return
    test = (request.node.originalname, request.path.name)
    rows = [
        line for line in request.getfixturevalue("page").splitlines() if test in LINK.findall(line)
    ]
    assert len(rows) == 1, f"nn/SOURCES.md should have one row for {test}, but has {len(rows)}"
    shown = []

    def show(*computed):
        shown.extend(each if isinstance(each, str) else f"{each:.6g}" for each in computed)

    yield show
    assert NUMBER.findall(rows[0]) == shown, f"the row of {test} should print {shown}"
