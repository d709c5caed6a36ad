"""Options and fixtures of the whole suite."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in each run, so that a failure belongs to a change; others are drawn with
# NUMBAGRAD_FUZZ, as in test_fuzz.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("other", derandomize=False)
settings.load_profile("other" if os.environ.get("NUMBAGRAD_FUZZ") else "same")

#: Compiled functions of the suite go where no other run finds them.
_KEPT = tempfile.TemporaryDirectory(prefix="numbagrad-tests-")


def pytest_configure(config):
    os.environ["NUMBAGRAD_CACHE_DIR"] = _KEPT.name


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the printed sources that tests compare with, instead of comparing",
    )


@pytest.fixture
def golden(request):
    """Compare a text with the file of that name in tests/golden, or write the file."""

    def compare(name, text):
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path.name} is missing; run pytest --update-golden"
        assert text == path.read_text(), f"{name} changed; if it should, run with --update-golden"

    return compare
