"""`draw`: the textbook picture of a network on one sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from autograd import Scene, Value, sketch
from nn.diagram import MARGIN, STYLE, Diagram, Edge, Link, largest, level, number, shade, tint
from nn.module import Module
from nn.network import Layer, Network, network

_FLOWS = (False, True, "backward", "gradient")


def draw(
    model: Module,
    x: Any,
    y: Any,
    *,
    loss: str | Callable[..., Value] = "half_squared_error",
    flow: bool | str = False,
    max_neurons: int = 10,
) -> sketch.Figure:
    """The picture of a network as textbooks draw it, on one sample, with all of its numbers.

    Circles in columns show z, a and δ = ∂L/∂z of each neuron, with the bias b below; orange
    connections have positive weights, blue ones negative, and wide ones large ones. It shows itself
    in notebooks; ``.save("net.svg")`` writes it, ``.text()`` is the same for a terminal. The
    numbers are those of the engine's graph of this sample; nothing in the model is changed.

    Args:
        model: a chain of Linear layers with at most one activation after each, such as an MLP.
        x: one sample, (n_in,).
        y: its target, as the loss takes it.
        loss: a name from ``nn.losses``, or a function of prediction and target.
        flow: True or "backward" shows how δ flows back instead: on each connection w·δ, what it
            adds to ∂L/∂a of the neuron before; "gradient" shows ∂L/∂w on each.
        max_neurons: a column of more circles shows the first few, an ellipsis with their number,
            and the last.

    Raises:
        TypeError: for a model that is no such chain.
        ValueError: for more than one sample, an unknown loss or flow, or ``max_neurons`` below 3.
    """
    if flow not in _FLOWS:
        raise ValueError(f"flow must be one of {_FLOWS}, but got {flow!r}.")
    if max_neurons < 3:
        raise ValueError(f"max_neurons must be at least 3, but got {max_neurons!r}.")
    net = network(model, x, y, loss, "draw")
    kind = "backward" if flow is True else flow or ""
    return sketch.Figure(sketch.plate(_scene(net, max_neurons, kind)), text(net))


def _scene(net: Network, most: int, flow: str) -> Scene:
    diagram = Diagram(net, most)
    drawn = [column.places for column in diagram.columns[1:]]
    links = diagram.links
    amounts = {link: _amount(net, link, flow) for link in links}
    widest = largest(amounts.values())

    def edge(link: Link) -> Edge:
        layer = net.layers[link.layer]
        weight = layer.weights[link.j][link.i]
        name = net.name("w", link.layer, link.j, link.i)
        tip = [f"{name} = {weight.data!r}"]
        amount = amounts[link]
        if flow == "backward":
            tip.append(f"{name} · {net.name('δ', link.layer, link.j)} = {amount!r}")
        gradient = net.delta(weight)
        if gradient is not None:
            tip.append(f"∂L/∂{name} = {gradient!r}")
        dead = amount is None or (flow == "backward" and layer.inputs[link.i] not in net.adjoint)
        text = "" if amount is None or dead else number(amount)[0]
        return Edge(0 if dead else level(amount, widest), tip, text, dead=dead)

    shown = [
        (net.layers[c].z[j], net.layers[c].a[j]) for c, column in enumerate(drawn) for j in column
    ]
    deltas, activations = (
        largest(net.delta(z) for z, _ in shown),
        largest(a.data for _, a in shown),
    )

    def circle(c: int, j: int) -> dict[str, Any]:
        z, a = net.layers[c].z[j], net.layers[c].a[j]
        delta = net.delta(z)
        size = tint(delta, deltas) if flow else tint(a.data, activations)
        state = {"class": shade(size), "z": number(z.data), "a": number(a.data)}
        return state | {"δ": number(delta)}

    given: dict[str, dict[str, Any]] = {"L": {"class": "", "L": number(net.loss.data)}}
    if flow:
        last = diagram.columns[-1].places
        outer = largest(net.delta(net.outputs[j]) for j in last)
        for j in last:
            given[f"eo{j}"] = {"class": shade(level(net.delta(net.outputs[j]), outer))}
    legend = _legend(flow, any(amounts[link] is None for link in links) or flow == "backward")
    room = sum(_wide(sign, what) for sign, what in legend)
    view = diagram.view(edge, circle, given=given, backwards=bool(flow), extra=30.0)
    _write_legend(view, legend, max(MARGIN, (view.width - room) / 2), diagram.height + 8.0)
    view.width = max(view.width, room + 2 * MARGIN)
    what = {"": "", "backward": ": the flow of δ back through it", "gradient": ": its gradients"}
    return Scene(
        title=sketch.visible(f"{net.title}{what[flow]}"),
        phases=(),
        style=STYLE,
        light=sketch.LIGHT,
        dark=sketch.DARK,
        description=text(net, most=6),
        views={"": view},
    )


def _amount(net: Network, link: Link, flow: str) -> float | None:
    """What a connection shows: its weight, w·δ, or ∂L/∂w."""
    layer = net.layers[link.layer]
    weight = layer.weights[link.j][link.i]
    if flow == "backward":
        delta = net.delta(layer.z[link.j])
        return None if delta is None else weight.data * delta
    return net.delta(weight) if flow == "gradient" else weight.data


# -- legend ----------------------------------------------------------------------------------


def _legend(flow: str, dead: bool) -> list[tuple[str, str]]:
    on = {"": "w", "backward": "w·δ", "gradient": "∂L/∂w"}[flow]
    inside = "δ" if flow else "a"
    rows = [
        ("edge p4", f"{on} > 0"), ("edge m4", f"{on} < 0"), ("wide", f"wider: larger |{on}|"),
        ("box p3", f"{inside} > 0"), ("box m3", f"{inside} < 0"),
    ]  # fmt: skip
    return [*rows, ("edge fixed", "no gradient")] if dead else rows


def _wide(sign: str, what: str) -> float:
    return 34.0 + sketch.text_width(what, 11.5) + 16.0


def _write_legend(view: sketch.View, rows: list[tuple[str, str]], x: float, y: float) -> None:
    for n, (sign, what) in enumerate(rows):
        if sign == "wide":
            for part, size in enumerate((1, 3, 5)):
                at = f"M{x + 9 * part:g} {y:g}h8"
                view.item(f"legend{n}.{part}", f"edge p{size}", [sketch.shape("path", "e", at)])
            shapes = []
        elif sign.startswith("edge"):
            shapes = [sketch.shape("path", "e", f"M{x:g} {y:g}h26")]
        else:
            shapes = [sketch.shape("circle", "b", (x + 16, y, 8))]
        shapes.append(sketch.shape("text", "sub", (x + 33, y + 4), what))
        view.item(f"legend{n}", sign if sign != "wide" else "heading", shapes)
        x += _wide(sign, what)


# -- as text ---------------------------------------------------------------------------------


def text(net: Network, most: int = 12) -> str:
    """The network as tables of plain text, a row per neuron; of many, the first and the last."""
    lines = [
        f"{sketch.visible(net.title)}, {net.loss_name}: L = {net.loss.data:.6g}",
        "x   " + _listed([node.data for node in net.inputs], most),
        "y   " + _listed(net.targets, most),
    ]
    for index, layer in net:
        lines += ["", *_table(net, index, layer, most)]
    return "\n".join(lines)


def _table(net: Network, index: int, layer: Layer, most: int) -> Iterator[str]:
    count = len(layer.z)
    title = f"layer {index + 1}" if len(net.layers) > 1 else "layer"
    yield f"{title}: {len(layer.inputs)} → {count}, {layer.activation}"
    head = ["", "z", "a", "δ", "b", "∂L/∂b", "w", "∂L/∂w"]
    rows = [head]
    numbers = list(range(count))
    kept: list[int | None] = (
        list(numbers) if count <= most else [*numbers[: most - 2], None, count - 1]
    )
    few = max(1, min(most, 4))
    for j in kept:
        if j is None:
            rows.append(["⋮", f"({count - most + 1} more)", *[""] * (len(head) - 2)])
            continue
        bias, weights = layer.biases[j], layer.weights[j]
        rows.append(
            [
                str(j + 1), _short(layer.z[j].data), _short(layer.a[j].data),
                _short(net.delta(layer.z[j])), "" if bias is None else _short(bias.data),
                "" if bias is None else _short(net.delta(bias)),
                _listed([w.data for w in weights], few),
                _listed([net.delta(w) for w in weights], few),
            ]
        )  # fmt: skip
    widths = [max(len(row[c]) for row in rows) for c in range(len(head))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _listed(values: list[Any], most: int) -> str:
    shown = [_short(value) for value in values]
    if len(shown) > most:
        shown = [*shown[: max(1, most - 1)], "…", shown[-1]]
        return "  ".join(shown) + f"  ({len(values):,})"
    return "  ".join(shown)
