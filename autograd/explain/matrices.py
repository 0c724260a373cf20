"""The same equations for whole layers: what holds for every neuron, said once, with matrices.

Nothing is known here about layers. If the equations of z₁, z₂, … are one equation with a running
index j, then it is one for vectors: what has the index j becomes a vector, products of such become
⊙, and Σₖ wₖⱼ δₖ is entry j of Wᵀ δ. An equation with two indices, δⱼ aᵢ, is an outer product δ aᵀ.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.explain.equations import Equation, Equations, computed
from autograd.explain.formula import (
    Coordinate,
    Formula,
    Name,
    Number,
    Product,
    Sigma,
    Softmax,
    Style,
    Sum,
    replaced,
    subscript,
    times,
    total,
    unified,
)
from autograd.value import Value

Array = np.ndarray


class NoMatrices(Exception):
    """The formulas at hand are no formula of vectors and matrices."""


@dataclass(frozen=True)
class MatrixEquation:
    """One equation of arrays: δ⁽¹⁾ = (W⁽²⁾ᵀ δ⁽²⁾) ⊙ σ'(z⁽¹⁾).

    Attributes:
        left: the name.
        right: the formula.
        arrays: its values, one per call of the layer that it holds for.
        calls: the numbers of these calls, if there are several.
    """

    left: Formula
    right: Formula
    arrays: tuple[Array, ...]
    calls: tuple[int, ...] = ()

    def text(self) -> str:
        """The equation on one line."""
        return self._line(Style(), " = ")

    def latex(self) -> str:
        """The equation as a line of an ``aligned`` block."""
        return self._line(Style(latex=True), " &= ")

    def _line(self, style: Style, sign: str) -> str:
        return self.left.show(style) + sign + self.right.show(style)


class Combined(Formula):
    """Arrays in a matrix product or an elementwise one, with a number before them."""

    opaque = False
    binds = 2

    def __init__(self, kind: str, parts: Sequence[Formula], transposed: int | None = None):
        self.kind, self.transposed = kind, transposed
        self.parts = tuple(parts)
        self.head = ("combined", kind, transposed, len(self.parts))

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The same of other arrays."""
        return Combined(self.kind, parts, self.transposed)

    def _show(self, style: Style) -> str:
        level = 3 if self.kind == "⊙" else 4
        texts = [part.show(style, 3 if isinstance(part, Name) else level) for part in self.parts]
        if self.transposed is not None:
            place = self.transposed
            if style.latex and "^" in texts[place]:
                texts[place] = f"{{{texts[place]}}}"
            texts[place] += r"^{\top}" if style.latex else "ᵀ"
        sign = " " if self.kind == "@" else r" \odot " if style.latex else " ⊙ "
        return sign.join(texts)


class OneHot(Formula):
    """1 for the class that is right, else 0."""

    def __init__(self, index: Coordinate, call: Coordinate, value: float):
        self.coordinates = (index, call)
        self.head = ("onehot",)
        self.value = value

    def rebuilt(self, coordinates: tuple[Coordinate, ...], parts: Any) -> Formula:
        """Another entry, of no particular value."""
        index, call = coordinates
        return OneHot(index, call, math.nan)

    def _show(self, style: Style) -> str:
        index, call = self.coordinates
        y = "y" if call is None else f"y[{call}]"
        if style.latex:
            entry = "" if index is None else f"_{{{index}}}"
            return rf"\mathrm{{onehot}}\left({y}\right){entry}"
        return f"onehot({y}){subscript(index)}"


@dataclass(frozen=True)
class _Tensor:
    """A formula of arrays, and what it amounts to."""

    formula: Formula
    array: Any


