"""The disk cache: what is one function, what is not used, and who may use it at once."""

import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import numbagrad as ng
from numbagrad import tensor as T
from numbagrad.commands import main
from numbagrad.config import using
from numbagrad.errors import CacheWarning
from numbagrad.graph.traverse import explicit_graph_inputs
from numbagrad.jit import cache
from numbagrad.jit.machine import supported
from numbagrad.ops.dtypes import float_of
from numbagrad.ops.kinds import Elementwise
from numbagrad.testing.samples import grid

pytestmark = [
    pytest.mark.skipif(
        not supported(), reason="below llvmlite 0.45 Numba compiles everything, and nothing is kept"
    ),
    pytest.mark.holds_at("nothing that Numba compiles is kept", compiler="direct"),
]

SOURCE = str(Path(ng.__file__).parents[1])


@pytest.fixture(scope="module", autouse=True)
def what_functions_share():
    """It is kept as well, by the first of them; here it is not counted."""
    with using(cache=False, compiler="direct"):
        square()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache of one's own."""
    tmp_path = tmp_path / "kept"
    monkeypatch.setenv("NUMBAGRAD_CACHE_DIR", str(tmp_path))
    return tmp_path


def square(name="x", dtype="float64", ndim=1, factor=2.0, title=None):
    """A function of some names, and what the cache said."""
    x = T.tensor(name, dtype=dtype, shape=(None,) * ndim)
    f = ng.function([x], [(x * factor).sum(), x**2], name=title)
    return f, f.compile_report().cache


def files(place):
    """The machine code that is kept; what became of graphs is beside it."""
    return sorted(p.name for p in place.glob("*.code"))


class TestKeys:
    def test_a_second_function_is_a_hit(self, place):
        f, first = square()
        g, second = square()
        assert (first, second) == ("miss", "hit")
        assert len(files(place)) == 1
        for mine, other in zip(f([1.0, 2.0]), g([1.0, 2.0]), strict=True):
            np.testing.assert_array_equal(mine, other)
        assert g.source == f.source and "sum" in g.source
        assert "disk cache: hit" in str(g.compile_report())
        assert g.jitted(np.ones(2))[0] == 4.0  # compiled when it is asked for

    def test_names_are_no_part_of_it(self, place):
        square()
        assert square("other", title="titled")[1] == "hit"
        assert square("range")[1] == "hit"

    def test_sizes_and_data_are_no_part_of_it(self, place):
        for size in (3, 5):
            x, w = T.dvector("x"), ng.shared(np.ones(size))
            c = np.random.default_rng(size).normal(size=100)
            f = ng.function([x], x * w + c[:, None])
            assert f(np.ones(size)).shape == (100, size)
        assert f.compile_report().cache == "hit"

    def test_what_it_computes_is(self, place):
        square()
        for change in ({"dtype": "float32"}, {"ndim": 2}, {"factor": 3.0}, {"factor": -2.0}):
            assert square(**change)[1] == "miss", change
        with ng.using(fastmath=False):
            assert square()[1] == "miss"
        assert len(files(place)) == 6

    def test_edges_are(self, place):
        x, y = T.dvector("x"), T.dvector("y")
        for outputs in ([x - y, x], [y - x, x], [x - y, y], [x, x - y]):
            f = ng.function([x, y], outputs)
            assert f.compile_report().cache == "miss"
            for mine, v in zip(f([3.0], [1.0]), outputs, strict=True):
                assert mine == v.eval({w: [c] for w, c in ((x, 3.0), (y, 1.0)) if w in
                                       explicit_graph_inputs([v])})  # fmt: skip

    def test_what_a_template_calls_is(self, place):
        def make(shift):
            def moved(x):
                y = x + shift
                return y * y

            class Moved(Elementwise):
                """The square of a shifted number."""

                dtype, reference = float_of, staticmethod(lambda x: (x + shift) ** 2)
                samples = (grid(-1, 1),)
                template = staticmethod(moved)

                def partials(y, x):
                    return [2 * x]

            x = T.dvector("x")
            return ng.function([x], Moved()(x))

        one, two, again = make(1.0), make(2.0), make(1.0)
        reports = [f.compile_report().cache for f in (one, two, again)]
        assert reports == ["miss", "miss", "hit"]
        assert (one([1.0]), two([1.0]), again([1.0])) == ([4.0], [9.0], [4.0])

    def test_kernels_of_lapack_and_results_of_all_kinds(self, place):
        A, k = T.dmatrix("A"), T.lvector("k")
        outputs = [T.linalg.cholesky(A), T.argsort(k), A[0, 0] > 0, k.sum(), T.erfinv(A * 0.1)]
        value = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([3, 1, 2])
        first, second = (ng.function([A, k], outputs) for _ in range(2))
        assert second.compile_report().cache == "hit"
        for mine, other in zip(first(*value), second(*value), strict=True):
            np.testing.assert_array_equal(mine, other)


