"""The walls of the house: which module may import which, read off the source."""

import ast
import sys
from pathlib import Path

import pytest

import autograd

ROOT = Path(autograd.__file__).resolve().parent.parent
FILES = sorted([*(ROOT / "autograd").rglob("*.py"), *(ROOT / "nn").rglob("*.py")])
AUTOGRAD = [path for path in FILES if path.is_relative_to(ROOT / "autograd")]
NN = [path for path in FILES if path.is_relative_to(ROOT / "nn")]

# Floor by floor: a module imports from floors below its own only. A new one has to be given its
# place here.
FLOORS = [
    {"errors", "context", "differences", "numeric", "op"},
    {"ops", "graph"},
    {"anomaly", "chain", "copying", "custom", "functions", "hooks", "symbolic"},
    {"ops_table", "reverse"},
    {"value"},
    {"forward", "tree"},
    {"functional"},
    {"gradcheck", "draw", "compiler"},
    {"explain"},
    {"replay"},
    {"sketch"},
]
LEVEL = {name: level for level, floor in enumerate(FLOORS) for name in floor}
DECLARED = {"numpy", "graphviz", "tqdm"}  # the dependencies; any other is imported where needed


def name_of(path):
    relative = path.relative_to(ROOT).with_suffix("")
    return ".".join(part for part in relative.parts if part != "__init__")


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in {
        "TYPE_CHECKING", "typing.TYPE_CHECKING",
    }  # fmt: skip


def statements(tree, inside=False):
    """Every import that runs, and whether it stands inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, inside
        elif is_type_checking(node):
            yield from statements(ast.Module(node.orelse, []), inside)
        else:
            function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from statements(node, inside or function)


def imports(path):
    """(module, name or None, inside a function) for every import that runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node, inside in statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, inside
        else:
            module = node.module or ""
            if node.level:
                base = package[: len(package) - node.level + 1]
                module = ".".join([*base, module] if module else base)
            for alias in node.names:
                yield module, alias.name, inside


def ours(path):
    """The modules of autograd that a file imports, without the package's name."""
    for module, name, _ in imports(path):
        parts = module.split(".")
        if parts[0] != "autograd":
            continue
        if len(parts) > 1:
            yield parts[1]
        elif name in LEVEL or (ROOT / "autograd" / f"{name}.py").exists():
            yield name
        else:
            yield ""


every_file = pytest.mark.parametrize("path", FILES, ids=name_of)
every_engine_file = pytest.mark.parametrize("path", AUTOGRAD, ids=name_of)
every_nn_file = pytest.mark.parametrize("path", NN, ids=name_of)


def test_there_are_files_to_look_at():
    assert {"autograd.ops", "autograd.value", "autograd.draw"} <= set(map(name_of, AUTOGRAD))
    assert {"nn.layers", "nn.deltas"} <= set(map(name_of, NN))


@every_engine_file
def test_every_module_has_its_floor(path):
    if path.name == "__init__.py" and path.parent.name == "autograd":
        return
    assert name_of(path).split(".")[1] in LEVEL, f"say in FLOORS where {name_of(path)} belongs"


@every_engine_file
def test_arrows_point_down(path):
    if name_of(path) == "autograd":
        return
    here = name_of(path).split(".")[1]
    for other in ours(path):
        assert other, f"{name_of(path)} imports from the package that it is part of"
        if other != here:
            assert LEVEL[other] < LEVEL[here], f"{here} imports {other}"


def test_the_op_table_is_made_of_rows_and_numbers_alone():
    assert set(ours(ROOT / "autograd" / "ops.py")) == {"numeric", "op"}
    for name in ("numeric", "op"):
        assert list(ours(ROOT / "autograd" / f"{name}.py")) == []


@every_engine_file
def test_the_engine_never_imports_the_networks(path):
    assert all(module.split(".")[0] != "nn" for module, _, _ in imports(path))


@every_nn_file
def test_the_networks_import_only_what_the_engine_exports(path):
    for module, name, _ in imports(path):
        if module.split(".")[0] != "autograd":
            continue
        assert module == "autograd", f"{name_of(path)} imports {module}"
        assert name is None or name in autograd.__all__, f"{name} is not exported"


@every_nn_file
def test_the_networks_read_only_exported_attributes_of_the_engine(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "autograd":
            assert node.attr in {*autograd.__all__, "__file__"}, node.attr


@every_nn_file
def test_the_networks_touch_no_private_attribute_of_a_node(path):
    private = {name for name in dir(autograd.Value) if name.startswith("_")}
    private = {name for name in private if not name.startswith("__")}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
    }
    assert not (used & private) - own


def test_backprop_by_hand_imports_nothing_of_ours():
    modules = {module.split(".")[0] for module, _, _ in imports(ROOT / "nn" / "deltas.py")}
    assert "autograd" not in modules
    assert "nn" not in modules


@every_file
def test_only_the_declared_dependencies_are_imported_at_the_top(path):
    for module, _, inside in imports(path):
        top = module.split(".")[0]
        if not inside:
            assert top in {*sys.stdlib_module_names, *DECLARED, "autograd", "nn"}, module


@every_file
def test_no_import_takes_everything(path):
    assert all(name != "*" for _, name, _ in imports(path))


def test_everything_exported_is_there_and_once():
    assert len(set(autograd.__all__)) == len(autograd.__all__)
    for name in autograd.__all__:
        assert getattr(autograd, name) is not None


def test_the_walk_sees_through_blocks_and_functions(tmp_path):
    """The checker is checked: an import in any place is found."""
    source = (
        "import a\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import hidden\nelse:\n    import b\n"
        "try:\n    import c\nexcept ImportError:\n    pass\n"
        "def f():\n    from d import e\n"
        "class C:\n    import g\n    def h(self):\n        import i\n"
    )
    tree = ast.parse(source)
    found = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name, inside)
        for node, inside in statements(tree)
    }
    assert found == {
        ("a", False), ("typing", False), ("b", False), ("c", False), ("d", True), ("g", False),
        ("i", True),
    }  # fmt: skip