class Vectoriser:
    """Makes formulas of arrays of formulas with running indices, by the values of all names."""

    def __init__(self, formulas: Sequence[Formula]):
        self._values: dict[Any, float] = {}
        for each in formulas:
            self._learn(each)

    def _learn(self, each: Formula) -> None:
        for part in each:
            self._values.setdefault(part.key, part.value)
            if isinstance(part, Sigma):
                for term in part.terms:
                    self._learn(term)

    def vector(self, template: Formula, letter: str, count: int) -> _Tensor:
        """The vector whose entries are the template for letter = 1 … count.

        Raises:
            NoMatrices: if the template has no such form.
        """
        numbers = range(1, count + 1)
        if not _has(template, letter):
            return _Tensor(template, self._at(template))
        if isinstance(template, Product):
            return self._product(template, letter, count)
        if isinstance(template, Sum):
            parts = [self.vector(part, letter, count) for part in template.parts]
            return _Tensor(Sum([part.formula for part in parts]), sum(part.array for part in parts))
        if isinstance(template, Sigma):
            return self._sigma(template, letter, count)
        array = np.array([self._at(replaced(template, letter, number)) for number in numbers])
        return _Tensor(self._elementwise(template, letter, count), array)

    def _elementwise(self, template: Formula, letter: str, count: int) -> Formula:
        """The formula of entry ``letter`` as one of the whole vector."""
        if isinstance(template, Name):
            if template.indices != (letter,):
                raise NoMatrices(template)
            return template.upper()
        coordinates = template.coordinates
        if isinstance(template, Softmax | OneHot) and coordinates[0] == letter:
            if any(_has(part, letter) for part in template.parts):
                raise NoMatrices(template)
            return template.rebuilt((None, *coordinates[1:]), template.parts)
        if letter in coordinates:
            raise NoMatrices(template)
        parts = [self.vector(part, letter, count).formula for part in template.parts]
        return template.rebuilt(coordinates, tuple(parts))

    def _product(self, product: Product, letter: str, count: int) -> _Tensor:
        scalars = [part for part in product.parts if not _has(part, letter)]
        vectors = [self.vector(part, letter, count) for part in product.parts if _has(part, letter)]
        scale = times([Number(product.coefficient), *scalars])
        array = math.prod(map(self._at, scalars)) * product.coefficient
        for vector in vectors:
            array = array * vector.array
        whole = vectors[0].formula
        if len(vectors) > 1:
            whole = Combined("⊙", [vector.formula for vector in vectors])
        return _Tensor(times([scale, whole]), array)

    def _sigma(self, sigma: Sigma, letter: str, count: int) -> _Tensor:
        """A sum over calls of vectors, or a matrix times a vector."""
        k, body, n = sigma.letter, sigma.body, len(sigma.terms)
        if k == "n":
            return self._calls(sigma, lambda each: self.vector(each, letter, count))
        factors = body.parts if isinstance(body, Product) else (body,)
        scale = body.coefficient if isinstance(body, Product) else 1.0
        matrices = [part for part in factors if _has(part, letter) and _has(part, k)]
        rest = [part for part in factors if part not in _these(matrices)]
        matrix = matrices[0] if len(matrices) == 1 else None
        if not isinstance(matrix, Name) or set(matrix.indices) != {letter, k} or not rest:
            raise NoMatrices(sigma)
        if any(_has(part, letter) for part in rest):
            raise NoMatrices(sigma)
        vector = self.vector(times([Number(scale), *rest]), k, n)
        transposed = matrix.indices == (k, letter)
        entries = np.array(
            [
                [
                    self._at(replaced(replaced(matrix, letter, j), k, each))
                    for each in range(1, n + 1)
                ]
                for j in range(1, count + 1)
            ]
        )
        whole = Combined("@", [matrix.upper(), vector.formula], 0 if transposed else None)
        return _Tensor(whole, entries @ vector.array)

    def matrix(self, template: Formula, row: str, column: str, shape: tuple[int, int]) -> _Tensor:
        """The matrix whose entries are the template for both letters: an outer product, or a sum.

        Raises:
            NoMatrices: if the template has no such form.
        """
        if isinstance(template, Name) and set(template.indices) == {row, column}:
            entries = [
                [
                    self._at(replaced(replaced(template, row, j), column, i))
                    for i in range(1, shape[1] + 1)
                ]
                for j in range(1, shape[0] + 1)
            ]
            return _Tensor(template.upper(), np.array(entries))
        if isinstance(template, Sum):
            parts = [self.matrix(part, row, column, shape) for part in template.parts]
            return _Tensor(Sum([part.formula for part in parts]), sum(part.array for part in parts))
        if isinstance(template, Sigma) and template.letter == "n":
            return self._calls(template, lambda each: self.matrix(each, row, column, shape))
        if isinstance(template, Product):
            return self._outer(template, row, column, shape)
        raise NoMatrices(template)

    def _calls(self, sigma: Sigma, of: Callable[[Formula], _Tensor]) -> _Tensor:
        """The sum over calls of what ``of`` makes of each."""
        numbers = list(range(1, len(sigma.terms) + 1))
        each = [of(replaced(sigma.body, "n", number)) for number in numbers]
        body = unified([term.formula for term in each], numbers, "n")
        if body is None:
            raise NoMatrices(sigma)
        whole = Sigma("n", body, [term.formula for term in each])
        return _Tensor(whole, sum(term.array for term in each))

    def _outer(self, product: Product, row: str, column: str, shape: tuple[int, int]) -> _Tensor:
        both = [part for part in product.parts if _has(part, row) and _has(part, column)]
        rows = [part for part in product.parts if _has(part, row) and part not in _these(both)]
        columns = [
            part for part in product.parts if _has(part, column) and part not in _these(both)
        ]
        rest = [p for p in product.parts if p not in _these([*both, *rows, *columns])]
        scale = [Number(product.coefficient), *rest]
        number = product.coefficient * math.prod(map(self._at, rest))
        if both and not rows and not columns and len(both) == 1:
            inner = self.matrix(both[0], row, column, shape)
            return _Tensor(times([*scale, inner.formula]), number * inner.array)
        if both or not rows or not columns:
            raise NoMatrices(product)
        u, v = (
            self.vector(times(rows), row, shape[0]),
            self.vector(times(columns), column, shape[1]),
        )
        whole = times([*scale, Combined("@", [u.formula, v.formula], 1)])
        return _Tensor(whole, number * np.outer(u.array, v.array))

    def _at(self, each: Formula) -> float:
        """The value of a formula in which no index runs."""
        if each.key in self._values:
            return self._values[each.key]
        if isinstance(each, Product):
            return each.coefficient * math.prod(map(self._at, each.parts))
        if isinstance(each, Sum):
            return sum(map(self._at, each.parts))
        if isinstance(each, Sigma):
            numbers = range(1, len(each.terms) + 1)
            return sum(self._at(replaced(each.body, each.letter, n)) for n in numbers)
        if not math.isnan(each.value):
            return each.value
        raise NoMatrices(each)


