"""Theano's ``sandbox``, as far as programs import from it."""
