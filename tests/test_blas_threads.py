"""Products of middle size run in one thread, and the setting is as it was afterwards."""

import ctypes
import threading

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.kernels import threads

FOUND = threads.settings()
CALL = ctypes.CFUNCTYPE(None, ctypes.c_int64)
MIDDLE = 2 * threads.LEAST

needs_openblas = pytest.mark.skipif(
    FOUND is None, reason="SciPy's BLAS on this machine has no setting for its threads"
)


@pytest.fixture
def setting():
    """Read and change OpenBLAS's number of threads; it is put back at the end."""
    get = ctypes.CFUNCTYPE(ctypes.c_int)(FOUND[0])
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(FOUND[1])
    before = get()
    put(2)
    yield get
    put(before)


def pair():
    return [CALL(threads.addresses()[name]) for name in (threads.ENTER, threads.LEAVE)]


@needs_openblas
@pytest.mark.parametrize(
    ("work", "inside"), [(1, 2), (threads.LEAST - 1, 2), (MIDDLE, 1), (threads.MOST, 2)]
)
def test_only_middle_sizes_are_changed(setting, work, inside):
    enter, leave = pair()
    enter(work)
    assert setting() == inside
    leave(work)
    assert setting() == 2


@needs_openblas
def test_the_last_one_out_puts_it_back(setting):
    enter, leave = pair()
    enter(MIDDLE)
    enter(MIDDLE)
    leave(MIDDLE)
    assert setting() == 1
    leave(MIDDLE)
    assert setting() == 2


@needs_openblas
def test_many_threads_at_once(setting):
    enter, leave = pair()
    seen = []

    def work():
        for _ in range(2000):
            enter(MIDDLE)
            if setting() != 1:
                seen.append("several threads inside")
            leave(MIDDLE)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not seen
    assert setting() == 2


@needs_openblas
def test_a_function_leaves_the_setting_alone(setting):
    a, b = T.dmatrices("a", "b")
    f = ng.function([a, b], [a @ b, T.linalg.solve(a, b)])
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 90, 90)) + 9 * np.eye(90)
    product, solution = f(x, y)
    assert setting() == 2
    np.testing.assert_allclose(product, x @ y)
    np.testing.assert_allclose(x @ solution, y)


@needs_openblas
def test_a_fork_while_another_thread_is_inside(setting):
    enter, leave = pair()
    enter(MIDDLE)
    threads._forget_others()  # what the child does
    assert setting() == 2
    assert list(threads._state)[:2] == [0, 0]
    enter(MIDDLE)
    leave(MIDDLE)
    assert setting() == 2


def test_another_blas_is_left_alone(monkeypatch):
    monkeypatch.setattr(threads, "settings", lambda: None)
    engine = threads._compile()
    for name in (threads.ENTER, threads.LEAVE):
        CALL(engine.get_function_address(name))(MIDDLE)
    assert list(threads._state)[:2] == [0, 0]