class _these:
    """Membership by identity: == makes a comparison of formulas."""

    def __init__(self, formulas: Sequence[Formula]):
        self._ids = set(map(id, formulas))

    def __contains__(self, each: object) -> bool:
        return id(each) in self._ids


def _has(each: Formula, letter: str) -> bool:
    return any(letter in part.coordinates for part in each)


def split(each: Formula) -> tuple[Formula, float]:
    """The formula without the constant added to it, and that."""
    if isinstance(each, Sum):
        numbers = [part.value for part in each.parts if isinstance(part, Number)]
        rest = [part for part in each.parts if not isinstance(part, Number)]
        return total(rest), math.fsum(numbers)
    return each, 0.0


def with_constants(formulas: Sequence[Formula], call: Coordinate) -> list[Formula]:
    """The same formulas, if a constant in one of them alone is named: -1 as - onehot(y).

    Raises:
        NoMatrices: if the constants are of no such kind.
    """
    pairs = [split(each) for each in formulas]
    constants = [constant for _, constant in pairs]
    if len(set(constants)) == 1:
        return list(formulas)
    others = [constant for constant in constants if constant != 0.0]
    if len(others) != 1:
        raise NoMatrices(formulas)
    (size,) = others
    return [
        total([rest, times([Number(size), OneHot(j, call, float(constant != 0.0))])])
        for j, (rest, constant) in enumerate(pairs, 1)
    ]


# -- layers ----------------------------------------------------------------------------------


