"""What a row of the op table is: a function, its partials, and how to read them.

See ``ops`` for the table itself.
"""

from __future__ import annotations

import numbers
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

Rule = Callable[..., Any]  # (y, *args) -> ∂y/∂aᵢ; what comes in decides what comes out
Interval = tuple[float, float]


@dataclass(frozen=True)
class Kink:
    """A point where calculus leaves a choice, and the choice made: PyTorch's."""

    at: tuple[float, ...]
    value: float
    partials: tuple[float, ...]


SMOOTH: tuple[Kink, ...] = ()
TABLE: dict[str, Op] = {}  # the functions
FACTORS: dict[str, Op] = {}  # what their rules need besides


@dataclass(frozen=True, eq=False, repr=False)
class Op:
    """One row of the table, callable on floats, arrays, Values and other symbols.

    Attributes:
        name: the public name, NumPy's where NumPy has one.
        symbol: what a node of a drawing shows.
        scalar: the function of floats; may raise where IEEE 754 has an answer.
        array: the same function of arrays; a NumPy ufunc where there is one.
        partials: one rule per argument; in a ``SequenceOp`` a single rule for all.
        latex: a template; ``{0:2}`` is argument 0, in parentheses if it binds
            less tightly than 2 (see ``binds``); or a function of the arguments.
        domain: an interval per argument (of every element, in a ``SequenceOp``) where
            the function is smooth, for tests to sample.
        kinks: conventions where it is not; ``SMOOTH`` says there is no such point.
        doc: one sentence for people.
        binds: 1 like a sum, 2 like a product, 3 like a function or a power, 4 an atom.
        selects: True where the op picks among its arguments: a partial of 0 then
            means "not this one", which stops even an infinite adjoint.
        options: names and defaults of trailing arguments that may be left out.
    """

    name: str
    symbol: str
    scalar: Callable[..., Any]
    array: Callable[..., Any] | None
    partials: tuple[Rule, ...] | Rule
    latex: str | Callable[..., str]
    domain: tuple[Interval, ...]
    kinks: tuple[Kink, ...]
    doc: str
    binds: int = 3
    selects: bool = False
    options: Mapping[str, float] = field(default_factory=dict)
    # Number of arguments, or None if they are sequences of any length.
    arity: int | None = field(init=False, default=None)
    # How nodes keep their arguments: one or two by themselves, with the rules `first` and
    # `second`; else as a tuple of sequences, with `every` rule and the `whole` function of them.
    first: Rule | None = field(init=False, default=None)
    second: Rule | None = field(init=False, default=None)
    every: Rule | None = field(init=False, default=None)
    whole: Callable[..., Any] = field(init=False, default=float)
    maker: Callable[..., Any] | None = field(init=False, default=None)  # kept here by Value

    def __post_init__(self) -> None:
        self._keep(__name__=self.name, __doc__=self.doc)
        rules = self.partials
        if not isinstance(rules, tuple):
            self._keep(every=rules, whole=self.scalar)
            return
        self._keep(arity=len(rules))
        if len(rules) == 1:
            self._keep(first=rules[0])
        elif len(rules) == 2 and not self.selects:
            self._keep(first=rules[0], second=rules[1])
        else:
            self._keep(
                every=lambda y, args: ([rule(y, *args) for rule in rules],),
                whole=lambda args: self.scalar(*args),
            )

    def _keep(self, **derived: Any) -> None:
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # There is one of each: it is copied as itself, and pickled by its name.
        if TABLE.get(self.name, FACTORS.get(self.name)) is not self:
            raise pickle.PicklingError(
                f"{self!r} is not in the op table, so it has no name to keep."
            )
        return _row, (self.name,)

    def __deepcopy__(self, memo: object) -> Op:
        return self

    def __copy__(self) -> Op:
        return self

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The value for floats, an array for arrays, a node for Values (see the module).

        Raises:
            TypeError: for the wrong number of arguments, or anything that is no real number.
        """
        if options or len(args) != self.arity:
            args = self._complete(args, options)
        plain = True
        for arg in args:
            kind = type(arg)
            if kind is not float:
                apply = getattr(kind, "apply_op", None)
                if apply is not None:
                    return apply(self, args)
                plain = False
        if plain:
            try:
                return float(self.scalar(*args))
            except (ArithmeticError, ValueError):
                return self.on_floats(*args)
        doubles = [self._double(arg) for arg in args]
        if any(isinstance(double, np.ndarray) for double in doubles):
            return self.on_arrays(*doubles)
        result = self.on_floats(*map(float, doubles))
        return np.float64(result) if any(isinstance(arg, np.generic) for arg in args) else result

    def _complete(self, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments with what was left out or given by name."""
        assert self.arity is not None
        names = list(self.options)
        needed = self.arity - len(names)
        rest = names[max(len(args) - needed, 0) :]
        if not needed <= len(args) <= self.arity or not options.keys() <= set(rest):
            takes = " ".join([str(needed), "arguments", *(f"and {name}" for name in names)])
            got = ", ".join([str(len(args)), *(f"{name}=" for name in options)])
            raise TypeError(f"{self.name}() takes {takes}, but got {got}.")
        return args + tuple(options.get(name, self.options[name]) for name in rest)

    def _double(self, arg: Any) -> Any:
        """A number as a double, an array or list as an array of doubles, or of objects."""
        if isinstance(arg, np.ndarray | list | tuple):
            array = np.asarray(arg)
            if array.dtype.kind in "biuf":
                return array.astype(np.float64)[()]
            if array.dtype == object:
                return array
        elif isinstance(arg, numbers.Real | np.bool_) and not isinstance(arg, np.timedelta64):
            return np.float64(arg) if isinstance(arg, np.generic) else float(arg)
        raise TypeError(
            f"{self.name}() takes real numbers, arrays and Values, but got "
            f"{type(arg).__name__} {arg!r}. Convert it to float first."
        )

    def on_floats(self, *args: Any) -> float:
        """The value as a float, with IEEE 754's answer where Python would raise."""
        try:
            return float(self.scalar(*args))
        except (ArithmeticError, ValueError):
            if self.array is None:
                raise
            return float(self.on_arrays(*self._as_numpy(args)))

    def on_arrays(self, *args: Any) -> Any:
        """The values elementwise, broadcast; arrays of objects element by element."""
        arrays = [np.asarray(arg) for arg in args]
        if any(array.dtype == object for array in arrays):
            with np.errstate(all="ignore"):
                return np.frompyfunc(self, len(args), 1)(*arrays)
        if self.array is None:
            raise TypeError(
                f"{self.name}() has no reading for arrays. Give custom_op one, as array=..., "
                "or call it element by element."
            )
        with np.errstate(all="ignore"):
            return np.asarray(self.array(*arrays))[()]  # a scalar where there is no axis

    def slope(self, rule: Rule, y: float, *args: Any) -> Any:
        """What a rule gives for floats, read with NumPy's where Python's raise."""
        try:
            return rule(y, *args)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return _plain(rule(np.float64(y), *self._as_numpy(args)))

    def slopes(self, y: float, args: Sequence[float]) -> tuple[float, ...]:
        """All local partials ∂y/∂aᵢ at these floats."""
        assert isinstance(self.partials, tuple)
        return tuple([float(self.slope(rule, y, *args)) for rule in self.partials])

    @staticmethod
    def _as_numpy(args: Sequence[Any]) -> list[Any]:
        return [np.float64(arg) for arg in args]


