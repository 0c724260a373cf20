"""Random expressions over the whole table, against PyTorch, finite differences and each other."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd import TABLE, Value, ops, topological

N_LEAVES = 3
settings.register_profile(
    "reproducible", derandomize=True, deadline=None, max_examples=60, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
reproducible = settings(settings.get_profile("reproducible"))

# -- an expression is a list of steps, each an op and where its arguments come from ----------

leaf_data = st.tuples(*[st.floats(-2.0, 2.0).filter(lambda x: x == 0 or abs(x) > 1e-6)] * N_LEAVES)
# An argument: an earlier node (counted from the latest), or a constant of some numeric type,
# given as a fraction of the interval that the op samples.
argument = st.one_of(
    st.tuples(st.just("node"), st.integers(0, 6)),
    st.tuples(st.just("node"), st.integers(0, 6)),
    st.tuples(
        st.sampled_from([float, np.float64, np.float32]),
        st.sampled_from([0.25, 0.5, 0.75]),
    ),
)
step = st.tuples(
    st.sampled_from(sorted(TABLE)),
    st.lists(argument, min_size=9, max_size=9),
    st.integers(1, 3),
)
programs = st.lists(step, min_size=1, max_size=7)


def row_function(row):
    """The reading of the table itself: for floats, arrays and Values."""
    return row


def run(program, leaves, function=row_function, lift=lambda constant: constant):
    """The last node of the program. Every argument is brought into the domain of its op."""
    tanh = function(TABLE["tanh"])
    nodes = list(leaves)

    def fetch(which, interval):
        kind, choice = which
        low, high = interval
        middle, half = (low + high) / 2.0, 0.49 * (high - low)
        if kind == "node":
            return tanh(nodes[-1 - choice % len(nodes)]) * half + middle
        return lift(kind(low + choice * (high - low)))

    for name, arguments, length in program:
        row = TABLE[name]
        # The latest node is always used, so that no step is in vain.
        supply = iter([("node", 0), *arguments])
        if row.arity is None:
            lengths = [length] * len(row.domain)
            if name == "affine":
                lengths[2] = length % 2
            args = [
                [fetch(next(supply), interval) for _ in range(n)]
                for interval, n in zip(row.domain, lengths, strict=True)
            ]
        else:
            args = [fetch(next(supply), interval) for interval in row.domain]
        nodes.append(function(row)(*args))
    y = nodes[-1]
    for leaf in leaves:
        y = y + leaf * 0.25
    return y


def gradients(program, numbers):
    leaves = [Value(number) for number in numbers]
    y = run(program, leaves)
    y.backward()
    return y, leaves


# -- the properties --------------------------------------------------------------------------


@reproducible
@given(program=programs, numbers=leaf_data)
def test_random_expressions_agree_with_pytorch(program, numbers, in_torch):
    torch = pytest.importorskip("torch")
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]

    def lift(constant):
        return torch.tensor(float(constant), dtype=torch.float64)

    def function(row):
        return lambda *args: in_torch[row.name](torch, *args)

    want = run(program, theirs, function, lift)
    want.backward()
    y, leaves = gradients(program, numbers)
    size = max(1.0, *(abs(leaf.grad.item()) for leaf in theirs))
    assert y.data == pytest.approx(want.item(), rel=1e-12, abs=1e-12)
    for mine, leaf in zip(leaves, theirs, strict=True):
        assert mine.grad == pytest.approx(leaf.grad.item(), rel=1e-12, abs=1e-12 * size)


def difference_quotient(f, x, h=1e-3):
    """f'(x) by central differences, extrapolated twice."""

    def central(width):
        return (f(x + width) - f(x - width)) / (2.0 * width)

    one, two, four = central(h), central(h / 2.0), central(h / 4.0)
    first, second = (4.0 * two - one) / 3.0, (4.0 * four - two) / 3.0
    return (16.0 * second - first) / 15.0


@reproducible
@given(program=programs, numbers=leaf_data)
def test_random_expressions_agree_with_finite_differences(program, numbers):
    y, leaves = gradients(program, numbers)
    size = max(1.0, abs(y.data), *(abs(leaf.grad) for leaf in leaves))
    for i, leaf in enumerate(leaves):

        def along(x, i=i):
            return run(program, [*numbers[:i], x, *numbers[i + 1 :]])

        assert leaf.grad == pytest.approx(difference_quotient(along, numbers[i]), abs=1e-7 * size)


