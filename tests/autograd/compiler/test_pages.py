"""The examples on the compiler's page run, and print what they say."""

import doctest
import re
from pathlib import Path

import autograd.compiler

PAGE = Path(autograd.compiler.__file__).with_name("README.md")


def test_the_examples_of_the_page_print_what_they_say():
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)
