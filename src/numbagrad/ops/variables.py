"""Making variables without a value: ``scalar``, ``vectors``, ``dmatrix`` and the others.

All constructors are made from one table of prefixes (dtypes) and one of names (dimensions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..config import config
from ..graph.registry import OPS
from ..graph.tensor import TensorType

__all__ = ["CONSTRUCTORS", "tensor"]

#: The letters in front of a name and the dtypes they stand for; none stands for floatX.
PREFIXES = {
    "": None,
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
}

#: Names in the singular and the plural, and the static shapes they stand for.
NAMES: dict[tuple[str, str], tuple[int | None, ...]] = {
    ("scalar", "scalars"): (),
    ("vector", "vectors"): (None,),
    ("matrix", "matrices"): (None, None),
    ("row", "rows"): (1, None),
    ("col", "cols"): (None, 1),
    ("tensor3", "tensor3s"): (None,) * 3,
    ("tensor4", "tensor4s"): (None,) * 4,
    ("tensor5", "tensor5s"): (None,) * 5,
    ("tensor6", "tensor6s"): (None,) * 6,
    ("tensor7", "tensor7s"): (None,) * 7,
}


def tensor(
    name: str | None = None,
    dtype: Any = None,
    shape: Sequence[int | None] | None = None,
    broadcastable: Sequence[bool] | None = None,
    ndim: int | None = None,
) -> Any:
    """A variable of any dtype and shape.

    Parameters
    ----------
    name : str, optional
        Theano's order, the dtype first, is understood as well: ``tensor("float64", (None, 3))``.
    dtype : str, optional
        ``config.floatX`` by default.
    shape : sequence of int or None
        One entry a dimension, ``None`` for a size that is not known.
    broadcastable : sequence of bool, optional
        Theano's spelling of ``shape``.
    ndim : int, optional
        In the place of ``shape``, when no size is known.

    Raises
    ------
    TypeError
        If the number of dimensions is not given, or ``dtype`` is none.

    Examples
    --------
    >>> tensor("x", dtype="float64", shape=(None, 3)).type
    TensorType(float64, shape=(None, 3))
    """
    if _is_dtype(name) and (dtype is None or isinstance(dtype, (list, tuple))):
        if isinstance(dtype, (list, tuple)):
            shape, broadcastable = dtype, None
        name, dtype = None, name
    if shape is None and ndim is not None:
        shape = (None,) * ndim
    return TensorType(dtype or config.floatX, shape, broadcastable=broadcastable)(name)


def _is_dtype(text: Any) -> bool:
    return isinstance(text, str) and (text == "floatX" or text.rstrip("0123456789") in _KINDS)


_KINDS = ("bool", "int", "uint", "float", "complex")


def _single(word: str, fixed: str | None, known: tuple[int | None, ...]) -> Callable[..., Any]:
    def make(name: str | None = None, dtype: Any = None, shape: Any = None) -> Any:
        if fixed is not None and dtype is not None and TensorType(dtype, ()).dtype != fixed:
            raise TypeError(f"{word} makes variables of dtype {fixed}, not {dtype!r}")
        type_ = TensorType(fixed or dtype or config.floatX, known if shape is None else shape)
        if type_.ndim != len(known):
            raise ValueError(f"{word} has {len(known)} dimensions; got shape={tuple(shape)}")
        for wanted, given in zip(known, type_.shape, strict=True):
            if wanted is not None and wanted != given:
                raise ValueError(f"{word} has the shape {known}; got shape={tuple(shape)}")
        return type_(name)

    return _documented(
        make,
        word,
        f"A variable of {_dimensions(known)} and dtype {fixed or 'floatX (or the one given)'}.",
        f">>> {word}('x').type.ndim\n{len(known)}",
    )


def _several(word: str, single: Callable[..., Any]) -> Callable[..., Any]:
    def make(*names: Any, dtype: Any = None, shape: Any = None) -> list[Any]:
        if len(names) == 1 and isinstance(names[0], int) and not isinstance(names[0], bool):
            names = (None,) * names[0]
        elif len(names) == 1 and isinstance(names[0], (list, tuple)):
            names = tuple(names[0])
        return [single(name, dtype=dtype, shape=shape) for name in names]

    return _documented(
        make,
        word,
        f"Several variables, as `{single.__name__}` makes them: a number of them, or their names.",
        f">>> a, b = {word}('a', 'b')\n>>> len({word}(3))\n3",
    )


def _documented(make: Callable[..., Any], word: str, what: str, example: str) -> Any:
    make.__name__ = make.__qualname__ = word
    make.__doc__ = f"{what}\n\n{example}\n"
    return make


def _dimensions(known: tuple[int | None, ...]) -> str:
    shown = "no dimensions" if not known else f"shape {known}"
    return shown.replace("None", "?")


def _all_constructors() -> dict[str, Callable[..., Any]]:
    made: dict[str, Callable[..., Any]] = {"tensor": tensor}
    for letter, dtype in PREFIXES.items():
        for (one, many), known in NAMES.items():
            single = _single(letter + one, dtype, known)
            made[letter + one] = single
            made[letter + many] = _several(letter + many, single)
    return made


#: Every constructor by its name: ``CONSTRUCTORS["dmatrix"]("X")``.
CONSTRUCTORS = _all_constructors()
OPS.update(CONSTRUCTORS)

# The forms without a prefix under their own names, for whoever imports this module.
scalar, scalars = CONSTRUCTORS["scalar"], CONSTRUCTORS["scalars"]
vector, vectors = CONSTRUCTORS["vector"], CONSTRUCTORS["vectors"]
matrix, matrices = CONSTRUCTORS["matrix"], CONSTRUCTORS["matrices"]
