# How Sphinx builds the documentation. `tox -e docs` runs it, warnings as errors.

from importlib.metadata import version as installed_version

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
]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "furo"
html_title = f"numbagrad {release}"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state types and shapes
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_rtype = False

# Every page's examples start from the same two imports, as a reader's session does. Blocks in the
# docstrings are run by pytest; here only the pages' own `>>>` blocks are.
doctest_global_setup = """
import numpy as np
import numbagrad as ng
from numbagrad import tensor as T
"""
doctest_test_doctest_blocks = "default"
