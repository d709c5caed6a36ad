"""Graphs: variables, nodes, types, walks. Knows no Op and no Numba."""
