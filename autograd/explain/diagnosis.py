"""Where a gradient dies, fades, explodes, cancels or stops being a number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autograd.explain.equations import Equations
from autograd.explain.ledger import Ledger, Term
from autograd.explain.paths import Path
from autograd.value import Value

FADED, EXPLODED = 1e-4, 1e4  # of a product of factors: beyond these it is worth a word
CANCELLED = 1e-6  # the same of a sum, against the largest of its terms
_MOST = 5


@dataclass(frozen=True)
class Finding:
    """One reason why a gradient is what it is.

    Attributes:
        kind: "dies", "fades", "explodes", "not finite" or "cancels".
        node: where: the node whose local partial is to blame, or whose terms cancel.
        factor: that partial; for terms that cancel, their sum over the largest of them.
        sentence: the same in words.
    """

    kind: str
    node: Value
    factor: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def judged(path: Path, equations: Equations) -> Finding | None:
    """What made the product of a path small, zero, huge or not finite; None if it is neither.

    It is the 0 or infinite factor met first on the way back from the loss; else the factor that
    is farthest from 1 in the direction of the whole product.
    """
    pairs = list(zip(path.nodes[1:], path.nodes[:-1], path.factors, strict=True))
    product = path.product
    for use, node, factor in reversed(pairs):
        if factor == 0.0:
            return Finding("dies", use, factor, f"dies: {_slope(use, node, factor, equations)}")
        if not math.isfinite(factor):
            sentence = f"is not finite: {_slope(use, node, factor, equations)}"
            return Finding("not finite", use, factor, sentence)
    if FADED < abs(product) < EXPLODED or not pairs:
        return None
    small = abs(product) <= FADED
    use, node, factor = (min if small else max)(pairs, key=lambda pair: abs(pair[2]))
    same = sum((abs(each) < 1.0) if small else (abs(each) > 1.0) for each in path.factors)
    kind = "fades" if small else "explodes"
    extreme = "smallest" if small else "largest"
    side = "below" if small else "above"
    sentence = (
        f"{kind} to {product:.3g}: {same} of its {len(path.factors)} factors are {side} 1 in size, "
        f"the {extreme} is {_slope(use, node, factor, equations)}"
    )
    return Finding(kind, use, factor, sentence)


def findings(
    ledger: Ledger, node: Value, equations: Equations, largest: Path | None
) -> list[Finding]:
    """What is to be said of the gradient of a node: nothing, if it is of ordinary size.

    A gradient of 0 names the partials of 0 that cut every path; one that is not finite, the
    partials that are not; a faded or exploded one, the factors on its largest path.
    """
    gradient = ledger.adjoint[node]
    if not math.isfinite(gradient):
        return _not_finite(ledger, node, equations)
    terms = ledger.terms(node)
    most = max((abs(term.product) for term in terms), default=0.0)
    if gradient == 0.0 and most == 0.0:
        return _cuts(ledger, node, equations)
    if abs(gradient) <= CANCELLED * most:
        ratio = abs(gradient) / most
        sentence = f"The terms cancel: the largest is {most:.3g} in size, their sum {gradient:.3g}."
        return [Finding("cancels", node, ratio, sentence)]
    finding = None if largest is None else judged(largest, equations)
    if finding is None or FADED < abs(gradient) < EXPLODED:
        return []
    sentence = f"On its largest path the gradient {finding.sentence}."
    return [Finding(finding.kind, finding.node, finding.factor, sentence)]


def _cuts(ledger: Ledger, node: Value, equations: Equations) -> list[Finding]:
    """The partials of 0 that are met first on the paths from the node to the loss."""
    found: list[Finding] = []
    seen = {node}
    stack = [node]
    cut = 0
    while stack:
        here = stack.pop()
        for term in ledger.terms(here):
            if term.partial == 0.0:
                cut += 1
                if len(found) < _MOST:
                    sentence = f"The gradient dies: {_slope(term.use, here, 0.0, equations)}."
                    found.append(Finding("dies", term.use, 0.0, sentence))
            elif term.use not in seen:
                seen.add(term.use)
                stack.append(term.use)
    if cut > len(found):
        last = found[-1]
        sentence = last.sentence + f" And so at {cut - len(found)} more."
        found[-1] = Finding(last.kind, last.node, last.factor, sentence)
    if not found:
        sentence = (
            "The gradient is 0: its terms cancel, or their factors are too small to multiply."
        )
        found.append(Finding("cancels", node, 0.0, sentence))
    return found


def _not_finite(ledger: Ledger, node: Value, equations: Equations) -> list[Finding]:
    """The terms in which nan or inf arises from finite adjoints, below the node."""
    reached = {node}
    found: list[Finding] = []
    for here in ledger:
        if here not in reached:
            continue
        for term in ledger.terms(here):
            if not math.isfinite(term.adjoint):
                reached.add(term.use)
            elif not math.isfinite(term.product) and len(found) < _MOST:
                found.append(_arises(here, term, equations))
    if not found:
        root = ledger.root
        sentence = f"The gradient is {ledger.adjoint[node]}: finite terms overflow in their sum."
        found.append(Finding("not finite", root, math.inf, sentence))
    return found


def _arises(node: Value, term: Term, equations: Equations) -> Finding:
    adjoint = f"the adjoint {term.adjoint:.4g} there"
    sentence = (
        f"The gradient becomes {term.product}: {_slope(term.use, node, term.partial, equations)}"
    )
    return Finding("not finite", term.use, term.partial, f"{sentence}, times {adjoint}.")


def _slope(use: Value, node: Value, factor: float, equations: Equations) -> str:
    """∂use/∂node in words, with the place where it is taken."""
    op = use.op
    assert op is not None
    here = equations.spelled(node)
    number = next(
        each for parent, each in zip(use.parents, use.args, strict=True) if parent is node
    )
    if op.arity == 1:
        place = f" in {use.scope.path}" if use.scope is not None else ""
        return f"{op.name}'({here}) = {factor:.4g} at {here} = {number:.4g}{place}"
    return f"∂{equations.spelled(use)}/∂{here} = {factor:.4g} (op {op.name}, {here} = {number:.4g})"