class MatrixForm:
    """The equations of the layers of a network, in matrices.

    Raises:
        NoMatrices: by all methods, if the equations of a layer are not all of one form.
    """

    def __init__(self, equations: Equations):
        self._equations = equations
        self._names = equations.names

    def forward(self, layer: int) -> list[MatrixEquation]:
        """z of the layer, and its a, if the network has one."""
        names, calls = self._names, self._names.layers[layer]
        z = self._vectors(layer, [[(names[z], computed(z, names)) for z in call] for call in calls])
        found = [z]
        activations = [[self._activation(z) for z in call] for call in calls]
        if all(None not in call for call in activations):
            pairs = [
                [(names[a], computed(a, names)) for a in call if a is not None]
                for call in activations
            ]
            found.append(self._vectors(layer, pairs))
        return found

    def parameters(self, layer: int) -> set[Value]:
        """The weights and biases of the layer that gradients flow to."""
        weights, biases = self._weights(layer), self._biases(layer)
        nodes = {node for row in weights for node in row} | set(biases)
        return {node for node in nodes if node in self._equations.ledger}

    def backward(
        self, layer: int, wanted: Collection[Value]
    ) -> list[tuple[Callable[[int], MatrixEquation], list[Value]]]:
        """What gives δ of the layer, ∂L/∂W and ∂L/∂b, each with the nodes that it is about.

        The latter two only if a weight, or a bias, is wanted.
        """
        weights = [node for row in self._weights(layer) for node in row]
        biases = self._biases(layer)
        found: list[tuple[Callable[[int], MatrixEquation], list[Value]]]
        found = [(self.delta, [z for call in self._names.layers[layer] for z in call])]
        if any(node in wanted for node in weights):
            found.append((self.weight, weights))
        if any(node in wanted for node in biases):
            found.append((self.bias, biases))
        return found

    def _weights(self, layer: int) -> list[list[Value]]:
        return [z.sequences(graph=True)[0] for z in self._names.layers[layer][0]]

    def _biases(self, layer: int) -> list[Value]:
        return [b for z in self._names.layers[layer][0] for b in z.sequences(graph=True)[2]]

    def _activation(self, z: Value) -> Value | None:
        return next(
            (
                term.use
                for term in self._equations.ledger.terms(z)
                if self._names.is_activation(term.use)
            ),
            None,
        )

    def delta(self, layer: int) -> MatrixEquation:
        """δ = ∂L/∂z of the layer."""
        return self._vectors(
            layer,
            [[self._sides(self._equations[z]) for z in call] for call in self._names.layers[layer]],
        )

    def weight(self, layer: int) -> MatrixEquation:
        """∂L/∂W of the layer."""
        rows = self._weights(layer)
        self._check(node for row in rows for node in row)
        grid = [[self._sides(self._equations[w]) for w in row] for row in rows]
        formulas = [[self._explicit(right) for _, right in row] for row in grid]
        before = self._shown(layer - 1) if layer > 1 else None
        templates = [
            _one(row, "i", lambda name: 1 if name.kind == "weight" else _first(name, before, "δ"))
            for row in formulas
        ]
        template = _one(
            templates, "j", lambda name: 0 if name.kind == "weight" or name.stem == "δ" else None
        )
        maker = Vectoriser([each for row in formulas for each in row])
        right = maker.matrix(template, "j", "i", (len(grid), len(grid[0])))
        return MatrixEquation(grid[0][0][0].upper(), right.formula, (right.array,))

    def bias(self, layer: int) -> MatrixEquation:
        """∂L/∂b of the layer."""
        biases = self._biases(layer)
        self._check(biases)
        return self._vectors(layer, [[self._sides(self._equations[b]) for b in biases]])

    def _check(self, nodes: Iterable[Value]) -> None:
        if not all(node.is_leaf and node in self._equations.ledger for node in nodes):
            raise NoMatrices("some of the parameters are constants, or computed")

    def _sides(self, equation: Equation) -> tuple[Name, Formula]:
        assert isinstance(equation.left, Name)
        return equation.left, equation.right

    def _vectors(self, layer: int, calls: list[list[tuple[Name, Formula]]]) -> MatrixEquation:
        """The equation that the entries make up, in every call."""
        if not calls[0][0][0].indices:
            raise NoMatrices(calls[0][0][0])  # a neuron on its own
        tensors = []
        for pairs in calls:
            call = pairs[0][0].coordinates[-1]
            formulas = with_constants([self._explicit(right) for _, right in pairs], call)
            template = _one(formulas, "j", functools.partial(_of_neuron, layer=self._shown(layer)))
            tensors.append(Vectoriser(formulas).vector(template, "j", len(pairs)))
        numbers = list(range(1, len(calls) + 1))
        left, right = calls[0][0][0].upper(), tensors[0].formula
        if len(calls) > 1:
            whole = unified([tensor.formula for tensor in tensors], numbers, "n")
            if whole is None:
                raise NoMatrices(right)
            left, right = left.rebuilt(("n",), ()), whole
        arrays = tuple(tensor.array for tensor in tensors)
        return MatrixEquation(left, right, arrays, tuple(numbers) if len(calls) > 1 else ())

    def _shown(self, layer: int) -> int | None:
        return layer if len(self._names.layers) > 1 else None

    def _explicit(self, each: Formula) -> Formula:
        """The same with Σ also over the one neuron of a layer, or its one input."""
        parts = tuple(self._explicit(part) for part in each.parts)
        if isinstance(each, Product):
            for weight in parts:
                if (
                    not isinstance(weight, Name)
                    or weight.kind != "weight"
                    or len(weight.indices) != 2
                ):
                    continue
                for other in parts:
                    place = self._summed(weight, other)
                    if place is None:
                        continue
                    rest = [part for part in parts if part is not weight and part is not other]
                    coordinates = list(weight.coordinates)
                    coordinates[place] = "k"
                    body = times(
                        [
                            weight.rebuilt(tuple(coordinates), ()),
                            other.rebuilt(("k", *other.coordinates[1:]), ()),
                        ]
                    )
                    sigma = Sigma("k", body, [times([weight, other])])
                    return times([Number(each.coefficient), sigma, *rest])
        if isinstance(each, Sigma):
            return each
        if not parts:
            return each
        rebuilt = each.rebuilt(each.coordinates, parts)
        rebuilt.value = each.value
        return rebuilt

    def _summed(self, weight: Name, other: Formula) -> int | None:
        """The index of the weight that a sum over one term runs over, if it is with the other."""
        if not isinstance(other, Name) or other.indices != (1,):
            return None
        n_out = len(self._names.layers[weight.layer or 1][0])
        n_in = len(self._names.layers[weight.layer or 1][0][0].sequences()[1])
        if other.stem == "δ":
            return 0 if n_out == 1 and other.layer == weight.layer else None
        before = None if weight.layer in (None, 1) else weight.layer - 1
        return 1 if n_in == 1 and other.layer == before and weight.indices[1] == 1 else None


