# How Sphinx builds the documentation. `tox -e docs` runs it, warnings as errors.

import doctest
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

# The extension, and own_ops.py, which the examples import.
sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parent)]

project = "numbagrad"
author = "numbagrad developers"
copyright = "2026, numbagrad developers"
release = installed_version("numbagrad")
version = release

# intersphinx stays out: it would fetch other projects' inventories, and the build needs no network.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "numbagrad_docs",  # lists that are read from the package: docs/_ext
]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "furo"
html_title = f"numbagrad {release}"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state types and shapes
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_ivar = True
napoleon_use_rtype = False

# Every page's examples start from the same imports, as a reader's session does. Only the pages'
# own `.. doctest::` blocks are run here; examples in docstrings are run by pytest, each in the
# names of its module. Words of errors are compared, too.
doctest_global_setup = """
import numpy as np
import numbagrad as ng
from numbagrad import tensor as T
"""
doctest_test_doctest_blocks = ""
doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
