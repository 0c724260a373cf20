"""Eight threads give what one gives, and each has its own surroundings."""

import asyncio
import contextvars
import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import (
    AnomalyError,
    Value,
    detect_anomaly,
    grad,
    gradcheck,
    hessian,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    scope,
)

N = 8


@contextmanager
def frequent_switches():
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(former)


def in_threads(work, items):
    """What work gives for each item, all begun at the same time."""
    items = list(items)
    barrier = threading.Barrier(len(items))

    def begin(item):
        barrier.wait(timeout=30.0)
        return work(item)

    with frequent_switches(), ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(begin, items))


def model_and_data():
    model = nn.MLP(3, [5, 2], activation="tanh", rng=0)
    rng = np.random.default_rng(1)
    return model, [(rng.normal(size=3).tolist(), rng.normal(size=2).tolist()) for _ in range(N)]


# -- shared parameters -----------------------------------------------------------------------


def test_losses_over_shared_parameters_are_the_same_to_the_bit():
    model, data = model_and_data()

    def loss(pair):
        return nn.mse(model(pair[0]), pair[1]).data

    serial = [loss(pair) for pair in data]
    assert in_threads(loss, data) == serial


def test_gradients_by_transforms_are_the_same_to_the_bit():
    """They live in no node, so nothing is shared but what is read."""
    model, data = model_and_data()

    def work(pair):
        f = lambda x: nn.mse(model(list(x)), pair[1])
        x = np.array(pair[0])
        return (
            grad(f)(x).tolist(),
            hessian(f)(x).tolist(),
            jacobian(lambda x: model(list(x)))(x)[0].tolist(),
            jvp(f, (x,), (x,))[1],
            grad(grad(lambda t: f(np.array([t, 0.0, 1.0]))))(0.3),
        )

    serial = [work(pair) for pair in data]
    assert in_threads(work, data) == serial
    assert all(p.grad == 0.0 for p in model.parameters())


def test_gradients_that_accumulate_in_shared_parameters_agree_to_rounding():
    """Sums of eight passes, in whatever order they take turns."""
    model, data = model_and_data()

    def work(pair):
        for _ in range(3):
            nn.mse(model(pair[0]), pair[1]).backward()

    for pair in data:
        work(pair)
    serial = [p.grad for p in model.parameters()]
    model.zero_grad()
    in_threads(work, data)
    got = [p.grad for p in model.parameters()]
    assert got == pytest.approx(serial, rel=1e-12, abs=1e-14)


def test_exact_sums_over_a_shared_leaf_lose_no_pass():
    """Small integers, whose sums are exact in any order: the same to the bit."""
    x = Value(2.0)
    for p in range(3):
        x.zero_grad()

        def work(k):
            for _ in range(50):
                (x * float(k + 1)).backward()

        in_threads(work, range(N))
        assert x.grad == 50.0 * sum(range(1, N + 1)), p


def test_one_graph_pulled_back_in_all_threads():
    x = Value(1.5)
    a = x * x
    y = a
    for _ in range(300):
        y = y + 0.0 * a
    in_threads(lambda _: [y.backward() for _ in range(5)], range(N))
    assert x.grad == 40 * 3.0
    assert (y.grad, a.grad) == (1.0, 1.0)


def test_slow_and_fast_passes_take_turns():
    """Some threads hook, watch or make graphs of gradients, over the same leaf."""
    x = Value(2.0)

    def work(k):
        for _ in range(20):
            y = x * x
            if k % 4 == 0:
                y.register_hook(lambda adjoint: None)
                y.backward()
            elif k % 4 == 1:
                with detect_anomaly():
                    y.backward()
            elif k % 4 == 2:
                assert grad(grad(lambda t: t**3 * x))(2.0) == 24.0
                y.backward()
            else:
                y.backward()

    in_threads(work, range(N))
    assert x.grad == 20 * N * 4.0


def test_hooks_may_come_and_go_while_other_threads_run_backward():
    x = [Value(float(k)) for k in range(N)]
    seen = [0] * N

    def work(k):
        for _ in range(150):
            nodes = [x[k] * 1.0 for _ in range(10)]
            handles = [
                node.register_hook(lambda adjoint: seen.__setitem__(k, seen[k] + 1))
                for node in nodes
            ]
            ag.sum(nodes).backward()
            for handle in handles:
                handle.remove()

    in_threads(work, range(N))
    assert [leaf.grad for leaf in x] == [1500.0] * N
    assert seen == [1500] * N


def test_backward_does_not_stumble_over_hooks_that_come_meanwhile():
    x = Value(2.0)
    others = [Value(1.0) for _ in range(3000)]
    for other in others:
        other.register_hook(lambda adjoint: None)
    stop = threading.Event()

    def register():
        while not stop.is_set():
            for node in [Value(1.0) for _ in range(50)]:
                node.register_hook(lambda adjoint: None)

    thread = threading.Thread(target=register)
    thread.start()
    try:
        with frequent_switches():
            for _ in range(500):
                (x * x).backward()
    finally:
        stop.set()
        thread.join(timeout=10.0)
    assert x.grad == 2000.0


