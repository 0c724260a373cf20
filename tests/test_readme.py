"""Every Python block of the README runs, in order, and prints what it says."""

import doctest
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_of_the_readme_print_what_they_say():
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    example = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {}, README.name, str(README), 0
    )
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_the_files_that_the_readme_names_exist():
    text = README.read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    assert len(links) > 10
    assert not [link for link in links if not (README.parent / link).exists()]