class TestRefusals:
    def test_off(self, place):
        with ng.using(cache=False):
            assert square()[1] == "off"
        assert not place.exists()

    def test_damaged_files_are_a_warning_and_a_miss(self, place):
        square()
        (path,) = place.glob("*.code")
        whole = path.read_bytes()
        for damaged in (b"", whole[:-1], whole[:20], whole[:60] + b"?" + whole[61:], b"x" * 999):
            path.write_bytes(damaged)
            with pytest.warns(CacheWarning, match="damaged"):
                g, said = square()
            assert said == "miss" and g([2.0])[0] == 4.0
            assert path.read_bytes() == whole  # written anew
        assert square()[1] == "hit"

    @pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights of files are POSIX's")
    def test_a_directory_that_others_can_write_to(self, place):
        square()
        place.chmod(0o777)
        with pytest.warns(CacheWarning, match="others can write to it"):
            assert square()[1] == "miss"
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # said once
            assert square()[1] == "miss"
        place.chmod(0o700)
        assert square()[1] == "hit"

    @pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of files are POSIX's")
    def test_a_directory_of_another_user(self, place, monkeypatch):
        square()
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        with pytest.warns(CacheWarning, match="another user"):
            assert square()[1] == "miss"

    def test_a_directory_that_can_not_be_made(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("NUMBAGRAD_CACHE_DIR", str(tmp_path / "file" / "kept"))
        f, said = square()
        assert said == "miss" and f([1.0])[0] == 2.0

    def test_a_directory_that_can_only_be_read(self, place, monkeypatch):
        square()

        def refuse(*args, **kwargs):
            raise PermissionError("read-only")

        monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
        monkeypatch.setattr(os, "utime", refuse)
        assert square()[1] == "hit"
        f, said = square(factor=7.0)
        assert said == "miss" and f([1.0])[0] == 7.0
        assert len(files(place)) == 1


class TestRoom:
    def test_what_was_used_least_recently_goes(self, place):
        square(factor=3.0)
        (old,) = place.glob("*.code")
        size = sum(path.stat().st_size for path in place.iterdir())
        square(factor=4.0)
        for path in place.iterdir():
            os.utime(path, (1e9, 1e9 + (path == old)))  # the first one was used last
        with ng.using(cache_limit=int(2.5 * size)):
            square(factor=5.0)
            square(factor=3.0)
        assert len(files(place)) == 2 and old.exists()

    def test_commands(self, place, capsys):
        main(["cache"])
        assert ": 0 functions" in capsys.readouterr().out
        square()
        main(["cache"])
        shown = capsys.readouterr().out
        assert ": 1 functions" in shown and "last used" in shown and str(place) in shown
        main(["cache", "--clear"])
        assert "1 functions removed" in capsys.readouterr().out and not list(place.iterdir())


def test_a_command_whose_reader_has_read_enough_says_nothing(tmp_path):
    there, here = os.pipe()
    os.close(there)
    env = {**os.environ, "NUMBAGRAD_CACHE_DIR": str(tmp_path), "PYTHONPATH": SOURCE}
    program = "from numbagrad.commands import main; main(['cache'])"
    made = subprocess.run(
        [sys.executable, "-c", program], env=env, stdout=here, stderr=subprocess.PIPE, check=False
    )
    os.close(here)
    assert made.returncode == 0 and not made.stderr


def compiled_there(f, value, queue):
    queue.put((f.compile_report().cache, float(f(value)[0])))


class TestProcesses:
    def run(self, program, place):
        env = {**os.environ, "NUMBAGRAD_CACHE_DIR": str(place), "PYTHONPATH": SOURCE}
        made = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
        return made.stdout.split()

    PROGRAM = (
        "import sys, numbagrad as ng\nfrom numbagrad import tensor as T\n"
        "X, w = T.dmatrix('X'), T.dvector('w')\ncost = T.real(T.exp(1j * (X @ w))).sum()\n"
        "f = ng.function([X, w], [cost, ng.grad(cost, w)])\n"
        "print(f.compile_report().cache, f([[1.0]], [0.5])[1][0], 'numba' in sys.modules)\n"
    )

    def test_a_fresh_process_compiles_nothing(self, place):
        first, value, imported = self.run(self.PROGRAM, place)
        assert (first, imported) == ("miss", "True")
        assert self.run(self.PROGRAM, place) == ["hit", value, "False"]

    def test_a_hit_needs_nothing_that_translates_or_compiles(self, place):
        program = self.PROGRAM.replace("real(T.exp(1j * (X @ w)))", "exp(X @ w)") + (
            "import types\n"
            "print(*[n for n, m in sys.modules.items() if type(m) is types.ModuleType])\n"
        )
        self.run(program, place)
        state, _, _, *executed = self.run(program, place)
        assert state == "hit" and "numbagrad.jit.machine" in executed
        unwanted = {"numba", "scipy", "concurrent", "numpy.ma"}
        unwanted |= {f"numbagrad.jit.{name}" for name in ("direct", "entry", "numbas", "objects")}
        unwanted |= {"numbagrad.function.lowering", "numbagrad.codegen.plan"}
        assert not [m for m in executed if any(f"{m}.".startswith(f"{u}.") for u in unwanted)]

    def test_elementary_functions_need_no_numba_at_all(self, place):
        program = self.PROGRAM.replace("real(T.exp(1j * (X @ w)))", "softplus(T.exp(abs(X @ w)))")
        first, value, imported = self.run(program, place)
        assert (first, imported) == ("miss", "False")
        assert self.run(program, place) == ["hit", value, "False"]

    def test_functions_that_are_called_are_kept_as_well(self, place):
        chain = "X @ w"
        for _ in range(8):
            chain = f"T.sin({chain})"
        program = self.PROGRAM.replace("real(T.exp(1j * (X @ w)))", f"tanh({chain})")
        first, value, imported = self.run(program, place)
        assert (first, imported) == ("miss", "False")
        # What functions share, the function itself; sine and cosine, hyperbolic tangent.
        assert len(files(place)) >= 4
        kept = {name: (place / name).stat().st_ino for name in files(place)}
        assert self.run(program, place) == ["hit", value, "False"]
        # A file that is made anew is another one.
        assert {name: (place / name).stat().st_ino for name in files(place)} == kept

    def test_numba_afterwards(self, place):
        program = self.PROGRAM + (
            "import numpy as np\none, half = np.ones((1, 1)), np.full(1, 0.5)\n"
            "print(f.jitted(one, half)[1][0], f(one, half)[1][0])\n"
        )
        self.run(program, place)
        said, value, _, *later = self.run(program, place)
        assert said == "hit" and later == [value, value]

    @pytest.mark.parametrize("method", ["fork", "spawn"])
    def test_functions_in_other_processes(self, place, method):
        if method not in multiprocessing.get_all_start_methods():
            pytest.skip(f"there is no {method} here")
        f, _ = square()
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads
            workers = [
                context.Process(target=compiled_there, args=(f, np.ones(4), queue))
                for _ in range(2)
            ]
            for worker in workers:
                worker.start()
        found = [queue.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join()
        assert {value for _, value in found} == {8.0}
        if method == "spawn":
            assert {said for said, _ in found} == {"hit"}

    def test_threads_and_writers_at_once(self, place):
        stored = cache.Stored(b"code" * 20_000, ("malloc",))
        found = []

        def work():
            for _ in range(20):
                cache.store("key", stored)
                found.append(cache.load("key"))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [stored] * 120
        assert files(place) == ["key.code"]
