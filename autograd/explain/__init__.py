"""Why a gradient is what it is: its terms, its paths, its formula, and checks of claims about it.

Everything here only reads the graph.
"""

from autograd.explain.explanation import Explanation, NetworkExplanation, explain

__all__ = ["Explanation", "NetworkExplanation", "explain"]
