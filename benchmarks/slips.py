"""How often `autograd.verify` names a slip made on purpose, and that it never doubts what is right.

Backprop by hand, in the manner of `nn.deltas`, with one slip made in the middle of the derivation:
in the code below, which knows nothing of how `verify` finds it. The networks, the data, the kind
and the place of the slip, and which of the gradients are claimed, are drawn at random.

A slip without effect is left out and counted as such: σ' missing where all z of a relu are
positive, a transposed symmetric matrix, a bias of 0, a forgotten path with the weight 0, and the
like, whenever all numbers claimed are right to 1e-9 of the largest in their array. Of a slip that
gives the same numbers as another, such as 1/n and ½ for n = 2, `verify` names both: the columns
say how often the one made was the first named, and how often among those named as equal.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import nn
from autograd import Value, Verification, verify
from autograd import sum as total
from nn.deltas import ACTIVATIONS, LOSSES

Array = Any

SIGMAS = ("tanh", "sigmoid", "relu", "softplus", "elu", "leaky_relu", "silu", "gelu", "sin")
TRIED = ("bce_with_logits", "cross_entropy", "half_squared_error", "hinge", "mse")  # losses
BY_OUTPUT: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1.0 - a),
    "tanh": lambda a: 1.0 - a**2,
}


@dataclass
class Net:
    """A random MLP, its data, and the graph of its mean loss."""

    weights: list[Array]
    biases: list[Array]
    sigmas: list[str]
    x: Array
    y: Array
    loss: str
    model: nn.MLP
    graph: Value

    @property
    def depth(self) -> int:
        """The number of weight layers."""
        return len(self.weights)


def random_net(rng: np.random.Generator, sizes: Sequence[float] = (0.5, 1.0, 2.0)) -> Net:
    """1 to 4 layers of 1 to 5 neurons, any activation and loss, 1 to 5 samples.

    Weights and biases are normal, of one of the sizes.
    """
    depth, samples = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    widths = rng.integers(1, 6, size=depth + 1)
    if rng.random() < 0.4:
        widths[:] = widths[0]  # square matrices
    loss = str(rng.choice(TRIED))
    hidden = str(rng.choice(SIGMAS))
    output = str(rng.choice([*SIGMAS, "linear"])) if loss == "half_squared_error" else "linear"
    n_in, n_outs = int(widths[0]), [int(width) for width in widths[1:]]
    model = nn.MLP(n_in, n_outs, hidden, output, rng=rng)
    size = float(rng.choice(sizes))
    for parameter in model.parameters():
        parameter.data = size * rng.normal()
    x = rng.normal(size=(samples, n_in))
    y: Array
    if loss == "cross_entropy":
        y = rng.integers(n_outs[-1], size=samples)
    elif loss == "hinge":
        y = rng.choice([-1.0, 1.0], size=(samples, n_outs[-1]))
    else:
        y = rng.uniform(0.0, 1.0, size=(samples, n_outs[-1]))
    rows = zip(x, y.tolist(), strict=True)
    losses = [nn.losses.LOSSES[loss](model(row), target) for row, target in rows]
    graph = losses[0] if samples == 1 else total(losses) / samples
    state = model.state_dict()
    return Net(
        [state[f"layers.{i}.weight"] for i in range(depth)],
        [state[f"layers.{i}.bias"] for i in range(depth)],
        [hidden] * (depth - 1) + [output],
        x, y, loss, model, graph,
    )  # fmt: skip


@dataclass
class Slip:
    """One slip: its name as `verify` has it, which way it is made, in which layer, and numbers."""

    name: str = ""
    way: str = ""
    layer: int = 0
    unit: int = 0
    other: int = 0
    number: float = 1.0


@np.errstate(all="ignore")
def by_hand(net: Net, slip: Slip) -> tuple[list[Array], list[Array]]:
    """∂L/∂W and ∂L/∂b of every layer, derived with the slip; a Slip() is none."""
    at = slip.layer

    def is_(way: str, layer: int) -> bool:
        return slip.way == way and at in (layer, -1)

    n = len(net.x)
    loss = LOSSES[net.loss]

    a, z = [net.x], []
    for i, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        matrix = W.T if is_("Wᵀ forward", i) else W
        shift = 0.0 if is_("no bias", i) else b
        z.append(a[-1] @ matrix.T + shift)
        active = ACTIVATIONS[net.sigmas[i]].f(z[-1])
        a.append(z[-1] if is_("z forward", i) else active)

    out = z[-1] if slip.way == "z in loss" else a[-1]
    g = loss.gradient(out, net.y)
    if slip.way == "loss factor":
        g = g * slip.number
    if slip.way == "sample":
        g[slip.unit] = 0.0

    dW: list[Array] = [None] * net.depth
    db: list[Array] = [None] * net.depth
    for i in reversed(range(net.depth)):
        sigma = ACTIVATIONS[net.sigmas[i]]
        slope = sigma.prime(z[i])
        if is_("no slope", i):
            slope = 1.0
        elif is_("slope at a", i):
            slope = sigma.prime(a[i + 1])
        elif is_("slope without bias", i):
            slope = sigma.prime(z[i] - net.biases[i])
        elif is_("slope by z", i):
            slope = BY_OUTPUT[net.sigmas[i]](z[i])
        elif is_("slope by a", i) and net.sigmas[i] in BY_OUTPUT:
            slope = BY_OUTPUT[net.sigmas[i]](a[i + 1])  # no slip: only rounded otherwise
        elif is_("neuron without slope", i):
            slope = np.array(slope, dtype=float) * np.ones_like(z[i])
            slope[:, slip.unit] = 1.0
        delta = slope * g
        if is_("delta factor", i):
            delta = delta * slip.number
        source = z[i - 1] if is_("z in dW", i) and i else a[i]
        dW[i] = delta.T @ source / n
        db[i] = delta.sum(axis=0) / n
        if slip.way == "n everywhere" or is_("n in dW", i):
            dW[i] = dW[i] * slip.number
        if slip.way == "n everywhere" or is_("n in db", i):
            db[i] = db[i] * slip.number
        if is_("a δᵀ", i):
            dW[i] = dW[i].T
        W = net.weights[i]
        if is_("updated", i):
            W = W - slip.number * dW[i]
        g = delta @ (W.reshape(W.shape[::-1]).T if is_("W back", i) else W)
        if i and is_("neuron forgotten", i):
            g = g - np.outer(delta[:, slip.unit], W[slip.unit])
        if i and is_("connection forgotten", i):
            g[:, slip.other] -= delta[:, slip.unit] * W[slip.unit, slip.other]
    return dW, db


def random_slip(name: str, net: Net, rng: np.random.Generator) -> Slip | None:
    """A slip of this kind somewhere in the derivation for this net; None if it has no place."""
    depth, samples = net.depth, len(net.x)
    outs = net.weights[-1].shape[0]
    layer = int(rng.integers(depth))
    anywhere = -1 if rng.random() < 0.2 else layer  # -1: in all layers
    curved = [i for i in range(depth) if net.sigmas[i] != "linear"]
    inner = list(range(1, depth))

    def pick(places: Sequence[int]) -> int:
        return int(rng.choice(places))

    if name in ("missing σ'", "σ' at a"):
        if not curved:
            return None
        everywhere = rng.random() < 0.2
        if name == "σ' at a":
            return Slip(name, "slope at a", -1 if everywhere else pick(curved))
        if rng.random() < 0.2:
            at = pick(curved)
            return Slip(name, "neuron without slope", at, pick(range(len(net.weights[at]))))
        return Slip(name, "no slope", -1 if everywhere else pick(curved))
    if name == "pre- for post-activation":
        ways = []
        ways += ["z in dW"] * 3 if [i for i in inner if net.sigmas[i - 1] != "linear"] else []
        ways += ["z in loss"] if net.sigmas[-1] != "linear" else []
        ways += ["slope by z"] if [i for i in curved if net.sigmas[i] in BY_OUTPUT] else []
        ways += ["z forward"] if curved else []
        if not ways:
            return None
        way = str(rng.choice(ways))
        if way == "z in dW":
            return Slip(name, way, -1 if rng.random() < 0.2 else pick(inner))
        if way == "slope by z":
            return Slip(name, way, pick([i for i in curved if net.sigmas[i] in BY_OUTPUT]))
        return Slip(name, way, pick(curved))
    if name in ("wrong sign", "factor 2", "factor ½"):
        number = {"wrong sign": -1.0, "factor 2": 2.0, "factor ½": 0.5}[name]
        way = str(rng.choice(["loss factor", "delta factor", "n in dW", "n in db"]))
        return Slip(name, way, layer, number=number)
    if name == "factor 1/n":
        n = float(rng.choice([samples, outs if net.loss in ("mse", "hinge") else samples]))
        way = str(rng.choice(["n everywhere", "n in dW", "n in db"]))
        return Slip(name, way, anywhere, number=n if rng.random() < 0.7 else 1.0 / n)
    if name == "missing path":
        if rng.random() < 0.15:
            return Slip(name, "sample", unit=pick(range(samples)))
        if not inner:
            return None
        way = str(rng.choice(["neuron forgotten", "connection forgotten"]))
        at = pick(inner)
        unit, other = (pick(range(n)) for n in net.weights[at].shape)
        return Slip(name, way, at, unit, other)
    if name == "transposed weight matrix":
        way = str(rng.choice(["W back", "W back", "a δᵀ", "Wᵀ forward"]))
        square = [i for i in range(depth) if len(set(net.weights[i].shape)) == 1]
        places = {"W back": inner, "a δᵀ": list(range(depth)), "Wᵀ forward": square}[way]
        return Slip(name, way, pick(places)) if places else None
    if name == "bias forgotten in z":
        way = str(rng.choice(["no bias", "no bias", "slope without bias"]))
        return Slip(name, way, anywhere)
    assert name == "updated weight used too early"
    if not inner:
        return None
    rate = float(rng.choice([0.5, 0.1, 0.01, rng.uniform(0.001, 1.0)]))
    return Slip(name, "updated", -1 if rng.random() < 0.6 else pick(inner), number=rate)


KINDS = (
    "wrong sign", "factor 2", "factor ½", "factor 1/n", "missing σ'", "σ' at a",
    "pre- for post-activation", "missing path", "bias forgotten in z",
    "transposed weight matrix", "updated weight used too early",
)  # fmt: skip


@dataclass
class Tally:
    """What became of the slips of one kind."""

    made: int = 0
    first: int = 0
    among: int = 0
    otherwise: int = 0
    not_found: int = 0
    no_effect: int = 0
    others: Counter[str] = field(default_factory=Counter)


@dataclass
class Campaign:
    """The tallies, and how many right arrays were called wrong."""

    kinds: dict[str, Tally]
    right: int = 0
    called_wrong: int = 0

    @property
    def named(self) -> float:
        """The share of slips with an effect that were named, first or among equals."""
        made = sum(each.made for each in self.kinds.values())
        return sum(each.first + each.among for each in self.kinds.values()) / made

    def lines(self) -> Iterator[str]:
        """The table, in Markdown."""
        heads = "made", "first named", "among equals", "named otherwise", "not found", "no effect"
        yield f"| slip | {' | '.join(heads)} |"
        yield f"|---|{'---:|' * len(heads)}"
        sums = [0] * 6
        for name, each in self.kinds.items():
            row = [
                each.made, each.first, each.among, each.otherwise, each.not_found, each.no_effect,
            ]  # fmt: skip
            sums = [a + b for a, b in zip(sums, row, strict=True)]
            yield f"| {name} | {' | '.join(map(str, row))} |"
        yield f"| all | {' | '.join(map(str, sums))} |"
        yield ""
        yield (
            f"{self.named:.1%} of the {sums[0]} slips with an effect named, "
            f"{sums[1] / sums[0]:.1%} at first; "
            f"{self.called_wrong} of {self.right} right arrays called wrong."
        )


def claims_of(net: Net, dW: list[Array], db: list[Array]) -> list[tuple[Any, Array]]:
    """The pairs (parameters, gradient) of all layers."""
    pairs: list[tuple[Any, Array]] = []
    for layer, w, b in zip(net.model.layers, dW, db, strict=True):
        pairs += [(layer.weight, w), (layer.bias, b)]
    return pairs


def chosen(pairs: list[Any], right: list[Any], rng: np.random.Generator) -> list[int]:
    """Which claims are made: all; the weights only; or one layer, one with an effect if any."""
    way = rng.random()
    if way < 0.6:
        return list(range(len(pairs)))
    if way < 0.8:
        return list(range(0, len(pairs), 2))
    felt = [k for k in range(len(pairs)) if differs(pairs[k][1], right[k][1])]
    k = int(rng.choice(felt)) // 2 if felt else 0
    return [2 * k, 2 * k + 1]


def differs(one: Array, other: Array) -> bool:
    """Whether two arrays differ by more than 1e-9 of their largest number."""
    if one.shape != other.shape:
        return True
    with np.errstate(all="ignore"):
        size = np.abs(np.concatenate([one.ravel(), other.ravel()])).max(initial=0.0)
        return bool(np.abs(one - other).max(initial=0.0) > 1e-9 * size)


def run(
    slips: int, networks: int, seed: int = 0, watch: Callable[[str], None] | None = None
) -> Campaign:
    """The campaign: so many slips of every kind, and so many networks derived without any."""
    campaign = Campaign({name: Tally() for name in KINDS})
    for number in range(networks):
        rng = np.random.default_rng([seed, 0, number])
        net = random_net(rng, sizes=(0.3, 1.0, 3.0, 10.0))  # the last saturate
        way = "slope by a" if number % 2 else ""
        report = verify(net.graph, claims_of(net, *by_hand(net, Slip(way=way, layer=-1))))
        campaign.right += len(report.groups)
        bad = [name for name, rows in report.groups if not all(row.ok for row in rows)]
        campaign.called_wrong += len(bad)
        if bad and watch:
            watch(f"RIGHT, but called wrong: network {number}\n{report}")
    for k, name in enumerate(KINDS):
        tally, number = campaign.kinds[name], 0
        while tally.made < slips:
            number += 1
            rng = np.random.default_rng([seed, 1, k, number])
            net = random_net(rng)
            slip = random_slip(name, net, rng)
            if slip is None:
                continue
            right = claims_of(net, *by_hand(net, Slip()))
            pairs = claims_of(net, *by_hand(net, slip))
            keep = chosen(pairs, right, rng)
            if not any(differs(pairs[j][1], right[j][1]) for j in keep):
                tally.no_effect += 1
                continue
            tally.made += 1
            report = verify(net.graph, [pairs[j] for j in keep])
            problem = _judge(report, slip, tally)
            if problem and watch:
                watch(f"{name}, {number}: {problem}")
    return campaign


def _judge(report: Verification, slip: Slip, tally: Tally) -> str:
    """Count what the report says of the wrong claims, taken together; in words if not the slip."""
    wrong = report.wrong
    firsts = {row.slip.name if row.slip else "" for row in wrong}
    if firsts == {slip.name}:
        tally.first += 1
    elif wrong and all(slip.name in {each.name for each in row.slips} for row in wrong):
        tally.among += 1
    elif firsts <= {""}:
        tally.not_found += 1
        return f"not found: {slip}"
    else:
        tally.otherwise += 1
        tally.others.update(firsts)
        return f"named otherwise: {slip}: {firsts}"
    return ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slips", type=int, default=200, help="of each kind, with an effect")
    parser.add_argument("--networks", type=int, default=3000, help="derived without a slip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="say which were not named")
    args = parser.parse_args()
    start = time.perf_counter()
    watch = (lambda text: print(text, file=sys.stderr)) if args.verbose else None
    campaign = run(args.slips, args.networks, args.seed, watch)
    print("\n".join(campaign.lines()))
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    sys.exit(bool(campaign.called_wrong))


if __name__ == "__main__":
    main()
