"""The page nn/SOURCES.md lists every test of this folder once, and no unchecked number."""

import ast
import re
from pathlib import Path

from .conftest import LINK, NUMBER

HERE = Path(__file__).parent


def test_the_page_lists_each_test_once_and_each_listed_test_exists(page):
    written = [
        (node.name, path.name)
        for path in HERE.glob("test_*.py")
        if path.name != "test_page.py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(written) == len(set(written)) > 60
    assert sorted(LINK.findall(page)) == sorted(written)


def test_each_row_of_a_table_has_one_test(page):
    first, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    assert not LINK.findall(first)
    for section in sections:
        heading, line, *rows = [each for each in section.splitlines() if each.startswith("|")]
        assert heading.endswith("| test |")
        assert not line.strip("|-")
        assert [len(LINK.findall(row)) for row in rows] == [1] * len(rows)


def test_every_decimal_number_of_the_page_is_one_that_a_test_computes(page):
    rows = [line for line in page.splitlines() if LINK.search(line)]
    assert NUMBER.findall(page) == NUMBER.findall("\n".join(rows))
    assert len(NUMBER.findall(page)) > 50
    sections_of_papers = r"§[\d.]+"
    assert not re.findall(r"\d\.\d", re.sub(sections_of_papers, "", NUMBER.sub("", page)))


def test_the_links_of_the_page_lead_to_files(page):
    links = set(re.findall(r"\]\(([^)#]+)\)", page))
    assert len(links) > 8
    assert not [link for link in links if not (HERE.parents[1] / "nn" / link).exists()]
