"""How compiled code calls a routine that takes everything by reference (BLAS, LAPACK).

Only Numba intrinsics live here; no mathematics. One intrinsic makes a whole call: it puts every
scalar into a stack slot and passes pointers, because an intrinsic for each argument would cost
some ten times the compile time.

How arguments are passed: a C-contiguous array as a pointer to its data (it is kept alive until the
routine returns); an integer as a 32-bit integer; a one-letter string or a ``uint8`` as a character;
a float or complex number in the dtype of the first float or complex array.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from . import symbols, threads

_LETTER = {
    types.float32: "s",
    types.float64: "d",
    types.complex64: "c",
    types.complex128: "z",
}
_BYTES = ir.IntType(8).as_pointer()


def _dtype_of_call(args):
    for arg in args:
        if isinstance(arg, types.Array) and arg.dtype in _LETTER:
            return arg.dtype
    raise TypingError(f"no array of a dtype that BLAS and LAPACK know among {args}")


def _pointer(context, builder, typ, value, dtype):
    """Pointer to what the routine shall read: an array's data or a new stack slot."""
    if isinstance(typ, types.Array):
        data = context.make_array(typ)(context, builder, value).data
        return builder.bitcast(data, _BYTES)
    if isinstance(typ, types.StringLiteral):
        value = ir.Constant(ir.IntType(8), ord(typ.literal_value))
    elif typ != types.uint8:
        wanted = types.int32 if isinstance(typ, types.Integer) else dtype
        value = context.cast(builder, value, typ, wanted)
    return builder.bitcast(cgutils.alloca_once_value(builder, value), _BYTES)


def emit_call(context, builder, routine, dtype, arguments, work, info=None):
    """Emit the call of ``routine`` with ``arguments``, pairs of a Numba type and an LLVM value.

    ``info`` is the pointer of LAPACK's last argument, if there is one. ``work`` is about how many
    multiplications it takes; by it ``threads`` decides how many threads it may use.
    """
    name = symbols.PREFIX + _LETTER[dtype] + routine
    pointers = [_pointer(context, builder, typ, value, dtype) for typ, value in arguments]
    if info is not None:
        pointers.append(builder.bitcast(info, _BYTES))
    function_type = ir.FunctionType(ir.VoidType(), [_BYTES] * len(pointers))
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    kind = ir.FunctionType(ir.VoidType(), [work.type])
    enter, leave = (
        cgutils.get_or_insert_function(builder.module, kind, name)
        for name in (threads.ENTER, threads.LEAVE)
    )
    builder.call(enter, [work])
    builder.call(function, pointers)
    builder.call(leave, [work])


def _work_of(context, builder, routine, pairs):
    """About how many multiplications: the square of one length times the other one.

    A product has three lengths.
    """
    lengths = []
    for typ, value in pairs:
        if isinstance(typ, types.Array):
            break
        if isinstance(typ, types.Integer) and typ != types.uint8:
            lengths.append(context.cast(builder, value, typ, types.intp))
    if routine == "gemm":
        return builder.mul(builder.mul(lengths[0], lengths[1]), lengths[2])
    return builder.mul(builder.mul(lengths[-1], lengths[-1]), lengths[0])


def prepare_call(routine, args):
    """Check the types ``args`` of a call, register its symbol and give its dtype."""
    for arg in args:
        if isinstance(arg, types.Array) and arg.layout != "C":
            raise TypingError(f"the array must be C-contiguous, its type is {arg}")
        if isinstance(arg, types.StringLiteral) and len(arg.literal_value) != 1:
            raise TypingError(f"a character argument has one letter, got {arg.literal_value!r}")
    dtype = _dtype_of_call(args)
    names = [symbols.PREFIX + _LETTER[dtype] + routine, threads.ENTER, threads.LEAVE]
    symbols.register(names)
    return dtype


def _constant_name(routine):
    if not isinstance(routine, types.StringLiteral):
        raise TypingError("the routine's name must be a constant")
    return routine.literal_value


def _pairs(builder, signature, values):
    # The last formal argument stands for all of *args: a tuple of types, and a struct of values.
    for i, typ in enumerate(signature.args[-1].types):
        yield typ, builder.extract_value(values[-1], i)


