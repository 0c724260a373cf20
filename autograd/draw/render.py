"""Pictures by programs and packages of others: each may be missing, slow, or both."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys

from autograd.errors import RenderError

TIME_LIMIT = 10.0  # s; the number of nodes does not tell how long Graphviz takes

_BY_WHEEL = """
import sys, pygraphviz
source = sys.stdin.buffer.read().decode()
sys.stdout.buffer.write(pygraphviz.AGraph(source).draw(format=sys.argv[1], prog=sys.argv[2]))
"""


def graphviz_picture(source: str, form: str, program: str = "dot", engine: str = "dot") -> bytes:
    """The picture that Graphviz draws of a DOT source, within the time limit.

    Args:
        source: the DOT text.
        form: "svg", "png", "pdf" or another of Graphviz's formats.
        program: the layout, such as "dot" or "neato".
        engine: "dot" for the installed program, "pygraphviz" for the wheel that carries its own.

    Raises:
        RenderError: if that engine is missing, fails or takes too long.
    """
    if engine == "pygraphviz":
        if importlib.util.find_spec("pygraphviz") is None:
            raise RenderError("pygraphviz is not installed")
        # In a process of its own, because only that can be stopped.
        command = [sys.executable, "-c", _BY_WHEEL, form, program]
    else:
        path = shutil.which(program)
        if path is None:
            raise RenderError(f"Graphviz's program {program!r} is not installed")
        command = [path, f"-T{form}"]
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, check=True, timeout=TIME_LIMIT
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"{engine} did not finish within {TIME_LIMIT:g} s") from None
    except (subprocess.CalledProcessError, OSError) as problem:
        said = getattr(problem, "stderr", b"") or str(problem).encode()
        raise RenderError(f"{engine} failed: {said.decode(errors='replace').strip()}") from None
    if not done.stdout:
        raise RenderError(f"{engine} gave nothing")
    return done.stdout


def svg_to_png(svg: str, scale: float = 2.0) -> bytes:
    """The SVG as PNG, by resvg or CairoSVG.

    Raises:
        RenderError: if neither is there.
    """
    if importlib.util.find_spec("resvg_py") is not None:
        import resvg_py

        return bytes(resvg_py.svg_to_bytes(svg_string=_light(svg), zoom=scale))
    try:
        import cairosvg
    except (ImportError, OSError) as missing:  # OSError: the package without the library cairo
        raise RenderError("neither resvg_py nor CairoSVG is installed") from missing
    return bytes(cairosvg.svg2png(bytestring=_light(svg).encode(), scale=scale))


def svg_to_pdf(svg: str) -> bytes:
    """The SVG as PDF, by CairoSVG.

    Raises:
        RenderError: if it is not there.
    """
    try:
        import cairosvg
    except (ImportError, OSError) as missing:
        raise RenderError("CairoSVG is not installed") from missing
    return bytes(cairosvg.svg2pdf(bytestring=_light(svg).encode()))


def _light(svg: str) -> str:
    """The SVG without its dark colours: paper is light."""
    return re.sub(r"\n@media \(prefers-color-scheme: dark\) \{.*?\}\}</style>", "</style>", svg,
                  flags=re.DOTALL)  # fmt: skip
