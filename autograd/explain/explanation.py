"""`explain`: a gradient as its terms, its paths and its formula."""

from __future__ import annotations

import contextlib
import functools
import html
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd.draw import Drawing, drawing
from autograd.errors import GraphError
from autograd.explain.diagnosis import Finding, findings, judged
from autograd.explain.equations import Equation, Equations, computed
from autograd.explain.groups import Group, grouped
from autograd.explain.ledger import Ledger, Term
from autograd.explain.matrices import MatrixEquation, MatrixForm, NoMatrices
from autograd.explain.names import Names
from autograd.explain.part import PartTape
from autograd.explain.paths import Path, count_paths, largest_paths
from autograd.value import Value

_MOST_PATHS = 1_000_000
_MOST_EQUATIONS = 12  # forms that are shown; ``equations`` has them all


def explain(loss: Value, wrt: Any) -> Explanation | NetworkExplanation:
    """Why ∂loss/∂wrt is what it is, by the graph of the loss.

    Of a single node: the terms that its gradient is the sum of, the paths that these stand
    for, and its formula, with names and with numbers. Of a module, or of an array or list of
    Values, such as ``layer.weight``: the formulas of all of them, in matrices where they are of one
    form for a whole layer. ``print`` it, or let a notebook show it.

    The gradient is that of ``loss.backward()`` on fresh leaves; nothing in the graph is changed,
    no ``grad`` is needed or touched, and hooks are not called.

    Args:
        loss: the end of the graph.
        wrt: a Value that the loss was computed from; or a module, array or list of such.

    Raises:
        TypeError: if the loss or wrt is none of these.
        GraphError: if the loss is a constant, or does not depend on wrt.
    """
    ledger = Ledger(loss)
    if isinstance(wrt, Value):
        _check(ledger, [wrt])
        return Explanation(ledger, wrt)
    nodes = _values(wrt)
    _check(ledger, nodes)
    return NetworkExplanation(ledger, nodes)


def _values(wrt: Any) -> list[Value]:
    """The Values in a module, array or list."""
    if callable(getattr(wrt, "parameters", None)):
        nodes = list(wrt.parameters())
    elif isinstance(wrt, np.ndarray | list | tuple):
        nodes = list(np.asarray(wrt, dtype=object).ravel())
    else:
        nodes = [wrt]
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(
                "explain() takes wrt= a Value, a module, or an array or list of Values, "
                f"but got {type(node).__name__} {node!r}."
            )
    if not nodes:
        raise TypeError(f"explain() found no Values in {wrt!r}.")
    return nodes


def _check(ledger: Ledger, nodes: Iterable[Value]) -> None:
    for node in nodes:
        if node not in ledger:
            why = (
                "the loss was not computed from it"
                if node.requires_grad
                else "it is a constant, through which no gradient flows"
            )
            raise GraphError(f"there is no gradient of {ledger.root!r} by {node!r}: {why}.")


