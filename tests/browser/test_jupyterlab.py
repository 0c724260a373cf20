"""A replay in a cell of JupyterLab: run there, stepped to its end, read, and held to the engine."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from autograd import Value, topological

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
CELL = """\
from autograd import Value, replay
a, b = Value(-0.7, label="a"), Value(1.3, label="b")
s = (a * b + a).tanh()
s.label = "s"
replay(s * s + a * s)
"""


def gradients():
    """What the cell's graph gives, by the keys of the boxes."""
    a, b = Value(-0.7), Value(1.3)
    s = (a * b + a).tanh()
    root = s * s + a * s
    root.backward()
    return {f"v{i}": node.grad for i, node in enumerate(topological(root))}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The address of the notebook in a server of its own."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    nbformat = pytest.importorskip("nbformat")
    folder = tmp_path_factory.mktemp("lab")
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    page.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(page, folder / "replay.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *(
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
            ),
            f"--ServerApp.root_dir={folder}",
        ],
        env={**os.environ, **paths, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}/lab/tree/replay.ipynb"
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_replay_runs_in_a_cell_and_ends_with_the_gradients_of_the_engine(
    browser, notebook, scheme
):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(30_000)
    page = context.new_page()
    try:
        page.goto(notebook)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.get_by_text("| Idle").wait_for()  # the kernel; before that a dialog asks for one
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        player = page.frame_locator(".jp-OutputArea-output iframe")
        player.locator("#stage .box").first.wait_for()
        player.locator("[data-slot=grad]").first.wait_for(state="attached")
        player.locator("input[type=range]").press("End")
        wanted = gradients()
        shown = {}
        for _ in range(200):
            slots = player.locator("[data-slot=grad]")
            shown = slots.evaluate_all(
                "all => Object.fromEntries(all.map(each =>"
                " [each.closest('[data-key]').dataset.key, each.dataset.full]))"
            )
            if all(shown.get(key) not in (None, "", "undefined") for key in wanted):
                break
            page.wait_for_timeout(50)
        assert {key: float(shown[key]) for key in wanted} == wanted
    finally:
        context.close()
