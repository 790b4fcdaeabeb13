"""Our training loops, one a module, each beside its twin in Keras; TensorFlow loads with the modules, not here."""

LOOPS = ("matrix_factorization", "bpr", "next_item", "attention", "towers")
"""A module of this package each, with a function `loop`."""