def _row(name: str) -> Op:
    return TABLE[name] if name in TABLE else FACTORS[name]


def _plain(slopes: Any) -> Any:
    """NumPy's numbers as floats, in however many lists."""
    return float(slopes) if np.ndim(slopes) == 0 else [_plain(each) for each in slopes]


class SequenceOp(Op):
    """A row whose arguments are sequences of any length, such as sum(x) and dot(w, x).

    Its one rule gives a sequence of partials for each argument.
    """

    def __call__(self, *args: Any) -> Any:
        """The value for sequences of floats, an array for arrays in them, a node for Values.

        An array is taken as the flat sequence of its elements.

        Raises:
            ValueError: if the lengths do not go together.
        """
        if len(args) != self.width:
            raise TypeError(f"{self.name}() takes {self.width} sequences, but got {len(args)}.")
        sequences = [
            arg.ravel().tolist() if isinstance(arg, np.ndarray) else list(arg) for arg in args
        ]
        if set(map(type, chain.from_iterable(sequences))) <= {float}:
            return self.on_floats(*sequences)
        for element in chain.from_iterable(sequences):
            apply = getattr(type(element), "apply_op", None)
            if apply is not None:
                return apply(self, sequences)
        doubles = [[self._double(element) for element in sequence] for sequence in sequences]
        if any(isinstance(double, np.ndarray) for double in chain.from_iterable(doubles)):
            return self.on_arrays(*doubles)
        return self.on_floats(*doubles)

    @property
    def width(self) -> int:
        """Number of sequences."""
        return len(self.domain)

    def on_arrays(self, *args: Any) -> Any:
        """The values elementwise over the arrays in the sequences, broadcast."""
        assert self.array is not None
        with np.errstate(all="ignore"):
            return np.asarray(self.array(*args))[()]

    def slopes(self, y: float, args: Sequence[Any]) -> tuple[float, ...]:
        """All local partials ∂y/∂aᵢ at these sequences of floats, as one flat sequence."""
        assert self.every is not None
        return tuple(map(float, chain.from_iterable(self.slope(self.every, y, *args))))

    @staticmethod
    def _as_numpy(args: Sequence[Any]) -> list[Any]:
        return [[np.float64(each) for each in arg] for arg in args]


def row_of(layer: Sequence[Sequence[Any]], j: int) -> tuple[Any, ...]:
    """(wⱼ, x, bⱼ), what neuron j uses of the W, x and b of its layer; W is flat, row after row."""
    w, x, b = layer
    return w[j * len(x) : (j + 1) * len(x)], x, b[j : j + 1]
