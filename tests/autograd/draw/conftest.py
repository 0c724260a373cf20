"""What more than one module of these tests needs."""

import sys

import pytest


@pytest.fixture
def no_graphviz(monkeypatch, tmp_path):
    """Neither the dot program nor pygraphviz."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.fixture
def bare(no_graphviz, monkeypatch):
    """Nothing that could convert a picture either."""
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    monkeypatch.setitem(sys.modules, "cairosvg", None)