class Explanation:
    """The gradient of a loss by one node.

    Attributes:
        loss: the end of the graph.
        node: the node that the gradient is by.
    """

    def __init__(self, ledger: Ledger, node: Value):
        self._ledger = ledger
        self.loss = ledger.root
        self.node = node

    @functools.cached_property
    def _equations(self) -> Equations:
        return Equations(self._ledger)

    @property
    def _names(self) -> Names:
        return self._equations.names

    def equation(self, node: Value) -> Equation:
        """The equation of ∂loss/∂node, of any node that has one.

        Raises:
            GraphError: if the loss does not depend on it.
        """
        _check(self._ledger, [node])
        return self._equations[node]

    def computation(self, node: Value) -> Equation:
        """The equation that any node between was computed by: z = Σ w x + b.

        Raises:
            GraphError: if it is a leaf, or no node of this graph.
        """
        if node.is_leaf or node not in self._ledger:
            raise GraphError(f"{node!r} is not computed in the graph of {self.loss!r}.")
        right = computed(node, self._names)
        return Equation(node, self._names.formula(node, node.data), right)

    @property
    def gradient(self) -> float:
        """∂loss/∂node, as ``backward`` finds it."""
        return self._ledger.adjoint[self.node]

    @property
    def terms(self) -> list[Term]:
        """The terms of the gradient, one per use of the node, in the order of their addition.

        Their products sum in that order to the gradient, to the last bit. The loss itself has
        no terms: its gradient is 1.
        """
        return self._ledger.terms(self.node)

    @functools.cached_property
    def n_paths(self) -> int:
        """The exact number of paths from the node to the loss, counted without listing them."""
        return count_paths(self._ledger)[self.node]

    def paths(self, limit: int | None = 10) -> list[Path]:
        """The paths with the largest products, at most ``limit``, the largest first.

        The products of all paths sum to the gradient, up to rounding; with the limit None all
        come.

        Raises:
            ValueError: for a limit below 1; for None, if there are more than a million paths.
        """
        if limit is None and self.n_paths > _MOST_PATHS:
            raise ValueError(f"there are {_count(self.n_paths)} paths; give paths() a limit.")
        if limit is not None and limit < 1:
            raise ValueError(f"paths() takes a limit of at least 1, but got {limit!r}.")
        return list(itertools.islice(largest_paths(self._ledger, self.node), limit))

    @functools.cached_property
    def equations(self) -> list[Equation]:
        """That of the gradient, and those of all adjoints that are named in one, up to the loss."""
        return self._equations.chain([self.node])

    @functools.cached_property
    def findings(self) -> list[Finding]:
        """Where the gradient dies, fades, explodes, cancels or becomes nan; often empty."""
        largest = next(largest_paths(self._ledger, self.node), None)
        return findings(self._ledger, self.node, self._equations, largest)

    def text(self, digits: int = 4, limit: int = 5) -> str:
        """The explanation as plain text.

        Args:
            digits: how many significant ones numbers are shown with.
            limit: how many terms and paths are shown, and equations with numbers of each kind.
        """
        groups = grouped(self.equations)
        blocks = [group.text(digits, limit) for group in groups[:_MOST_EQUATIONS]]
        if len(groups) > len(blocks):
            blocks.append(f"and {len(groups) - len(blocks)} more equations, up to the loss")
        said = [each for group in groups[:_MOST_EQUATIONS] for each in group.members]
        definitions = self._equations.definitions(said)
        if definitions:
            blocks.append(_where(definitions))
        blocks.append("\n".join(self._term_lines(digits, limit)))
        blocks.append("\n".join(self._path_lines(digits, limit)))
        on_paths = ("fades", "explodes")  # these stand with their paths already
        blocks += [str(finding) for finding in self.findings if finding.kind not in on_paths]
        return "\n\n".join(block for block in blocks if block)

    __str__ = text

    def _term_lines(self, digits: int, limit: int) -> Iterator[str]:
        name, terms = self._names.text(self.node), self.terms
        if not terms:
            yield f"{name} is the end of the graph: its gradient is 1."
            return
        used = "once" if len(terms) == 1 else f"{len(terms)} times"
        yield f"{name} is used {used}; adjoint × partial at each use:"
        for term in terms[:limit]:
            yield (
                f"  {self._equations.spelled(term.use)}: {term.adjoint:.{digits}g} × "
                f"{term.partial:.{digits}g} = {term.product:.{digits}g}"
            )
        if len(terms) > limit:
            rest = sum(term.product for term in terms[limit:])
            yield f"  {len(terms) - limit} more: {rest:.{digits}g}"
        if len(terms) > 1:
            yield f"  together: {self.gradient:.{digits}g}"

    def _path_lines(self, digits: int, limit: int) -> Iterator[str]:
        if not self.terms:
            return
        paths = self.paths(limit)
        count = _count(self.n_paths)
        plural = "path leads" if self.n_paths == 1 else "paths lead"
        largest = "" if self.n_paths == 1 else ", the largest first"
        yield f"{count} {plural} from {self._names.text(self.node)} to {self._names.loss}{largest}:"
        for path in paths:
            nodes = _elided([self._equations.spelled(node) for node in path.nodes], " → ")
            factors = [f"{each:.{digits}g}" for each in path.factors]
            yield f"  {nodes}"
            yield f"    {_elided(factors, ' × ')} = {path.product:.{digits}g}"
            finding = judged(path, self._equations)
            if finding is not None:
                yield f"    {finding}"
        if self.n_paths > len(paths):
            rest = self.gradient - sum(path.product for path in paths)
            yield f"  all others together: {rest:.{digits}g}"

    def latex(self, digits: int = 4, limit: int = 5) -> str:
        """The formulas in LaTeX, with names and numbers, as one ``aligned`` block without $."""
        groups = grouped(self.equations)[:_MOST_EQUATIONS]
        return _aligned([group.latex(digits, limit) for group in groups])

    def draw(self, **options: Any) -> Drawing:
        """A drawing of the nodes between this one and the loss, and of no others.

        The gradients in it are those of the explanation, whatever stands in ``grad``, and the path
        with the largest product is marked.

        Args:
            options: ``max_nodes``, ``open``, ``fold`` and ``engine``, as ``draw`` has them.
        """
        tape = PartTape(self._ledger, self.node)
        largest = next(largest_paths(self._ledger, self.node), None)
        number = {node: i for i, node in enumerate(tape.nodes)}
        path = [] if largest is None else [number[node] for node in largest.nodes]
        return drawing(tape, path, **options)

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def _repr_html_(self) -> str:
        return _page(self.text())

    def __repr__(self) -> str:
        name = f"∂{self._names.loss}/∂{self._names.text(self.node)}"
        return f"<explanation of {name} = {self.gradient:.6g}, {_count(self.n_paths)} paths>"