def _one(formulas: Sequence[Formula], letter: str, place: Callable[[Name], int | None]) -> Formula:
    """The one formula of all entries; of a single one, ``place`` tells which index is its own."""
    if len(formulas) == 1:
        return _lettered(formulas[0], letter, place)
    template = unified(formulas, list(range(1, len(formulas) + 1)), letter)
    if template is None:
        raise NoMatrices(formulas)
    return template


def _lettered(each: Formula, letter: str, place: Callable[[Name], int | None]) -> Formula:
    """The formula of the only neuron, or only input, with a letter for its 1."""
    coordinates = each.coordinates
    if isinstance(each, Name) and each.indices:
        index = place(each)
        if index is not None and coordinates[index] == 1:
            coordinates = (*coordinates[:index], letter, *coordinates[index + 1 :])
    elif isinstance(each, Softmax | OneHot):
        coordinates = (letter, *coordinates[1:])
    parts = tuple(_lettered(part, letter, place) for part in each.parts)
    return each.rebuilt(coordinates, parts) if coordinates or parts else each


def _of_neuron(name: Name, layer: int | None) -> int | None:
    """Which index of the name is that of a neuron of the layer."""
    if name.kind == "weight":
        return 0 if name.layer == layer else 1
    return _first(name, layer)


def _first(name: Name, layer: int | None, but: str = "") -> int | None:
    return 0 if name.stem != but and name.layer in (layer, None) else None
