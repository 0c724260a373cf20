"""`replay`: forward and backward through a network, layer by layer, on a page of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from autograd import Explanation, NetworkExplanation, Replay, Scene, Value, explain, sketch
from nn.diagram import (
    STYLE,
    Diagram,
    Edge,
    Link,
    View,
    largest,
    level,
    number,
    shade,
    tint,
)
from nn.losses import LOSSES
from nn.module import Module
from nn.network import Layer, Network, network

FORWARD, LOSS, BACKWARD = range(3)
PHASES = ("forward", "loss", "backward")
_MOST_WEIGHTS = 2_500  # of a network whose matrix equations are looked for; it takes seconds
_ROWS, _COLUMNS = 5, 5  # of an array that are shown

_LEGEND = (
    ("edge p4", "weight, a, δ or gradient > 0"),
    ("edge m4", "< 0"),
    ("chip local", "what it is computed with"),
    ("chip upstream", "δ from the layer after"),
    ("chip result", "computed now"),
)
_LOOKS = """
.formula>span:first-child{flex-basis:100%;justify-content:center}
.edge.on-result .e{stroke:var(--result);stroke-width:2.6}
.box.on-local .b{stroke:var(--local);stroke-width:3}
.box.on-local .data,.box.on-upstream .grad{font-weight:700}
.bias.on-result .l{fill:var(--result);font-weight:700}
.bias.on-from .l,.bias.on-local .l{fill:var(--ink);font-weight:700}
.label.found .l,.bias.found .l{fill:var(--ink);font-weight:700}
"""


def replay(
    model: Module,
    x: Any,
    y: Any,
    *,
    loss: str | Callable[..., Value] = "half_squared_error",
    max_neurons: int = 6,
    title: str = "",
) -> Replay:
    """A replay of how a network computes its loss on one sample, and how δ goes back through it.

    It shows itself in a notebook; ``.save("net.html")`` writes it as one page without a network,
    ``.to_animation("net.svg")`` as a picture that moves by itself. Layer by layer come z, a, the
    loss, then δ, ∂L/∂W and ∂L/∂b from the last layer to the first, each with its equation, as
    ``explain`` reads it off the graph, and with its arrays. A click on a neuron shows its own
    equations with their numbers. All are those of the engine; nothing in the model is changed.

    Networks of more than a few thousand weights have the equation of one neuron of each layer.

    Args:
        model: a chain of Linear layers with at most one activation after each, such as an MLP.
        x: one sample, (n_in,).
        y: its target, as the loss takes it.
        loss: a name from ``nn.losses``, or a function of prediction and target.
        max_neurons: a column of more circles shows the first few, an ellipsis with their number,
            and the last.
        title: of the page.

    Raises:
        TypeError: for a model that is no such chain.
        ValueError: for more than one sample, an unknown loss, or ``max_neurons`` below 3.
    """
    if max_neurons < 3:
        raise ValueError(f"max_neurons must be at least 3, but got {max_neurons!r}.")
    net = network(model, x, y, loss, "replay")
    return Replay(_Story(net, max_neurons).scene(title))


class _Story:
    """All that happens in a network on one sample."""

    def __init__(self, net: Network, most: int):
        self.net, self.diagram = net, Diagram(net, most)
        self.last = len(net.layers) - 1
        self.equations = Equations(net)
        self.gradients = {link: net.delta(self._weight(link)) for link in self.diagram.links}
        self.widest = largest(self._weight(link).data for link in self.diagram.links)
        self.steepest = largest(self.gradients.values())
        drawn = [
            (net.layers[c].z[j], net.layers[c].a[j])
            for c in range(len(net.layers))
            for j in self._drawn(c)
        ]
        self.largest_a = largest(a.data for _, a in drawn)
        self.largest_delta = largest(net.delta(z) for z, _ in drawn)
        self.time = 0.0
        self.hidden: dict[str, Any] = {}  # gradients that a step shows weights in place of

    def _drawn(self, layer: int) -> list[int]:
        return list(self.diagram.columns[layer + 1].places)

    def _weight(self, link: Link) -> Value:
        return self.net.layers[link.layer].weights[link.j][link.i]

    def scene(self, title: str) -> Scene:
        net = self.net
        panels = {
            f"n{c}.{j}": self._panel(c, j) for c in range(len(net.layers)) for j in self._drawn(c)
        }
        given: dict[str, dict[str, Any]] = {"L": {"class": "todo", "L": ("", "")}}
        for j in self._drawn(self.last):
            given[f"eo{j}"] = {}
        view = self.diagram.view(self._edge, self._circle, given=given, extra=16.0, panels=panels)
        self._steps(view)
        most = max((len(p["m"]) for step in view.steps for p in _matrices(step)), default=1)
        count = sum(len(layer.z) for layer in net.layers)
        tall = 98 + 17 * most
        room = f".say{{height:calc({tall}px + max(0px, 640px - 100vw)*.2)}}"  # more on a phone
        return Scene(
            title=sketch.visible(title or f"Backpropagation through {net.title}"),
            phases=PHASES,
            style=STYLE + _LOOKS + room,
            light=sketch.LIGHT,
            dark=sketch.DARK,
            legend=_LEGEND,
            description=f"{count:,} neuron{'s' if count > 1 else ''}, {net.loss_name}",
            views={"": view},
            panels=panels,
        )

    # -- how it begins -------------------------------------------------------------------------

    def _edge(self, link: Link) -> Edge:
        weight, name = self._weight(link), self._named("w", link)
        text = number(weight.data)[0]
        return Edge(
            level(weight.data, self.widest), [f"{name} = {weight.data!r}"], text,
            room=max(text, self._grad_text(self.gradients[link]), key=len),
            dead=self.gradients[link] is None,
        )  # fmt: skip

    def _named(self, stem: str, link: Link) -> str:
        return self.net.name(stem, link.layer, link.j, link.i)

    def _grad_text(self, gradient: float | None) -> str:
        return "" if gradient is None else f"∂ {number(gradient)[0]}"

    def _circle(self, layer: int, j: int) -> dict[str, Any]:
        return {"class": "todo"}

    def _panel(self, layer: int, j: int) -> dict[str, Any]:
        net, own = self.net, self.net.layers[layer]
        z, a = own.z[j], own.a[j]
        lines: list[list[Any]] = []
        for node in [z] if a is z else [z, a]:
            lines += [[text] for text in self.equations.computation(node)]
        if a is z:
            lines.append([f"{net.name('a', layer, j)} = {net.name('z', layer, j)}"])
        for each in (z, own.weights[j][0], own.biases[j]):
            lines += [[text] for text in self.equations.adjoint(each)]
        layers = len(net.layers) > 1
        title = f"neuron {j + 1} of layer {layer + 1}" if layers else f"neuron {j + 1}"
        return {"title": [title], "lines": lines}

    # -- what happens --------------------------------------------------------------------------

    def _step(self, view: View, phase: int, lines: Sequence[Any], **more: Any) -> None:
        view.step(phase, lines, at=self.time, **more)
        self.time += 1.0

    def _steps(self, view: View) -> None:
        net = self.net
        given = [f"{net.name('x', None, i)} = {number(net.inputs[i].data)[0]}" for i in range(3)
                 if i < len(net.inputs)]  # fmt: skip
        given += ["…"] if len(net.inputs) > 3 else []
        x = [node.data for node in net.inputs]
        self._step(
            view, FORWARD, [[", ".join(given)], ["x = ", _vector(x, "result", "x")]],
            note="The sample. Each layer takes the numbers of the one before.",
            on={place.key: "result" for place in self.diagram.columns[0].places.values()},
        )  # fmt: skip
        for index, layer in net:
            self._forward(view, index, layer)
        self._loss(view)
        for index in range(self.last, -1, -1):
            self._backward(view, index, net.layers[index])

    def _forward(self, view: View, index: int, layer: Layer) -> None:
        net, before = self.net, self.diagram.columns[index].places.values()
        own = self.diagram.columns[index + 1].places
        lights = {link.key: "active" for link in self.diagram.into(index)}
        lights |= {place.key: "from" for place in before}
        lights |= {f"b{index}.{j}": "from" for j in own}
        linear = layer.a[0] is layer.z[0]
        changes: dict[str, Any] = {}
        for j, place in own.items():
            changes[place.key] = {"class": "", "z": number(layer.z[j].data)}
            if linear:
                changes[place.key] |= self._activated(layer, j)
        shown = "layer" if len(net.layers) == 1 else f"layer {index + 1}"
        count = len(layer.z)
        each = "the neuron" if count == 1 else f"each of the {count:,} neurons"
        note = f"Each weight times what comes in, added up, with the bias: z of {each} of {shown}."
        if linear:
            note += " The layer is linear: a = z."
        self._step(
            view, FORWARD, self._lines("z", index, [node.data for node in layer.z], {}),
            note=note, on=lights | {place.key: "result" for place in own.values()},
            changes=changes,
        )  # fmt: skip
        if linear:
            return
        self._step(
            view, FORWARD, self._lines("a", index, [node.data for node in layer.a], {}),
            note=f"The activation {layer.activation} of every z of {shown}.",
            on={place.key: "result" for place in own.values()},
            changes={place.key: self._activated(layer, j) for j, place in own.items()},
        )  # fmt: skip

    def _activated(self, layer: Layer, j: int) -> dict[str, Any]:
        a = layer.a[j].data
        return {"class": shade(tint(a, self.largest_a)), "a": number(a)}

    def _loss(self, view: View) -> None:
        net = self.net
        a, value = net.outputs, net.loss.data
        name = net.name("a" if a[0] is not net.layers[-1].z[0] else "z", self.last)
        doc = (getattr(LOSSES.get(net.loss_name), "__doc__", None) or "").partition("\n")[0]
        note = f"The loss says how far the outputs are from the target: {doc}" if doc else ""
        lines = [
            [sketch.piece("L", "result"), f" = {net.loss_name}({name}, y)"],
            [
                f"= {net.loss_name}(", _vector([node.data for node in a], "", name), ", ",
                number(net.targets[0])[0] if net.is_class else _vector(net.targets, "", "y"),
                ") = ", sketch.piece(number(value)[0], "result", repr(value)),
            ],
        ]  # fmt: skip
        lights = {"L": "result"} | {f"eo{j}": "active" for j in self._drawn(self.last)}
        lights |= {f"ey{k}": "active" for k in self.diagram.target.places}
        places = [*self.diagram.columns[-1].places.values(), *self.diagram.target.places.values()]
        lights |= {place.key: "from" for place in places}
        self._step(
            view, LOSS, lines, note=note, on=lights,
            changes={"L": {"class": "", "L": number(value)}}, numbers={"loss": value},
        )  # fmt: skip

    def _backward(self, view: View, index: int, layer: Layer) -> None:
        net = self.net
        deltas = [net.delta(z) for z in layer.z]
        if all(delta is None for delta in deltas):
            return
        self._delta(view, index, layer, deltas)
        links = self.diagram.into(index)
        own = self.diagram.columns[index + 1].places
        upstream = {place.key: "upstream" for place in own.values()}
        frozen = [net.delta(w) is None for row in layer.weights for w in row]
        if not all(frozen):
            changes = self.hidden | self._by_gradient(links)
            self.hidden = {}
            before = self.diagram.columns[index].places.values()
            matrix = [[net.delta(w) for w in row] for row in layer.weights]
            self._step(
                view, BACKWARD, self._lines("W", index, matrix, _ROLES),
                note="The gradient of each weight: δ of the neuron that it leads to, times what "
                "came in along it.",
                on={link.key: "result" for link in links} | upstream
                | {place.key: "local" for place in before},
                changes=changes,
            )  # fmt: skip
        biases = [bias for bias in layer.biases if bias is not None]
        if biases and net.delta(biases[0]) is not None:
            shown = {
                f"b{index}.{j}": net.delta(bias)
                for j in own if (bias := layer.biases[j]) is not None
            }  # fmt: skip
            last = index == 0
            note = "A bias is added to z, so its gradient is δ."
            if last:
                note += " All gradients are found: a step of gradient descent is W - η ∂L/∂W."
            self._step(
                view, BACKWARD, self._lines("b", index, [net.delta(b) for b in biases], _ROLES),
                note=note, on=dict.fromkeys(shown, "result") | upstream,
                changes={
                    key: {
                        "class": "found", "number": self._grad_text(gradient),
                        "∂L/∂b": number(gradient),
                    }
                    for key, gradient in shown.items()
                },
            )  # fmt: skip

    def _delta(self, view: View, index: int, layer: Layer, deltas: list[float | None]) -> None:
        own = self.diagram.columns[index + 1].places
        lights = {place.key: "result" for place in own.values()}
        changes: dict[str, Any] = {
            place.key: {
                "class": shade(tint(deltas[j], self.largest_delta)), "δ": number(deltas[j]),
            }
            for j, place in own.items()
        }  # fmt: skip
        if index == self.last:
            lights |= {f"eo{j}": "local" for j in own} | {"L": "upstream"}
            note = "δ = ∂L/∂z of the outputs: how the loss changes with each of them."
        else:
            links = self.diagram.into(index + 1)
            lights |= {link.key: "local" for link in links}
            # What δ is multiplied with is the weights: they are shown once more.
            self.hidden = self._by_gradient(links)
            for link in links:
                weight = self._weight(link).data
                changes[link.key] = {"class": shade(level(weight, self.widest))}
                if link.label in self.hidden:
                    changes[link.label] = {"class": "", "number": number(weight)[0]}
            after = self.diagram.columns[index + 2].places.values()
            lights |= {place.key: "upstream" for place in after}
            note = "δ flows back along the same weights" + (
                "."
                if layer.a[0] is layer.z[0]
                else f", times the slope of {layer.activation} at z."
            )
        self._step(
            view, BACKWARD, self._lines("δ", index, deltas, _ROLES), note=note, on=lights,
            changes=changes,
        )  # fmt: skip

    def _by_gradient(self, links: list[Link]) -> dict[str, Any]:
        """The connections with ∂L/∂w in place of w."""
        changes: dict[str, Any] = {}
        for link in links:
            gradient = self.gradients[link]
            if gradient is not None:
                kept = shade(level(gradient, self.steepest))
                changes[link.key] = {"class": kept, "∂L/∂w": number(gradient)}
                if self.diagram.labelled[link.layer]:
                    text = self._grad_text(gradient)
                    changes[link.label] = {"class": "found", "number": text}
        return changes

    # -- sentences -----------------------------------------------------------------------------

    def _lines(
        self, stem: str, index: int, result: Sequence[Any], roles: dict[str, str]
    ) -> list[list[Any]]:
        """The equation of a quantity of a layer, the same with arrays, and what it comes to."""
        left, right = self.equations.of(stem, index)
        first: list[Any] = [sketch.piece(left, "result"), " = "]
        value = _array(result, "result", left)
        if not self.equations.in_matrices(stem, index):
            one = right.split("\n")
            return [
                [*first, one[0], "   for neuron 1"],
                [f"{_whole(left)} = ", value],
            ]
        tokens = self.equations.tokens(index)
        first += _coloured(right, tokens, roles)
        second: list[Any] = ["= ", *_numbered(right, tokens, roles)]
        if len(second) == 2:  # one name, as in ∂L/∂b = δ
            return [first, ["= ", value]]
        return [first, [*second, " = ", value]]


_ROLES = {"δ": "upstream", "W": "local", "a": "local", "x": "local", "'": "local"}


class Equations:
    """The equations of a network as ``explain`` writes them: in matrices, or of one neuron."""

    def __init__(self, net: Network):
        self.net = net
        self._texts: dict[tuple[str, int], str] = {}
        first = next(z for layer in net.layers for z in layer.z if z in net.adjoint)
        self._single = cast(Explanation, explain(net.loss, wrt=first))
        # Of a large network only the last layer, whose δ is another for each output.
        sizes = [len(layer.z) * len(layer.inputs) for layer in net.layers]
        chosen = net.layers if sum(sizes) <= _MOST_WEIGHTS else net.layers[-1:]
        wanted = [
            node
            for layer in chosen
            if len(layer.z) * len(layer.inputs) <= _MOST_WEIGHTS
            for row in [*layer.weights, [b for b in layer.biases if b is not None]]
            for node in row
            if node in net.adjoint
        ]
        if wanted:
            found = cast(NetworkExplanation, explain(net.loss, wrt=wanted))
            for each in (*found.forward, *found.backward):
                if hasattr(each, "arrays"):  # an equation in matrices
                    left: Any = each.left
                    self._texts[left.stem, (left.layer or 1) - 1] = each.text()

    def in_matrices(self, stem: str, index: int) -> bool:
        """Whether the quantity of the layer has an equation in matrices."""
        return (stem, index) in self._texts

    def of(self, stem: str, index: int) -> tuple[str, str]:
        """The two sides of the equation of a quantity of a layer; of one neuron if need be."""
        text = self._texts.get((stem, index))
        if text is None:
            layer = self.net.layers[index]
            if stem in "za":
                node = (layer.z if stem == "z" else layer.a)[0]
                text = self.computation(node)[0]
            else:
                every = {"δ": layer.z[0], "W": layer.weights[0][0], "b": layer.biases[0]}
                text = "\n".join(self.adjoint(every[stem])[:1])
        left, _, right = text.partition(" = ")
        return left, right

    def computation(self, node: Value) -> list[str]:
        """How a node was computed: the formula, with numbers, and the result."""
        if node not in self.net.adjoint:
            return []
        return _joined(self._single.computation(node).text())

    def adjoint(self, node: Value | None) -> list[str]:
        """The same of ∂L/∂node, if there is one."""
        if node is None or node not in self.net.adjoint:
            return []
        return _joined(self._single.equation(node).text())

    def tokens(self, index: int) -> dict[str, Any]:
        """The names that may stand in the equations of a layer, and what they hold."""
        net = self.net
        found: dict[str, Any] = {"x": [node.data for node in net.inputs]}
        if net.is_class:
            hot = [float(k == net.targets[0]) for k in range(len(net.outputs))]
            found["onehot(y)"] = hot
        else:
            found["y"] = net.targets
        for other, layer in net:
            if abs(other - index) > 1:
                continue
            found[net.name("W", other)] = [[w.data for w in row] for row in layer.weights]
            if all(bias is not None for bias in layer.biases):
                found[net.name("b", other)] = [b.data for b in layer.biases if b is not None]
            found[net.name("z", other)] = [z.data for z in layer.z]
            found[net.name("a", other)] = [a.data for a in layer.a]
            found[net.name("δ", other)] = [net.delta(z) for z in layer.z]
            if layer.a[0] is not layer.z[0] and len(layer.a[0].parents) == 1:
                sign = {"sigmoid": "σ"}.get(layer.activation, layer.activation)
                slopes = [a.partials[0] for a in layer.a]
                found[f"{sign}'({net.name('z', other)})"] = slopes
        return found


def _joined(text: str) -> list[str]:
    """The formula, and in a second line its numbers and the result."""
    first, *rest = [line.strip() for line in text.splitlines()]
    return [first, " ".join(rest)] if rest else [first]


def _whole(left: str) -> str:
    """The name of all of which this is an entry."""
    text = re.sub("[₀-₉,]+", "", left)
    return re.sub(r"(?<=/∂)w", "W", text)


def _split(right: str, tokens: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a formula, each with the token that it is, or ""."""
    names = "|".join(map(re.escape, sorted(tokens, key=len, reverse=True)))
    at = 0
    for found in re.finditer(rf"(?<![\w∂])({names})(ᵀ?)(?![\w⁽'(])", right):
        if found.start() > at:
            yield right[at : found.start()], ""
        yield found[0], found[1]
        at = found.end()
    if at < len(right):
        yield right[at:], ""


