"""Options and fixtures of the whole suite."""

import os
import tempfile
from pathlib import Path

import pytest

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
