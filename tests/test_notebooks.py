"""The notebooks: made of their scripts, light, readable where nothing runs, and still right."""

import json
import math
import re
import runpy
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
SCRIPTS = sorted((FOLDER / "src").glob("*.py"))
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
LARGEST = 200_000  # bytes of one output


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def script(request):
    return request.param


@pytest.fixture
def notebook(script):
    return json.loads((FOLDER / f"{script.stem}.ipynb").read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outputs(notebook):
    return [output for cell in code(notebook) for output in cell["outputs"]]


def words(cell):
    """What a cell printed and showed, as text; pictures are left out."""
    parts = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        parts += [output.get("text", ""), data.get("text/plain", ""), data.get("text/latex", "")]
    return " ".join("".join("".join(part) for part in parts).split())


def agree(one, other):
    """Whether two texts are the same, their numbers up to rounding."""
    numbers = zip(NUMBER.findall(one), NUMBER.findall(other), strict=False)
    return NUMBER.split(one) == NUMBER.split(other) and all(
        math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9) for a, b in numbers
    )


def test_there_are_ten_each_with_its_script():
    assert [script.stem[:3] for script in SCRIPTS] == [f"{n:02}-" for n in range(1, 11)]
    assert [path.stem for path in sorted(FOLDER.glob("*.ipynb"))] == [s.stem for s in SCRIPTS]


def test_numbers_may_differ_by_rounding_and_by_nothing_else():
    assert agree("a = 0.25, b: 1e-17", "a = 0.25000001, b: -3.1e-16")
    assert not agree("a = 0.25", "a = 0.2501")
    assert not agree("3 of 4", "4 of 4")
    assert not agree("right 1", "wrong 1")
    assert not agree("1 2", "1")


def test_the_readme_links_each(script):
    assert f"(notebooks/{script.stem}.ipynb)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_cells_say_how_to_install_and_refuse_another_autograd(notebook, monkeypatch):
    opening, first = notebook["cells"][:2]
    assert "make lab" in source(opening)
    assert "pip install" in source(opening)
    other = types.ModuleType("autograd")
    other.__file__ = "autograd/__init__.py"
    monkeypatch.setitem(sys.modules, "autograd", other)
    with pytest.raises(ImportError, match=r"HIPS autograd.*make a fresh one"):
        exec(source(first), {})


def test_outputs_are_small_quiet_and_free_of_paths(notebook):
    for output in outputs(notebook):
        assert len(json.dumps(output, ensure_ascii=False).encode()) <= LARGEST
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr"
    text = json.dumps(notebook, ensure_ascii=False)
    for path in ("/home/", "/tmp/", "/root/", "/Users/", "site-packages", "ipykernel_", str(ROOT)):
        assert path not in text
    assert not re.search(r" at 0x[0-9a-f]{6,}", text)  # an address in memory


def test_a_picture_lies_under_everything_interactive(notebook):
    for output in outputs(notebook):
        page = "".join(output.get("data", {}).get("text/html", ""))
        if "<iframe" in page or "<script" in page:
            assert page.index("<img") < page.index("<iframe")


def test_nothing_of_the_run_is_kept_but_the_outputs(notebook):
    assert notebook["metadata"].keys() == {"kernelspec", "language_info"}
    assert [cell["execution_count"] for cell in code(notebook)] == [
        *range(1, len(code(notebook)) + 1)
    ]
    for cell in notebook["cells"]:
        assert cell["metadata"].keys() <= {"jupyter", "tags"}


def test_it_ends_with_an_exercise_that_verify_refuses_and_a_folded_solution_that_it_accepts(
    notebook,
):
    texts = [source(cell) for cell in notebook["cells"]]
    begin = max(i for i, text in enumerate(texts) if "## Exercise" in text)
    *_, attempt, _, solution = notebook["cells"][begin:]
    assert "verify(" in source(attempt)
    assert "✗" in words(attempt)
    assert "verify(" in source(solution)
    assert "✗" not in words(solution)
    assert re.search(r"all \d+ claims right|the claim is right", words(solution))
    assert solution["metadata"]["jupyter"]["source_hidden"]


@pytest.mark.notebook
def test_it_runs_from_top_to_bottom_and_prints_what_it_printed(script, notebook):
    for package in ("ipykernel", "jupytext", "nbclient", "ipywidgets", "matplotlib", "sklearn"):
        pytest.importorskip(package)
    fresh = runpy.run_path(str(FOLDER / "build.py"))["built"](script)
    assert [cell.source for cell in fresh.cells] == [source(cell) for cell in notebook["cells"]], (
        "the script has changed: make notebooks"
    )
    for now, before in zip(fresh.cells, notebook["cells"], strict=True):
        if now.cell_type == "code" and "varies" not in now.metadata.get("tags", ()):
            assert agree(words(now), words(before)), (
                f"prints something else now; if that is right, make notebooks\n{now.source}\n\n"
                f"before:\n{words(before)}\n\nnow:\n{words(now)}"
            )
