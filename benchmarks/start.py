"""Scripts that import a library and take one gradient: what a fresh process costs.

Each is what a person would write, run by ``python -c`` between two looks at the clock.
"""

HEAD = "import time\nbegin = time.time()\nimport numpy as np\n"
TAIL = (
    "import json\n"
    "print(json.dumps(dict(begin=begin, imported=imported, done=done,"
    " value=float(np.sum(np.asarray(result))))))\n"
)

SYMBOLIC = """
{imports}
imported = time.time()
z = T.dvector("z")
f = function([z], {package}.grad(T.sum(T.sin(z) ** 2), z){mode})
result = f(np.linspace(0.0, 1.0, 50))
done = time.time()
"""

JAX = """
import jax
jax.config.update("jax_enable_x64", True)
imported = time.time()
f = jax.jit(jax.grad(lambda z: jax.numpy.sum(jax.numpy.sin(z) ** 2)))
result = f(np.linspace(0.0, 1.0, 50)).block_until_ready()
done = time.time()
"""

NUMBA = """
from benchmarks.by_hand import gradient
imported = time.time()
result = gradient(np.linspace(0.0, 1.0, 50))
done = time.time()
"""

TORCH = """
import torch
imported = time.time()
z = torch.linspace(0.0, 1.0, 50, dtype=torch.float64, requires_grad=True)
(result,) = torch.autograd.grad(torch.sum(torch.sin(z) ** 2), z)
done = time.time()
"""


def _symbolic(package: str, mode: str = "") -> str:
    imports = f"import {package}\nfrom {package} import function, tensor as T"
    return SYMBOLIC.format(imports=imports, package=package, mode=mode)


#: By name: the script, and the variables that turn a disk cache on or off.
SCRIPTS: dict[str, tuple[str, dict[str, str]]] = {
    "numbagrad": (_symbolic("numbagrad"), {}),
    "Numba by hand": (NUMBA, {}),
    "JAX": (
        JAX,
        {
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
    ),
    "JAX, no cache": (JAX, {"JAX_ENABLE_COMPILATION_CACHE": "false"}),
    "PyTensor Numba": (_symbolic("pytensor", ', mode="NUMBA"'), {}),
    "PyTensor C": (_symbolic("pytensor", ', mode=pytensor.compile.Mode("cvm", "fast_run")'), {}),
    "PyTorch": (TORCH, {}),
}


def script(library: str) -> str:
    """The whole text for ``python -c``."""
    return HEAD + SCRIPTS[library][0] + TAIL
