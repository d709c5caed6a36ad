"""Names that users of PyTensor and Theano expect at the top."""

import subprocess
import sys
from pathlib import Path

import pytest

import numbagrad
import numbagrad.compile
import numbagrad.graph.replace

TOP = """
    function shared In Out Mode config grad Rop Lop pushforward pullback jacobian hessian scan map
    ifelse OpFromGraph wrap_py as_op clone_replace graph_replace vectorize_graph dprint debugprint
    pp gradient tensor compile
"""


@pytest.mark.parametrize("name", TOP.split())
def test_there_is_such_a_name(name):
    assert hasattr(numbagrad, name)
    assert name in numbagrad.__all__


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("compile", "function shared In Out Mode SharedVariable OpFromGraph wrap_py as_op"),
        ("printing", "Print pp debugprint dprint"),
        ("raise_op", "Assert CheckAndRaise assert_op assert_"),
        ("graph.replace", "clone_replace graph_replace vectorize_graph"),
    ],
)
def test_namespaces(module, names):
    found = __import__(f"numbagrad.{module}", fromlist=["*"])
    for name in names.split():
        assert callable(getattr(found, name))
        assert name in found.__all__


def test_one_thing_under_several_names():
    x, xs = numbagrad.tensor.dscalar("x"), numbagrad.tensor.dvector("xs")
    assert numbagrad.compile.function is numbagrad.function
    assert numbagrad.compile.wrap_py is numbagrad.as_op
    made = numbagrad.graph.replace.vectorize_graph(x * 2, {x: xs})
    assert made.eval({xs: [1.0, 2.0]}).tolist() == [2.0, 4.0]


def test_examples_in_docstrings_can_be_run_for_one_folder_alone():
    """In which pytest collects subpackages that have the name of a function."""
    root = Path(__file__).resolve().parents[1]
    folder = root / "src" / "numbagrad" / "function"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         folder / "__init__.py", folder / "modes.py"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout
