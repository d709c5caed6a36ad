"""Options and fixtures of the whole suite: tests, and the examples in docstrings.

Every test can be run at other settings than the default ones: ``NUMBAGRAD_FLAGS`` says them. A test
that is about one of them, such as one of what is printed, has the mark ``holds_at``.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Imported before pytest collects the package: it would load `numbagrad.function`, the subpackage,
# a second time and put it in the place of the function of that name.
import numbagrad as ng
from numbagrad.kernels import portions

# The same examples in each run, so that a failure belongs to a change; others are drawn with
# NUMBAGRAD_FUZZ, as in test_fuzz.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("other", derandomize=False)
settings.load_profile("other" if os.environ.get("NUMBAGRAD_FUZZ") else "same")

_kept = None


def pytest_configure(config):
    """Compiled functions of the suite go where no other run finds them, or where one is told to.

    Processes of one run share the directory: what one has compiled, the others need not.
    """
    global _kept
    if "NUMBAGRAD_CACHE_DIR" not in os.environ:
        _kept = tempfile.TemporaryDirectory(prefix="numbagrad-tests-")
        os.environ["NUMBAGRAD_CACHE_DIR"] = _kept.name
    if ng.config.parallel:  # then threads are to run, and the arrays of tests are small
        portions.LEAST = portions.SUMS = 1e-9


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the printed sources that tests compare with, instead of comparing",
    )


@pytest.fixture(autouse=True)
def _held(request, monkeypatch):
    """The settings at which a test holds, if it says so, for processes that it starts as well."""
    marks = [mark for mark in request.node.iter_markers("holds_at")]
    changes = {k: v for mark in reversed(marks) for k, v in mark.kwargs.items()}
    if not changes:
        yield
        return
    if not all(mark.args and isinstance(mark.args[0], str) for mark in marks):
        pytest.fail("holds_at needs a reason: @pytest.mark.holds_at('why', optimize='default')")
    flags = [os.environ.get("NUMBAGRAD_FLAGS", ""), *(f"{k}={v}" for k, v in changes.items())]
    monkeypatch.setenv("NUMBAGRAD_FLAGS", ",".join(flags))  # of a name given twice the last holds
    with ng.using(**changes):
        yield


@pytest.fixture
def golden(request):
    """Compare a text with the file of that name in tests/golden, or write the file."""

    def compare(name, text):
        path = Path(__file__).parent / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path.name} is missing; run pytest --update-golden"
        assert text == path.read_text(), f"{name} changed; if it should, run with --update-golden"

    return compare
