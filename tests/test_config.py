"""Settings: what is refused, where a change holds, and what the environment says."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import numbagrad as ng

SOURCE = Path(ng.__file__).with_name("config.py")


def test_a_change_holds_within_the_block():
    with ng.using(floatX="float32"):
        assert ng.tensor.scalar("x").dtype == "float32"
    assert ng.tensor.scalar("x").dtype == "float64"


def test_unknown_settings_are_refused_with_the_known_ones():
    message = "no setting named 'flotX'; there are floatX, "
    with pytest.raises(AttributeError, match=message), ng.using(flotX="float32"):
        pass
    with pytest.raises(AttributeError, match=message):
        ng.config.flotX = "float32"
    with pytest.raises(AttributeError, match=message):
        _ = ng.config.flotX


def test_wrong_values_are_refused_with_the_right_ones():
    with pytest.raises(ValueError, match="must be one of 'float64', 'float32'; got 'float16'"):
        ng.config.floatX = "float16"
    assert ng.config.floatX == "float64"


@pytest.mark.parametrize(
    "name, value",
    [
        ("parallel", "yes"),
        ("cache", 1),
        ("fastmath", None),
        ("cache_limit", True),
        ("kept_memory", 1.5),
        ("kept_memory", 2**62),
        ("statement_cap", "400"),
    ],
)
def test_values_of_another_kind_are_refused(name, value):
    before = getattr(ng.config, name)
    with pytest.raises(ValueError, match=rf"config\.{name} must be .*; got {value!r}"):
        setattr(ng.config, name, value)
    assert getattr(ng.config, name) == before


def started_with(monkeypatch, flags):
    """The settings of a process that starts with these flags, and those that it would have."""
    monkeypatch.setenv("NUMBAGRAD_FLAGS", flags)
    names = runpy.run_path(str(SOURCE))
    return repr(names["config"]), names["Settings"]


@pytest.mark.parametrize(
    "flags, expected",
    [
        ("", {}),
        ("floatX=float32", {"floatX": "float32"}),
        (" optimize = none ,, fastmath=0,\n", {"optimize": "none", "fastmath": False}),
        ("parallel=TRUE,cache=false", {"parallel": True, "cache": False}),
        ("cache_limit=7,optimize=none,cache_limit=8", {"optimize": "none", "cache_limit": 8}),
    ],
)
def test_the_environment_says_what_the_defaults_are(monkeypatch, flags, expected):
    found, settings = started_with(monkeypatch, flags)
    assert found == repr(settings(**expected))


@pytest.mark.parametrize(
    "flags, message",
    [
        ("optimise=none", "no setting named 'optimise'; there are floatX, on_un"),
        ("floatX=float16", "config.floatX must be one of 'float64', 'float32'; got 'float16'"),
        ("optimize=none,parallel=yes", "config.parallel must be True or False; got 'yes'"),
        ("statement_cap=many", "config.statement_cap must be a whole number; got 'many'"),
        ("statement_cap=0", "config.statement_cap must be at least 1; got 0"),
        ("parallel", "'parallel' is no name=value; write settings as in NUMBAGRAD_FLAGS="),
        ("optimize=", "config.optimize must be one of 'default', 'fast_compile', 'none'; got ''"),
    ],
)
def test_what_the_environment_says_wrongly(monkeypatch, flags, message):
    with pytest.raises(ValueError, match=f"NUMBAGRAD_FLAGS: .*{message}"):
        started_with(monkeypatch, flags)


def test_a_process_started_with_flags():
    program = "import numbagrad as ng; print(ng.tensor.scalar('x').dtype, ng.config.parallel)"
    environment = {**os.environ, "NUMBAGRAD_FLAGS": "floatX=float32,parallel=True"}
    environment["PYTHONPATH"] = str(Path(ng.__file__).parents[1])
    made = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert made.stdout.split() == ["float32", "True"]
