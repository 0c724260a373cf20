"""Make the notebooks from the scripts in src/: run each from top to bottom and keep its outputs.

    python notebooks/build.py            # all of them
    python notebooks/build.py 03 08      # those whose names begin so

A script is the notebook's text, cells divided by `# %%` (the percent format of Jupytext), so that a
change is reviewed as text. What a run adds and the next one would change is left out: times,
counters of executions, versions.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).resolve().parent
SOURCES = sorted((HERE / "src").glob("*.py"))


def smaller(picture: str) -> str:
    """The same PNG in 256 colours, a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    with io.BytesIO() as file:
        image.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        return base64.b64encode(file.getvalue()).decode()


def built(source: Path) -> nbformat.NotebookNode:
    """The notebook of a script, with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"file_extension": ".py", "name": "python"},
        }
    )
    client = NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"file_extension": ".py", "name": "python"}
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02}"
        cell.metadata.pop("lines_to_next_cell", None)
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture:
                output.data["image/png"] = smaller(picture)
    nbformat.validate(notebook)
    return notebook


def keep_pictures(notebook: nbformat.NotebookNode, name: str) -> None:
    """Write what cells with the tag "readme" drew, for the README."""
    for cell in notebook.cells:
        if "readme" in cell.metadata.get("tags", ()):
            drawn = [
                each.data["image/png"]
                for each in cell.outputs
                if "image/png" in each.get("data", {})
            ]
            (HERE / "pictures" / f"{name}.png").write_bytes(base64.b64decode(drawn[0]))


def main(wanted: list[str]) -> None:
    """Write the notebooks whose names begin with one of these words; all of them without any."""
    for source in SOURCES:
        if not wanted or source.stem.startswith(tuple(wanted)):
            notebook = built(source)
            nbformat.write(notebook, HERE / f"{source.stem}.ipynb")
            keep_pictures(notebook, source.stem)
            print(f"notebooks/{source.stem}.ipynb", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
