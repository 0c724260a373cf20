"""The compiler: the scalar graph of a function as a program of arrays. See README.md here."""

from autograd.compiler.program import Program, compile

__all__ = ["Program", "compile"]
