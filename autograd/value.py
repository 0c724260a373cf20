"""`Value`: a number that remembers how it was computed."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, SupportsFloat, TypeVar

import numpy as np

from autograd import copying, ops
from autograd.context import Scope, current, reading_graph
from autograd.errors import GraphError
from autograd.hooks import Hook, HookHandle
from autograd.numeric import lengths_differ
from autograd.op import TABLE, Op, row_of
from autograd.reverse import FRESH, backward

Number = SupportsFloat  # Python's and NumPy's real scalars; checked by `as_float`
Operand = Any  # a Value or a Number; an array makes an array of Values

Groups = tuple[tuple["Value", ...], ...]
F = TypeVar("F", bound=Callable[..., Any])

_new = object.__new__
leaf_changes = [object()]  # another object after each change of a leaf: it tells compiled programs


def as_float(number: Any) -> float:
    """The real number as a float.

    Raises:
        TypeError: saying what arrived instead, and what to do.
    """
    if type(number) is float:
        return number
    if _is_number(number):
        return float(number)
    if isinstance(number, Value):
        remedy = "Use it as it is, or take its number with .data (or a constant with .detach())."
    elif isinstance(number, np.ndarray | list | tuple):
        remedy = "Make one Value per element: np.vectorize(Value, otypes=[object])(array)."
    elif isinstance(number, complex | np.complexfloating):
        remedy = "Take .real, .imag or abs() first."
    elif hasattr(number, "item"):
        remedy = "Take .item() first."
    else:
        remedy = "Convert it with float() first."
    raise TypeError(f"expected a real number, but got {type(number).__name__} {number!r}. {remedy}")


def _is_number(thing: object) -> bool:
    if isinstance(thing, np.ndarray):
        return thing.ndim == 0 and thing.dtype.kind in "biuf"
    return isinstance(thing, _SCALARS) and not isinstance(thing, np.timedelta64)


_SCALARS = (numbers.Real, np.bool_)


def constant(number: Number) -> Value:
    """A leaf that requires no gradient."""
    node = _new(Value)
    node._data = as_float(number)
    node._grad = None
    node._op = None
    node._scope = current().scope
    return node


def as_value(operand: Operand) -> Value:
    """The operand itself if it is a Value, else a constant of that number."""
    return operand if isinstance(operand, Value) else constant(operand)


def _operand(thing: Any) -> Any:
    """The same for an operator, which lets the other side have a try before it refuses."""
    if type(thing) is float or type(thing) is int:
        return constant(thing)
    if isinstance(thing, Value):
        return thing
    return constant(thing) if _is_number(thing) else NotImplemented


# -- recording -------------------------------------------------------------------------------
# `record` makes a node of sequences; `_unary` and `_binary` make one of one and of two
# arguments. They say the same thing three times, because a program spends its time here.


def record(op: Op, parents: Groups, numbers: tuple[tuple[float, ...], ...]) -> Value:
    """The node that op makes of these sequences of parents, which hold these numbers."""
    node = _new(Value)
    try:
        node._data = op.whole(*numbers)
    except (ArithmeticError, ValueError):
        node._data = op.on_floats(*(numbers if op.arity is None else numbers[0]))
    context = current()
    node._scope = context.scope
    node._op = node._grad = None
    if context.recording:
        for parent in chain.from_iterable(parents):
            if parent._grad is not None:
                node._op = op
                node._a = parents
                node._b = None
                node._x = numbers
                node._grad = 0.0
                break
    if context.watch is not None:
        context.watch(node, op, tuple(chain.from_iterable(parents)))
    return node


def _values(things: Iterable[Any]) -> tuple[tuple[Value, ...], tuple[float, ...]]:
    """All of them as Values, and their numbers."""
    values = tuple(things)
    try:
        return values, tuple([value._data for value in values])
    except AttributeError:
        return _values(map(as_value, values))


def affine(
    weights: Iterable[Iterable[Any]],
    inputs: Iterable[Any],
    biases: Iterable[Any] | None = None,
    labels: Sequence[str] | None = None,
) -> list[Value]:
    """z = W x + b, one node per row of W.

    Args:
        weights: W as n_out rows of n_in Values or numbers.
        inputs: x, n_in Values or numbers.
        biases: b, n_out Values or numbers, or None.
        labels: n_out names for the nodes.

    Raises:
        ValueError: if the lengths do not go together.
        TypeError: if a label is not a str.
    """
    if labels is not None and not set(map(type, labels)) <= {str}:
        raise TypeError(f"labels are strings, but got {labels!r}.")
    x, x_numbers = _values(inputs)
    b, b_numbers = _values(() if biases is None else biases)
    n_in, n_out = len(x), 0
    flat: list[Any] = []
    for row in weights:
        flat.extend(row)
        if len(flat) != (n_out + 1) * n_in:
            raise lengths_differ("affine", flat[n_out * n_in :], x)
        n_out += 1
    if biases is not None and len(b) != n_out:
        raise ValueError(f"affine() got {n_out} rows of weights, but {len(b)} biases.")
    w, w_numbers = _values(flat)
    parents, numbers = (w, x, b), (w_numbers, x_numbers, b_numbers)  # shared by the whole layer
    op, whole, context = ops.affine, ops.affine.whole, current()
    recording, scope, watch = context.recording, context.scope, context.watch
    active = recording and _active(x)
    z = []
    for j in range(n_out):
        row, bias = w_numbers[j * n_in : (j + 1) * n_in], b_numbers[j : j + 1]
        z.append(node := _new(Value))
        try:
            node._data = whole(row, x_numbers, bias)
        except (ArithmeticError, ValueError):
            node._data = op.on_floats(row, x_numbers, bias)
        node._scope = scope
        if active or (
            recording and ((b and b[j]._grad is not None) or _active(w[j * n_in : (j + 1) * n_in]))
        ):
            node._op = op
            node._a = parents
            node._b = j
            node._x = numbers
            node._grad = 0.0
        else:
            node._op = node._grad = None
        if labels is not None:
            node._label = labels[j]
        if watch is not None:
            watch(node, op, tuple(chain.from_iterable(row_of(parents, j))))
    return z


def activate(function: Callable[[Value], Value], zs: Sequence[Value]) -> list[Value]:
    """a = φ(z) for every z: in the scope of its z, and labelled a, or a[j] for a z[j]."""
    nodes = [function(z) for z in zs]
    for z, a in zip(zs, nodes, strict=True):
        label = getattr(z, "_label", "")
        a._label = "a" + label[1:] if label[:2] == "z[" else "a"
        a._scope = z._scope
    return nodes


def _active(values: Iterable[Value]) -> bool:
    """Whether one of them requires a gradient."""
    for value in values:  # noqa: SIM110 - any() with a generator takes its time
        if value._grad is not None:
            return True
    return False


def _unary(op: Op) -> Callable[[Value], Value]:
    scalar, on_floats = op.scalar, op.on_floats

    def operation(self: Value) -> Value:
        x = self._data
        node = _new(Value)
        try:
            node._data = scalar(x)
        except (ArithmeticError, ValueError):
            node._data = on_floats(x)
        context = current()
        node._scope = context.scope
        if self._grad is not None and context.recording:
            node._op = op
            node._a = self
            node._x = x
            node._grad = 0.0
        else:
            node._op = node._grad = None
        if context.watch is not None:
            context.watch(node, op, (self,))
        return node

    return _named(operation, op)


def _binary(op: Op) -> Callable[[Value, Operand], Value]:
    scalar, on_floats = op.scalar, op.on_floats

    def operation(self: Value, other: Operand) -> Value:
        if other.__class__ is not Value:
            other = _operand(other)
            if other is NotImplemented:
                return other  # type: ignore[no-any-return]
        x = self._data
        y = other._data
        node = _new(Value)
        try:
            node._data = scalar(x, y)
        except (ArithmeticError, ValueError):
            node._data = on_floats(x, y)
        context = current()
        node._scope = context.scope
        if (self._grad is not None or other._grad is not None) and context.recording:
            node._op = op
            node._a = self
            node._b = other
            node._x = x
            node._y = y
            node._grad = 0.0
        else:
            node._op = node._grad = None
        if context.watch is not None:
            context.watch(node, op, (self, other))
        return node

    return _named(operation, op)


def _reflected(op: Op) -> Callable[[Value, Operand], Value]:
    forward = _binary(op)

    def operation(self: Value, other: Operand) -> Value:
        other = _operand(other)
        return other if other is NotImplemented else forward(other, self)

    return _named(operation, op)


def _method(op: Op) -> Callable[..., Value]:
    def operation(self: Value, *others: Operand, **options: Operand) -> Value:
        return op(self, *others, **options)  # type: ignore[no-any-return]

    return _named(operation, op)


def _comparison(compare: Callable[[float, float], bool]) -> Callable[[Value, object], bool]:
    def comparison(self: Value, other: object) -> bool:
        if isinstance(other, Value):
            return compare(self._data, other._data)
        return compare(self._data, as_float(other)) if _is_number(other) else NotImplemented

    comparison.__doc__ = "Compare the numbers; the result is a bool."
    return comparison


def _maker(op: Op) -> Callable[..., Value]:
    """What makes nodes of an op of one or two arguments."""
    if op.maker is None:
        object.__setattr__(op, "maker", _unary(op) if op.arity == 1 else _binary(op))
    return op.maker  # type: ignore[return-value]


def _named(operation: F, op: Op) -> F:
    operation.__name__ = op.name
    operation.__doc__ = op.doc
    return operation


class Value:
    """A node of the computation graph: a float, and how it came about.

    Operators and functions make new nodes; ``backward()`` then gives every leaf it
    was computed from its gradient::

        >>> x, y = Value(2.0), Value(3.0)
        >>> z = x * y + x**2
        >>> z.backward()
        >>> z.data, x.grad, y.grad
        (10.0, 7.0, 2.0)

    Args:
        data: a real number: Python's or NumPy's, or a 0-d array. Kept as a float.
        label: a name for drawings and messages.
        requires_grad: False makes a constant, which costs no gradient work.

    Raises:
        TypeError: for anything that is not a real number.
    """

    # A node of one or two arguments keeps its parents in _a and _b and the numbers that they
    # held in _x and _y; a node of sequences keeps a tuple of them in _a and of numbers in _x,
    # and None in _b. The neurons of a layer share these tuples: then _b says which row is meant.
    # The recorded numbers make gradients right even when a leaf's data has been changed since.
    # _grad is None on a constant; _label and _extras are missing where there is nothing to keep.
    __slots__ = (
        "__weakref__", "_a", "_b", "_data", "_extras", "_grad", "_label", "_op", "_scope", "_x",
        "_y",
    )  # fmt: skip

    _a: Any
    _b: Any
    _data: float
    _extras: dict[str, Any]
    _grad: Any
    _label: str
    _op: Op | None
    _scope: Scope | None
    _x: Any
    _y: Any

    def __init__(self, data: Number, label: str = "", requires_grad: bool = True):
        self._data = as_float(data)
        self._grad = 0.0 if requires_grad else None
        self._op = None
        self._scope = current().scope
        if label != "":
            self.label = label

    # -- what a node tells of itself ---------------------------------------------------------

    @property
    def data(self) -> float:
        """The number. A leaf's can be set; graphs recorded before keep the one they used.

        Raises:
            TypeError: when set to something that is not a real number.
            GraphError: when set on the result of an operation.
        """
        return self._data

    @data.setter
    def data(self, data: Number) -> None:
        if self._op is not None:
            raise GraphError(
                f"cannot set .data of {self!r}: it is the result of {self._op.name!r}. "
                "Change the leaves and compute it again, or take a copy with .detach()."
            )
        self._data = as_float(data)
        leaf_changes[0] = object()

    @property
    def grad(self) -> float:
        """∂output/∂self: summed over all passes on a leaf, of the latest pass on other nodes.

        0.0 until something flows, and always on a constant. A float; after a pass with
        ``create_graph=True`` a Value, if it can be differentiated again.
        """
        grad = self._grad
        return 0.0 if grad is None or grad is FRESH else grad

    @grad.setter
    def grad(self, grad: Number | None) -> None:
        amount = 0.0 if grad is None else as_float(grad)
        if self._grad is not None:
            self._grad = amount
        elif amount != 0.0:
            raise GraphError(
                f"{self!r} is a constant, which has no gradient; set its requires_grad first."
            )

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this node; can be set on a leaf."""
        return self._grad is not None

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        if self._op is not None and not requires_grad:
            raise GraphError(
                f"cannot make {self!r} a constant: it is the result of {self._op.name!r}. "
                "Use .detach(), or compute it under no_grad()."
            )
        if requires_grad != self.requires_grad:
            self._grad = 0.0 if requires_grad else None
            leaf_changes[0] = object()

    @property
    def label(self) -> str:
        """The name in drawings and messages; any text, "" by default."""
        return getattr(self, "_label", "")

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a str, not {type(label).__name__} {label!r}.")
        self._label = label

    @property
    def scope(self) -> Scope | None:
        """The module call, or block under ``with scope``, that made this node; None outside."""
        return self._scope

    def tag(self, label: str, scope: Scope | None) -> None:
        """Set the label and the scope: for modules, which name what they make."""
        self._label = label
        self._scope = scope

    @property
    def op(self) -> Op | None:
        """The row of the op table that made this node, None for a leaf."""
        return self._op

    @property
    def parents(self) -> tuple[Value, ...]:
        """The arguments of the op, in order; x * x has the parents (x, x)."""
        op = self._op
        if op is None:
            return ()
        if op.every is not None:
            return tuple(chain.from_iterable(self.sequences(graph=True)))
        return (self._a,) if op.second is None else (self._a, self._b)

    @property
    def args(self) -> tuple[float, ...]:
        """The numbers that the parents held when this node was made."""
        op = self._op
        if op is None:
            return ()
        if op.every is not None:
            return tuple(chain.from_iterable(self.sequences()))
        return (self._x,) if op.second is None else (self._x, self._y)

    @property
    def partials(self) -> tuple[float, ...]:
        """The local partials ∂self/∂parent at the recorded numbers, one per parent, in order."""
        op = self._op
        if op is None:
            return ()
        return op.slopes(self._data, self.args if op.arity else self.sequences())

    def sequences(self, graph: bool = False) -> tuple[Any, ...]:
        """The arguments of an op of sequences: their numbers, or with ``graph`` the nodes."""
        groups = self._a if graph else self._x
        return groups if self._b is None else row_of(groups, self._b)

    @property
    def is_leaf(self) -> bool:
        """True for a node that no recorded operation made."""
        return self._op is None

    # -- gradients ---------------------------------------------------------------------------

    def backward(self, gradient: Number = 1.0, create_graph: bool = False) -> None:
        """Add ∂self/∂leaf × gradient to the ``grad`` of every leaf that self was computed from.

        Leaves accumulate over calls until ``zero_grad()``; the nodes between hold the
        gradient of the latest call.

        Args:
            gradient: the adjoint of self, a real number.
            create_graph: make the gradients Values, which can be differentiated again. Graph
                and gradients then refer to each other, and only the cycle collector frees
                them; ``autograd.grad`` gives higher derivatives without that.

        Raises:
            GraphError: if self is a constant, so that there is nothing to differentiate;
                with create_graph, also if a leaf's data was changed since.
        """
        if self._grad is None:
            raise GraphError(
                f"backward() on {self!r}, which is a constant: none of its arguments requires "
                "a gradient, or it was made under no_grad()."
            )
        backward(self, as_float(gradient), create_graph)

    def zero_grad(self) -> None:
        """Set ``grad`` to 0.0."""
        self.grad = 0.0

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(adjoint)`` in every backward pass, once the adjoint of self is complete.

        What it returns, a number or None for no change, takes the adjoint's place: for
        self's ``grad`` and for all that self was computed from. (With ``create_graph`` it
        gets and may return Values.) The handle returned ends that with ``.remove()``.

        Raises:
            GraphError: on a constant, which has no adjoint.
        """
        if self._grad is None:
            raise GraphError(f"{self!r} is a constant: no gradient will ever reach a hook on it.")

        def checked(adjoint: Any) -> Any:
            replaced = hook(adjoint)
            if replaced is None or (isinstance(replaced, Value) and isinstance(adjoint, Value)):
                return replaced
            try:
                return as_float(replaced.data if isinstance(replaced, Value) else replaced)
            except TypeError as problem:
                raise TypeError(
                    f"the hook {hook!r} must return a number or None: {problem}"
                ) from None

        return HookHandle(self, checked)

    @property
    def extras(self) -> dict[str, Any]:
        """What few nodes have: "hooks", and the "source" line under ``detect_anomaly``."""
        if not hasattr(self, "_extras"):
            self._extras = {}
        return self._extras

    def detach(self) -> Value:
        """A constant with this node's number and label, cut off from the graph."""
        node = constant(self._data)
        node.tag(self.label, self._scope)
        return node

    def item(self) -> float:
        """The number, as in PyTorch."""
        return self._data

    @classmethod
    def apply_op(cls, op: Op, args: Sequence[Any]) -> Any:
        """The node that op makes of these arguments; an array of nodes if one is an array."""
        if op.arity == 1 == len(args):
            return _maker(op)(args[0])
        if op.arity is None:
            parents, numbers = zip(*map(_values, args), strict=True)
            return record(op, parents, numbers)
        if any(isinstance(arg, np.ndarray | list | tuple) and np.ndim(arg) for arg in args):
            return op.on_arrays(*args)
        if op.arity != len(args):
            raise TypeError(f"{op.name}() takes {op.arity} arguments, but got {len(args)}.")
        try:
            values, numbers = _values(args)
        except TypeError as problem:
            raise TypeError(f"{op.name}(): {problem}") from None
        if op.every is not None:
            return record(op, (values,), (numbers,))
        return _maker(op)(*values)

    # -- copies ------------------------------------------------------------------------------

    def __copy__(self) -> Value:
        return copying.shallow(self, _new(type(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _new, (type(self),), copying.state(self)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        copying.restore(self, state)

    # -- operators and functions: a row of the table each ------------------------------------

    __add__, __radd__ = _binary(ops.add), _reflected(ops.add)
    __sub__, __rsub__ = _binary(ops.subtract), _reflected(ops.subtract)
    __mul__, __rmul__ = _binary(ops.multiply), _reflected(ops.multiply)
    __truediv__, __rtruediv__ = _binary(ops.divide), _reflected(ops.divide)
    __floordiv__, __rfloordiv__ = _binary(ops.floor_divide), _reflected(ops.floor_divide)
    __mod__, __rmod__ = _binary(ops.remainder), _reflected(ops.remainder)
    __pow__, __rpow__ = _binary(ops.power), _reflected(ops.power)
    __neg__, __pos__, __abs__ = _unary(ops.negative), _unary(ops.positive), _unary(ops.absolute)

    absolute = __abs__
    arccos = _unary(ops.arccos)
    arccosh = _unary(ops.arccosh)
    arcsin = _unary(ops.arcsin)
    arcsinh = _unary(ops.arcsinh)
    arctan = _unary(ops.arctan)
    arctan2 = _method(ops.arctan2)
    arctanh = _unary(ops.arctanh)
    cbrt = _unary(ops.cbrt)
    ceil = _unary(ops.ceil)
    cos = _unary(ops.cos)
    cosh = _unary(ops.cosh)
    elu = _method(ops.elu)
    erf = _unary(ops.erf)
    exp = _unary(ops.exp)
    expm1 = _unary(ops.expm1)
    floor = _unary(ops.floor)
    gelu = _unary(ops.gelu)
    hypot = _method(ops.hypot)
    leaky_relu = _method(ops.leaky_relu)
    log = _unary(ops.log)
    log10 = _unary(ops.log10)
    log1p = _unary(ops.log1p)
    log2 = _unary(ops.log2)
    log_sigmoid = _unary(ops.log_sigmoid)
    logaddexp = _method(ops.logaddexp)
    maximum = _method(ops.maximum)
    minimum = _method(ops.minimum)
    power = _method(ops.power)
    reciprocal = _unary(ops.reciprocal)
    relu = _unary(ops.relu)
    sigmoid = _unary(ops.sigmoid)
    sign = _unary(ops.sign)
    silu = _unary(ops.silu)
    sin = _unary(ops.sin)
    sinh = _unary(ops.sinh)
    softplus = _unary(ops.softplus)
    sqrt = _unary(ops.sqrt)
    square = _unary(ops.square)
    tan = _unary(ops.tan)
    tanh = _unary(ops.tanh)

    def clip(self, low: Operand, high: Operand, out: None = None) -> Value:
        """x, but at least low and at most high; None is no bound, as in ``np.clip``."""
        return ops.clip(  # type: ignore[no-any-return]
            self, -math.inf if low is None else low, math.inf if high is None else high
        )

    def where(self, condition: Any, other: Operand) -> Value:
        """Self where the condition is not 0, else the other, as in PyTorch."""
        return ops.where(condition, self, other)  # type: ignore[no-any-return]

    def __divmod__(self, other: Operand) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Operand) -> tuple[Value, Value]:
        return other // self, other % self

    # -- the number, for Python --------------------------------------------------------------

    __eq__ = _comparison(operator.eq)
    __ne__ = _comparison(operator.ne)
    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)
    __hash__ = object.__hash__  # nodes are told apart by identity, though == compares numbers

    def __bool__(self) -> bool:
        return self._data != 0.0

    def __float__(self) -> float:
        if reading_graph.get():
            raise TypeError(
                "a partial turned a Value into a float, so it cannot be differentiated again. "
                "Write it with operators and autograd's functions instead of those of math."
            )
        return self._data

    def __int__(self) -> int:
        return int(self._data)

    def __round__(self, digits: int | None = None) -> float:
        return round(self._data, digits)

    def __floor__(self) -> int:
        return math.floor(self._data)

    def __ceil__(self) -> int:
        return math.ceil(self._data)

    def __trunc__(self) -> int:
        return math.trunc(self._data)

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        fixed = "" if self.requires_grad else ", requires_grad=False"
        return f"Value(data={self._data!r}, grad={float(self.grad)!r}{label}{fixed})"

    # -- NumPy -------------------------------------------------------------------------------

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        """NumPy's functions on Values, and on arrays and Values together, by the op table."""
        op = _BY_UFUNC.get(ufunc)
        if method != "__call__" or kwargs or (op is None and ufunc not in _ON_NUMBERS):
            raise TypeError(
                f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method} has no "
                "derivative in the op table. Use another function, or .data for the number."
            )
        if op is None:
            result = ufunc(*(np.asarray(each).astype(float) for each in inputs))
        else:
            result = op.on_arrays(*inputs)
        if out is None:
            return result
        if out[0].dtype != object:
            raise TypeError(
                f"an array of {out[0].dtype} cannot hold Values. Write a = a + v instead of "
                "a += v, or begin with a.astype(object)."
            )
        out[0][...] = result
        return out[0]


# NumPy's comparisons and tests read the numbers and give bools, as the operators do.
_ON_NUMBERS = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.isfinite, np.isinf, np.isnan, np.signbit,
}  # fmt: skip
_BY_UFUNC = {
    op.array: op
    for op in TABLE.values()
    if isinstance(op.array, np.ufunc) and op.array not in _ON_NUMBERS
}