@intrinsic(prefer_literal=True)
def call_blas(typingctx, routine, *args):
    """Call the BLAS subroutine ``routine`` (no type letter) in the dtype of the arrays."""
    name = _constant_name(routine)
    dtype = prepare_call(name, args)

    def codegen(context, builder, signature, values):
        pairs = list(_pairs(builder, signature, values))
        work = _work_of(context, builder, name, pairs)
        emit_call(context, builder, name, dtype, pairs, work)
        return context.get_dummy_value()

    return types.none(routine, types.StarArgTuple.from_types(args)), codegen


@intrinsic(prefer_literal=True)
def call_lapack(typingctx, routine, *args):
    """Call the LAPACK subroutine ``routine``; its last argument, ``info``, is the result."""
    name = _constant_name(routine)
    dtype = prepare_call(name, args)

    def codegen(context, builder, signature, values):
        info = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(32), 0))
        pairs = list(_pairs(builder, signature, values))
        work = _work_of(context, builder, name, pairs)
        emit_call(context, builder, name, dtype, pairs, work, info)
        return builder.load(info)

    return types.int32(routine, types.StarArgTuple.from_types(args)), codegen


@intrinsic(prefer_literal=True)
def call_special(typingctx, routine, x):
    """Call SciPy's special function ``routine``: a double from a double."""
    name = symbols.PREFIX + _constant_name(routine)
    symbols.register([name])

    def codegen(context, builder, signature, values):
        double, integer = ir.DoubleType(), ir.IntType(32)
        function_type = ir.FunctionType(double, [double, integer])
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        # The integer is Cython's "skip dispatch", which functions outside a class ignore.
        return builder.call(function, [values[-1], ir.Constant(integer, 0)])

    return types.float64(routine, types.float64), codegen


_RANDOM_TYPES = {
    "d": (types.float64, ir.DoubleType()),
    "i": (types.int64, ir.IntType(64)),
    "b": (types.boolean, ir.IntType(32)),
}
#: More than NumPy's ``binomial_t`` takes, in 64-bit words.
_SCRATCH = 32


def _scratch(builder):
    """What a binomial draw keeps of its parameters, cleared: it is set up anew."""
    words = cgutils.alloca_once(builder, ir.IntType(64), _SCRATCH)
    builder.store(ir.Constant(ir.IntType(64), 0), words)
    return builder.ptrtoint(words, ir.IntType(64))


def call_random(builder, routine, rng, numbers):
    """Inside an intrinsic: call NumPy's C function with a generator's address and LLVM numbers."""
    returns, *takes = symbols.RANDOM[routine]
    passed = [rng]
    for letter, value in zip([t for t in takes if t != "s"], numbers):
        passed.append(builder.zext(value, ir.IntType(32)) if letter == "b" else value)
    if "s" in takes:
        passed.append(_scratch(builder))
    function_type = ir.FunctionType(_RANDOM_TYPES[returns][1], [v.type for v in passed])
    name = symbols.PREFIX + routine
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    return builder.call(function, passed)


def draw(name, routine, words):
    """An intrinsic that makes one draw; an ``njit`` function would take some 0.2 s to compile."""
    returns, *takes = symbols.RANDOM[routine]
    result = _RANDOM_TYPES[returns][0]
    wanted = [_RANDOM_TYPES[letter][0] for letter in takes if letter != "s"]

    def typed(typingctx, rng, *numbers):
        if len(numbers) != len(wanted):
            raise TypingError(f"{name} takes {len(wanted)} parameters, got {len(numbers)}")
        symbols.register([symbols.PREFIX + routine])

        def codegen(context, builder, signature, values):
            address = context.cast(builder, values[0], signature.args[0], types.int64)
            given = [
                context.cast(builder, value, typ, other)
                for other, (typ, value) in zip(wanted, _pairs(builder, signature, values))
            ]
            return call_random(builder, routine, address, given)

        return result(rng, types.StarArgTuple.from_types(numbers)), codegen

    typed.__name__, typed.__doc__ = name, words
    return intrinsic(typed)