def _role(token: str, roles: dict[str, str]) -> str:
    return roles.get("'" if "'" in token else token[0], "")


def _coloured(right: str, tokens: dict[str, Any], roles: dict[str, str]) -> list[Any]:
    found: list[Any] = []
    for text, token in _split(right, tokens):
        role = _role(token, roles) if token else ""
        if text.isspace() and found and isinstance(found[-1], dict):
            found[-1]["t"] += text  # a space alone would be lost between pieces
        else:
            found.append(sketch.piece(text, role))
    return found


def _numbered(right: str, tokens: dict[str, Any], roles: dict[str, str]) -> Iterator[Any]:
    """The formula with arrays for its names."""
    for text, token in _split(right, tokens):
        if not token:
            yield text
        else:
            values = tokens[token]
            if text.endswith("ᵀ"):
                nested = isinstance(values[0], list)
                values = [list(row) for row in zip(*values, strict=True)] if nested else [values]
            yield _array(values, _role(token, roles), text)


def _array(values: Sequence[Any], role: str, name: str) -> Any:
    """A vector or a matrix as a piece; a single number without brackets."""
    if not isinstance(values[0], list):
        return _vector(values, role, name)
    rows = [[number(value)[0] for value in _kept(row, _COLUMNS)] for row in _kept(values, _ROWS)]
    for row, kept in zip(rows, _kept(values, _ROWS), strict=True):
        if len(kept) > _COLUMNS:
            row[_COLUMNS - 2] = "…"
    if len(values) > _ROWS:
        rows[_ROWS - 2] = ["⋮"] * len(rows[0])
    return sketch.matrix(rows, role, name)


def _vector(values: Sequence[float | None], role: str, name: str) -> Any:
    if len(values) == 1:
        text, full = number(values[0])
        if text.startswith("-") and role != "result":
            text = f"({text})"
        return sketch.piece(text, role, f"{name} = {full}")
    rows = [[number(value)[0]] for value in _kept(values, _ROWS)]
    if len(values) > _ROWS:
        rows[_ROWS - 2] = ["⋮"]
    return sketch.matrix(rows, role, name)


def _kept(values: Sequence[Any], most: int) -> list[Any]:
    """The first few and the last; the one before that stands for those left out."""
    if len(values) <= most:
        return list(values)
    return [*values[: most - 1], values[-1]]


def _matrices(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for line in step["lines"]:
        for piece in line:
            if isinstance(piece, dict) and "m" in piece:
                yield piece