def test_create_graph_in_all_threads_over_their_own_leaves():
    def work(k):
        x = Value(0.1 * k)
        (ag.exp(x) * x).backward(create_graph=True)
        first = x.grad
        x.zero_grad()
        first.backward()
        return x.grad

    assert in_threads(work, range(N)) == [work(k) for k in range(N)]


def test_an_error_in_one_thread_harms_no_other():
    x = Value(3.0)
    broken = ag.custom_op("broken", lambda t: t, lambda y, t: "no number")

    def work(k):
        for _ in range(30):
            if k % 2:
                with pytest.raises(TypeError, match="the partial of 'broken'"):
                    (broken(x) * x).backward()
            else:
                (x * 2.0).backward()

    in_threads(work, range(N))
    assert x.grad == 30 * (N // 2) * 2.0


# -- surroundings ----------------------------------------------------------------------------


def test_each_thread_has_its_own_surroundings():
    def work(k):
        seen = set()
        for _ in range(50):
            with scope(f"thread{k}"):
                if k % 2:
                    with no_grad():
                        y = Value(1.0) * 2.0
                else:
                    y = Value(1.0) * 2.0
                if k % 4 == 0:
                    with detect_anomaly(), pytest.raises(AnomalyError):
                        Value(0.0).log()
                else:
                    assert Value(0.0).log().data == -math.inf
                seen.add((y.scope.path, y.requires_grad))
        return seen

    assert in_threads(work, range(N)) == [{(f"thread{k}", k % 2 == 0)} for k in range(N)]
    assert is_grad_enabled()


def test_a_new_thread_begins_with_plain_surroundings():
    seen = []

    def look():
        y = Value(1.0) * 2.0
        seen.append((y.requires_grad, y.scope, Value(0.0).log().data))

    with no_grad(), scope("s"), detect_anomaly():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(timeout=10.0)
    assert seen == [(True, None, -math.inf)]


def test_a_copied_context_takes_the_surroundings_along():
    def look():
        return is_grad_enabled(), (Value(1.0) * 2.0).scope.path

    with no_grad(), scope("s"):
        context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(context.run, look).result() == (False, "s")
    assert is_grad_enabled()


def test_a_transform_in_one_thread_makes_no_values_in_another():
    """The mark that transforms nest belongs to the thread, too."""
    inside, done = threading.Event(), threading.Event()
    seen = []

    def f(x):
        inside.set()
        done.wait(timeout=10.0)
        return grad(lambda y: y**3)(x)

    thread = threading.Thread(target=lambda: seen.append(grad(f)(2.0)))
    thread.start()
    assert inside.wait(timeout=10.0)
    g = grad(lambda y: y**3)(2.0)
    done.set()
    thread.join(timeout=10.0)
    assert type(g) is float
    assert seen == [12.0]


def test_a_rule_read_with_values_in_one_thread_lets_others_read_numbers():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def rule(y, x):
        if isinstance(x, Value):
            inside.set()
            done.wait(timeout=10.0)
        return 2.0 * x

    op = ag.custom_op("waiting", lambda x: x * x, rule)
    thread = threading.Thread(target=lambda: seen.append(grad(grad(op))(3.0)))
    thread.start()
    assert inside.wait(timeout=10.0)
    number = float(Value(2.0))
    done.set()
    thread.join(timeout=10.0)
    assert number == 2.0
    assert seen == [2.0]


def test_threads_within_a_function_that_copy_the_context_stay_differentiable():
    def f(x):
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(context.run, grad(lambda y: x * y**2), 3.0).result()

    assert grad(f)(2.0) == 6.0


def test_asyncio_to_thread_and_tasks_in_between():
    async def main():
        async def task(k):
            with scope(f"task{k}"):
                await asyncio.sleep(0)
                a = await asyncio.to_thread(lambda: (Value(1.0) * 1.0).scope.path)
                return a, grad(lambda x: x**2)(float(k))

        return await asyncio.gather(*(task(k) for k in range(6)))

    assert asyncio.run(main()) == [(f"task{k}", 2.0 * k) for k in range(6)]


def test_gradcheck_in_threads():
    def work(k):
        bad = ag.custom_op(f"bad{k}", lambda x: x * x, lambda y, x: x)
        right = gradcheck(lambda x: ag.tanh(x) * x, 0.1 * k + 0.3, order=2)
        with pytest.raises(ag.GradcheckError, match=f"at fault is <op bad{k}>"):
            gradcheck(bad, 1.0 + k)
        return right

    assert in_threads(work, range(4)) == [True] * 4


def test_first_uses_of_an_op_in_all_threads_at_once():
    for k in range(20):
        op = ag.custom_op(f"new{k}", lambda x: x * x, lambda y, x: 2.0 * x)
        got = in_threads(lambda _, op=op: grad(op)(3.0), range(4))
        assert got == [6.0] * 4
