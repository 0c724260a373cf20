"""Mutation testing of the engine, by ``make mutants``; see autograd/MUTANTS.md.

mutmut changes one thing in one function at a time and runs the tests that call it, in a fork of a
process that has the package imported already. What runs while the package is imported is therefore
out of its reach; those mutants are run here, each in a process of its own.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "mutants"
WORKERS = min(2, os.cpu_count() or 1)
SECONDS = 10.0
STATES = {0: "survived", 1: "killed", 2: "killed", 3: "killed", 4: "killed", 36: "timeout"}
UNSEEN = (5, 33)
# The functions that run while the package is imported, and the tests of what they make.
IMPORTED = re.compile(
    r"autograd\.value\.x_(_unary|_binary|_reflected|_method|_comparison|_named)__"
)
TESTS = ["test_value.py", "test_custom.py", "test_anomaly.py", "test_copying.py", "test_context.py"]


def as_one_of_ours():
    """Let the frames that mutmut puts between two functions count as the engine's own.

    The engine looks for the nearest line outside its packages by the modules' names.
    """
    import mutmut.mutation.trampoline as trampoline

    trampoline.__name__ = "autograd._mutmut"


def run(names):
    """Run mutmut on the mutants whose names match, or on all that have no result yet."""
    from mutmut import __main__ as mutmut

    collect = mutmut.collect_or_load_stats

    def collect_and_trim(*args, **kwargs):
        collect(*args, **kwargs)
        trim(mutmut.state())

    mutmut.collect_or_load_stats = collect_and_trim
    as_one_of_ours()
    mutmut.cli(["run", f"--max-children={WORKERS}", *names], standalone_mode=False)


def trim(state):
    """Leave each function the tests of its own module, and the fastest others that call it.

    A mutant that survives runs them all, and the walks are called by nearly every test: so the
    others are as many as take `SECONDS`.
    """
    duration = state.duration_by_test
    by_time = sorted(duration, key=duration.get)
    for function, tests in state.tests_by_mangled_function_name.items():
        own = f"test_{function.split('.')[1]}.py"
        kept, left = set(), SECONDS
        for test in by_time:
            if test in tests and (own in test or (left := left - duration[test]) > 0.0):
                kept.add(test)
        state.tests_by_mangled_function_name[function] = kept


def run_in_this_process():
    """Run the tests of what is made during the import; MUTANT_UNDER_TEST names the mutant."""
    import pytest

    sys.path.insert(0, str(HERE))
    as_one_of_ours()
    os.chdir(HERE)
    tests = [f"tests/autograd/{name}" for name in TESTS]
    options = ["-x", "-q", "--rootdir=.", "--tb=no", "-p", "no:cacheprovider"]
    return pytest.main([*options, *tests])


def run_afresh(name):
    """The exit code of those tests with this mutant, in a process of its own."""
    try:
        return subprocess.run(
            [sys.executable, __file__, "--import"],
            env={**os.environ, "MUTANT_UNDER_TEST": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=180,
        ).returncode
    except subprocess.TimeoutExpired:
        return 36


def run_imported():
    """Run the mutants that mutmut could not, and write down their results beside the others."""
    if run_afresh("") != 0:
        sys.exit("the tests of what is made during the import fail without any mutant")
    for path, meta in records():
        results = meta["exit_code_by_key"]
        left = [name for name, code in results.items() if IMPORTED.match(name) and code != 1]
        with ThreadPoolExecutor(WORKERS) as pool:
            for name, code in zip(left, pool.map(run_afresh, left), strict=True):
                results[name] = code
                print(f"{STATES.get(code, code):9} {name}", flush=True)
        path.write_text(json.dumps(meta, indent=4))


def records():
    """(path, content) of what mutmut wrote down for each file."""
    for path in sorted(HERE.glob("autograd/*.py.meta")):
        yield path, json.loads(path.read_text())


def state(code):
    if code is None:
        return "not run"
    if code in UNSEEN:
        return "no tests"
    if code in (24, 36, 152, 255, -24):
        return "timeout"
    return STATES.get(code, "killed" if code < 0 else "survived")


def table():
    """Print the results of every file, and the names of the mutants that live."""
    columns = ("killed", "timeout", "survived", "no tests", "not run")
    total = Counter()
    print(f"| {'file':13} | mutants | " + " | ".join(columns) + " |   % |")
    print("|---|" + "---:|" * (len(columns) + 2))
    living = []
    for path, meta in records():
        results = {name: state(code) for name, code in meta["exit_code_by_key"].items()}
        if results:
            count = Counter(results.values())
            total += count
            line(path.name.removesuffix(".meta"), count, columns)
            living += [name for name, each in results.items() if each not in ("killed", "timeout")]
    line("all", total, columns)
    print("\nNot killed; `mutmut show NAME` shows one:\n")
    print("\n".join(living))


def line(name, count, columns):
    done = count["killed"] + count["timeout"]
    share = 100.0 * done / max(count.total(), 1)
    cells = " | ".join(f"{count[column]:{len(column)}}" for column in columns)
    print(f"| {name:13} | {count.total():7} | {cells} | {share:.1f} |")


if __name__ == "__main__":
    os.chdir(ROOT)
    arguments = sys.argv[1:]
    if arguments == ["--import"]:
        sys.exit(int(run_in_this_process()))
    if arguments not in (["--table"], ["--imported"]):
        run(arguments)
    if arguments in ([], ["--imported"]):
        run_imported()
    table()
