"""Data to learn from: drawn, bundled, or read from a file; and what prepares it.

All randomness comes from the generator or seed given as ``rng``.
"""

from nn.data.bundled import Split, digits, iris
from nn.data.drawn import blobs, circles, linear, moons, sine, spiral, xor
from nn.data.prepare import Scaler, standardise, train_test_split
from nn.data.table import Table, TableError, read_csv

__all__ = [
    # drawn at random
    "moons", "circles", "spiral", "xor", "blobs", "sine", "linear",
    # bundled with scikit-learn
    "digits", "iris", "Split",
    # prepared
    "train_test_split", "standardise", "Scaler",
    # from a file
    "read_csv", "Table", "TableError",
]  # fmt: skip