@reproducible
@given(program=programs, numbers=leaf_data)
def test_values_floats_and_arrays_are_the_same_numbers(program, numbers):
    y, _ = gradients(program, numbers)
    assert run(program, numbers) == y.data
    batch = run(program, [np.array([x, -x, 0.5 * x]) for x in numbers])
    one_by_one = [run(program, [k * x for x in numbers]) for k in (1.0, -1.0, 0.5)]
    assert batch.tolist() == pytest.approx(one_by_one, rel=1e-11, abs=1e-11)


@reproducible
@given(program=programs, numbers=leaf_data)
def test_a_second_backward_doubles_the_leaves_and_repeats_the_rest(program, numbers):
    y, leaves = gradients(program, numbers)
    order = topological(y)
    once = [node.grad for node in order]
    y.backward()
    for node, grad in zip(order, once, strict=True):
        if node.is_leaf:
            assert node.grad == 2.0 * grad
        else:
            assert node.grad == grad
    assert any(leaf in leaves for leaf in order)


@reproducible
@given(program=programs, numbers=leaf_data, seed=st.sampled_from([2.0, -0.5, 4.0]))
def test_gradients_are_linear_in_the_seed(program, numbers, seed):
    """Exactly so for powers of two."""
    _, leaves = gradients(program, numbers)
    others = [Value(number) for number in numbers]
    run(program, others).backward(seed)
    assert [leaf.grad for leaf in others] == [seed * leaf.grad for leaf in leaves]


@reproducible
@given(program=programs, numbers=leaf_data)
def test_the_gradient_of_a_sum_of_losses_is_the_sum_of_their_gradients(program, numbers):
    leaves = [Value(number) for number in numbers]
    first, second = run(program, leaves), run(program[:1], leaves)
    first.backward()
    second.backward()
    _, separate = gradients(program, numbers)
    _, short = gradients(program[:1], numbers)
    for leaf, a, b in zip(leaves, separate, short, strict=True):
        assert leaf.grad == a.grad + b.grad


@reproducible
@given(program=programs, numbers=leaf_data)
def test_the_chain_rule_holds_at_every_node(program, numbers):
    """Each gradient is the sum over the uses of adjoint times partial, as the nodes tell them."""
    y, _ = gradients(program, numbers)
    order = topological(y)
    total = {id(node): 0.0 for node in order}
    size = {id(node): 0.0 for node in order}
    total[id(y)] = 1.0
    for node in reversed(order):
        for parent, partial in zip(node.parents, node.partials, strict=True):
            share = node.grad * partial
            total[id(parent)] += share
            size[id(parent)] += abs(share)
    for node in order:
        if node.requires_grad:
            assert node.grad == pytest.approx(total[id(node)], abs=1e-14 * size[id(node)])


@reproducible
@given(program=programs, numbers=leaf_data)
def test_leaves_that_are_constants_change_no_other_gradient(program, numbers):
    _, leaves = gradients(program, numbers)
    mixed = [Value(number, requires_grad=i != 1) for i, number in enumerate(numbers)]
    run(program, mixed).backward()
    assert mixed[1].grad == 0.0
    assert mixed[0].grad == leaves[0].grad
    assert mixed[2].grad == leaves[2].grad


numbers_of_any_kind = st.one_of(
    st.floats(width=64),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.floats(width=32).map(np.float32),
    st.floats(width=16).map(np.float16),
    st.integers(-128, 127).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
)


@reproducible
@given(a=numbers_of_any_kind, b=numbers_of_any_kind)
def test_arithmetic_of_any_two_numbers_raises_nothing_and_is_that_of_doubles(a, b):
    for row in TABLE.values():
        if row.arity != 2:
            continue
        x, z = Value(a), Value(b)
        y = row(x, z)
        want = row(float(a), float(b))
        assert y.data == want or (math.isnan(y.data) and math.isnan(want))
        y.backward()
        assert type(x.grad) is float
        assert type(z.grad) is float


@reproducible
@given(numbers=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8))
def test_logsumexp_never_overflows_and_its_gradients_are_a_distribution(numbers):
    leaves = [Value(number) for number in numbers]
    y = ops.logsumexp(leaves)
    y.backward()
    assert max(numbers) <= y.data <= max(numbers) + math.log(len(numbers)) + 1e-12
    assert all(0.0 <= leaf.grad <= 1.0 + 1e-12 for leaf in leaves)
    assert math.fsum(leaf.grad for leaf in leaves) == pytest.approx(1.0, abs=1e-12)