class NetworkExplanation:
    """The gradients of a loss by the parameters of a layer or a network.

    What holds for every neuron of a layer is said once, in matrices. Where the equations of a
    layer are not of one form, they stand one by one.

    Attributes:
        loss: the end of the graph.
        nodes: the Values that the gradients are by.
        forward: the equations of z and a of every layer from the first one asked for on.
        backward: the equations of δ of every layer from the last one down, and of the gradients.
    """

    def __init__(self, ledger: Ledger, nodes: Sequence[Value]):
        self._equations = Equations(ledger)
        self.loss = ledger.root
        self.nodes = list(nodes)
        self.forward: list[MatrixEquation] = []
        self.backward: list[MatrixEquation | Group] = []
        form = MatrixForm(self._equations)
        wanted = dict.fromkeys(nodes)
        parameters = {layer: form.parameters(layer) for layer in self._equations.names.layers}
        first = min(
            (layer for layer, own in parameters.items() if own & wanted.keys()), default=None
        )
        for layer, own in parameters.items():
            if first is None or layer < first:
                continue
            with contextlib.suppress(NoMatrices):
                self.forward += form.forward(layer)
            rows: list[MatrixEquation | Group] = []
            for make, about in form.backward(layer, wanted):
                try:
                    rows.append(make(layer))
                except NoMatrices:
                    known = [node for node in about if node in ledger]
                    rows += grouped([self._equations[node] for node in known])
            self.backward[:0] = rows
            for node in own:
                wanted.pop(node, None)
        if wanted:
            self.backward += grouped(self._equations.chain(wanted))

    def text(self, digits: int = 4, limit: int = 5) -> str:
        """The equations as plain text: forward, then backward."""
        lines = [each.text() for each in self.forward]
        blocks = ["forward", *lines, "", "backward"] if lines else []
        for each in self.backward:
            blocks.append(
                each.text() if isinstance(each, MatrixEquation) else each.text(digits, limit)
            )
        definitions = self._equations.definitions(
            member for each in self.backward if isinstance(each, Group) for member in each.members
        )
        if definitions:
            blocks.append(_where(definitions))
        return "\n".join(blocks)

    __str__ = text

    def latex(self, digits: int = 4, limit: int = 5) -> str:
        """The equations in LaTeX, as one ``aligned`` block without $."""
        lines = [each.latex() for each in self.forward]
        for each in self.backward:
            lines.append(
                each.latex() if isinstance(each, MatrixEquation) else each.latex(digits, limit)
            )
        return _aligned(lines)

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def _repr_html_(self) -> str:
        return _page(self.text())

    def __repr__(self) -> str:
        return f"<explanation of {len(self.nodes)} gradients, {len(self.backward)} equations>"


def _aligned(lines: Sequence[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _where(definitions: Sequence[str]) -> str:
    lines = list(definitions[:12])
    if len(definitions) > len(lines):
        lines.append(f"and {len(definitions) - len(lines)} more")
    return "where " + "\n      ".join(lines)


def _page(text: str) -> str:
    """The text as it stands, for a notebook."""
    style = "line-height: 1.35; overflow-x: auto; white-space: pre"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def _count(number: int) -> str:
    """The number in full, or what it is about if it is very long."""
    if number < 10**15:
        return f"{number:,}"
    return f"about 10^{int(number.bit_length() * 0.30103)}"


def _elided(texts: Sequence[str], between: str) -> str:
    """The texts joined, with the middle left out if there are many."""
    if len(texts) > 12:
        texts = [*texts[:6], f"… ({len(texts) - 11} more) …", *texts[-5:]]
    return between.join(texts)
