"""The README's Python examples, run as they stand. Nothing else about the README is tested here."""

import doctest
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def python_examples() -> list[doctest.Example]:
    """Examples inside the README's fenced python blocks; they share one session."""
    text = README.read_text(encoding="utf-8")
    return doctest.DocTestParser().get_examples(text, name="README.md")


def test_every_prompt_stands_in_a_python_block():
    fenced = [
        line
        for block in README.read_text(encoding="utf-8").split("```python\n")[1:]
        for line in block.split("```")[0].splitlines()
        if line.startswith(">>> ")
    ]
    assert len(fenced) == len(python_examples()) > 0


@pytest.mark.holds_at("values are stabilised by default only", optimize="default")
def test_examples_print_what_the_readme_says():
    session = doctest.DocTest(
        python_examples(), {}, "README.md", str(README), 0, README.read_text(encoding="utf-8")
    )
    report: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(session, out=report.append)
    if outcome.failed:
        pytest.fail("".join(report), pytrace=False)
