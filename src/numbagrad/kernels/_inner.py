"""How a kernel is cut into functions without paying for each: `inner` and `call_inner`.

Nothing else lives here.

An ``njit`` function that another calls is compiled to machine code and gets a Python entry of its
own, which nobody uses. Inner functions are only typed and linked into the kernels that call them.
"""

from numba import types
from numba.core.compiler import Flags
from numba.extending import intrinsic


def call_inner(context, builder, function, signature, values):
    """Inside an intrinsic: compile a Python function with a kernel's options and call it."""
    # Numba passes no options on to a function compiled inside another.
    flags = Flags()
    flags.nrt = True
    flags.error_model = "numpy"
    compiled = context.compile_subroutine(builder, function, signature, flags=flags)
    return context.call_internal(builder, compiled.fndesc, signature, values)


def inner(returns):
    """Decorate a function that only kernels call.

    Parameters
    ----------
    returns
        The Numba type that it returns (``numba.types.none`` if nothing), or a Python function that
        gives it for the types of the arguments.
    """

    def decorate(function):
        def typed(typingctx, *args):
            result = returns if isinstance(returns, types.Type) else returns(*args)

            def codegen(context, builder, signature, values):
                argument_types = signature.args[0].types
                arguments = [
                    builder.extract_value(values[0], i) for i in range(len(argument_types))
                ]
                plain = result(*argument_types)
                return call_inner(context, builder, function, plain, arguments)

            return result(types.StarArgTuple.from_types(args)), codegen

        typed.__name__ = function.__name__
        typed.__doc__ = function.__doc__
        return intrinsic(typed)

    return decorate
