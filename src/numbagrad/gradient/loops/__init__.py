"""The derivatives of `Scan`: from a loop to a larger loop, in phases that are pure functions.

Reverse mode
    `linearised`: the gradients of one step, as a graph. `taped`: what the step needs of the way
    there, chosen by ``cut``, and the loop that saves it. `backwards`: the loop the other way.
Forward mode
    `pushed`: the loop that carries tangents next to its states.

How loops merge. The loop that saves has the inputs of the given one and the same body inputs, next
states and traced values in the same order, with more traced values behind them; where nothing has
to be saved it is the given node itself. The loop that carries tangents has the sequences, states
and other inputs of the given one first, each followed by the new ones, and the same next states
first; of traced values it has those of tangents only. So in both cases the states of the given loop
are the first states of the new one, from the same initial values by the same graphs.
"""

from ...ops.control import Derivatives
from .forward import pushed
from .reverse import pulled

__all__ = ["LOOPS"]

#: The rules of `Scan`.
LOOPS = Derivatives(pulled, pushed)
