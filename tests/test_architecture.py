"""The rules of the house: imports go down and stand at the top, files and functions stay small."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.newest("it reads source")

ROOT = Path(__file__).resolve().parent.parent / "src" / "numbagrad"

#: The floor of each part, by the longest matching name below numbagrad. A module imports from its
#: own floor and from lower ones.
FLOORS = {
    "errors": 0,
    "config": 0,
    "lazy": 0,
    "records": 0,
    "kernels": 0,
    "data": 0,
    "testing.samples": 0,
    "graph": 1,
    "ops": 2,
    "rewrite": 3,
    "gradient": 4,
    "codegen": 5,
    "jit": 6,
    "function": 7,
    "": 8,  # the user's namespaces: tensor, scalar, printing, __init__, __main__, ...
    "testing": 9,
    "interop": 9,
}

MODULE_LINES = 660
FUNCTION_LINES = 60

#: What may be longer, and why.
LONG_MODULES: dict[str, str] = {
    "numbagrad.ops.kinds": "the kinds are one page of law, which whoever writes an Op reads whole",
    "numbagrad.tensor.__init__": "a list of names, re-exported one by one",
}
LONG_FUNCTIONS: dict[str, str] = {}

MODULES = {
    ".".join(("numbagrad", *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in sorted(ROOT.rglob("*.py"))
}


@functools.cache
def tree_of(module):
    path = MODULES[module]
    return ast.parse(path.read_text("utf-8"), path)


@functools.cache
def nodes_of(module):
    return list(ast.walk(tree_of(module)))


def floor(module):
    parts = module.removeprefix("numbagrad").removesuffix("__init__").strip(".").split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in FLOORS:
            return FLOORS[".".join(parts[:end])]
    return FLOORS[""]


def imported(module, node):
    """The full names that an import statement may load, modules or what is in them."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = module.split(".")[: -node.level] if node.level else []
    base = ".".join([*package, *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names]


def imports(module):
    nodes = (n for n in nodes_of(module) if isinstance(n, (ast.Import, ast.ImportFrom)))
    return [(node.lineno, name) for node in nodes for name in imported(module, node)]


def functions(module):
    return [n for n in nodes_of(module) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


# One test holds each rule for all modules and names those that break it: a test for each module
# and rule would take longer to be listed and run than to check.


def test_imports_go_down_or_stay_on_the_floor():
    wrong = [
        f"{module}, line {line}: {name} is on floor {floor(name)}, above {floor(module)}"
        for module in MODULES
        for line, name in imports(module)
        if name.split(".")[0] == "numbagrad" and floor(name) > floor(module)
    ]
    assert not wrong, "\n".join(wrong)


def test_imports_stand_at_the_top_and_name_what_they_take():
    inside = {
        f"{module}, line {node.lineno}"
        for module in MODULES
        for function in nodes_of(module)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert not inside, "\n".join(["imports inside a function:", *sorted(inside)])
    stars = [
        f"{module}, line {line}"
        for module in MODULES
        for line, name in imports(module)
        if name.endswith(".*")
    ]
    assert not stars, "\n".join(["everything of a module is imported:", *stars])


def test_a_module_says_what_lives_in_it():
    silent = [module for module in MODULES if not ast.get_docstring(tree_of(module))]
    assert not silent, "\n".join(["modules without a docstring:", *silent])


def test_modules_are_small():
    lines = {m: len(path.read_text("utf-8").splitlines()) for m, path in MODULES.items()}
    long = [
        f"{module} has {count} lines: look for the seam"
        for module, count in lines.items()
        if count > MODULE_LINES and module not in LONG_MODULES
    ]
    assert not long, "\n".join(long)


def code_lines(function):
    """The lines of a function without its decorators and its docstring."""
    first = function.body[0]
    doc = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        doc = first.end_lineno - first.lineno + 1
    return function.end_lineno - function.lineno + 1 - doc


def test_functions_are_short():
    long = [
        f"{module}.{function.name} (line {function.lineno}): {code_lines(function)} lines"
        for module in MODULES
        for function in functions(module)
        if code_lines(function) > FUNCTION_LINES
        and f"{module}.{function.name}" not in LONG_FUNCTIONS
    ]
    assert not long, "\n".join(long)


def test_the_lists_of_exceptions_name_only_what_exists():
    named = {f"{module}.{node.name}" for module in MODULES for node in functions(module)}
    assert set(LONG_MODULES) <= set(MODULES) and set(LONG_FUNCTIONS) <= named
    assert all(reason for reason in (LONG_MODULES | LONG_FUNCTIONS).values())


#: Prints the modules that were executed, not those that are still to be.
EXECUTED = (
    "import sys, types; print(*[n for n, m in sys.modules.items() if type(m) is types.ModuleType])"
)
#: What takes long to import, and is for few.
HEAVY = {"numba", "llvmlite", "scipy", "concurrent", "json", "numpy.ma", "tempfile"}
#: Parts of numbagrad that are executed when they are first needed.
LATER = {
    *(f"jit.{name}" for name in ("borrowed", "build", "direct", "machine", "numbas", "objects")),
    *(f"kernels.{name}" for name in ("blas", "elementary", "lapack", "random", "special")),
    *("demo", "gradient.sparsity", "interop", "testing.checks"),
}


def executed(*arguments):
    """The modules that a process of its own executes."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def among(modules, unwanted):
    """The modules that are one of the unwanted, or inside one."""
    return sorted(m for m in modules if any(f"{m}.".startswith(f"{u}.") for u in unwanted))


def test_importing_numbagrad_imports_no_more_than_graphs_need():
    found = executed("-c", f"import numbagrad, numbagrad.tensor; {EXECUTED}")
    assert not among(found, HEAVY | {f"numbagrad.{name}" for name in LATER})


def test_the_command_line_needs_no_scipy_to_say_what_it_can():
    code = "from numbagrad.commands import main; main(['cache', '--directory']); "
    assert not among(executed("-c", code + EXECUTED), {"scipy", "numba", "numbagrad.demo"})
