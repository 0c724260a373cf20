"""Hooks see a node's complete adjoint, and may replace it."""

import gc
import math
import weakref

import numpy as np
import pytest

import autograd as ag
from autograd import GraphError, Value, grad, topological


def test_a_hook_on_an_interior_node_sees_its_adjoint():
    x = Value(3.0)
    a = x * x
    y = a * 5.0
    seen = []
    a.register_hook(seen.append)
    y.backward()
    assert seen == [5.0]
    assert type(seen[0]) is float
    assert (x.grad, a.grad, y.grad) == (30.0, 5.0, 1.0)


def test_a_hook_on_a_leaf_sees_what_this_pass_brings_not_what_was_there():
    x = Value(3.0)
    x.grad = 100.0
    seen = []
    x.register_hook(seen.append)
    y = x * x
    y.backward()
    y.backward()
    assert seen == [6.0, 6.0]
    assert x.grad == 112.0


def test_a_hook_on_the_root_sees_the_seed():
    x = Value(3.0)
    y = x * x
    seen = []
    y.register_hook(lambda adjoint: seen.append(adjoint) or 10.0 * adjoint)
    y.backward(0.5)
    assert seen == [0.5]
    assert (x.grad, y.grad) == (30.0, 5.0)


def test_what_a_hook_returns_takes_the_place_of_the_adjoint():
    x, z = Value(3.0), Value(2.0)
    a = x * z
    a.register_hook(lambda adjoint: -2.0 * adjoint)
    (a * 5.0).backward()
    assert (a.grad, x.grad, z.grad) == (-10.0, -20.0, -30.0)


def test_what_a_hook_on_a_leaf_returns_is_added_to_its_grad():
    x = Value(3.0)
    x.grad = 1.0
    x.register_hook(lambda adjoint: 100.0)
    (x * x).backward()
    assert x.grad == 101.0


def test_returning_none_changes_nothing_not_even_the_last_bit():
    def gradients(hooked):
        rng = np.random.default_rng(0)
        w = [Value(v) for v in rng.normal(size=6)]
        a = [ag.tanh(ag.dot(w, [*w[k:], *w[:k]])) for k in range(6)]
        if hooked:
            for node in a:
                node.register_hook(lambda adjoint: None)
        (ag.logsumexp(a) * sum(a) + a[0] * w[0]).backward()
        return [each.grad for each in w]

    plain = gradients(False)
    assert gradients(True) == pytest.approx(plain, rel=1e-14)
    assert gradients(False) == plain


def test_a_replacement_of_zero_stops_what_flows():
    x = Value(0.0)
    a = ag.sqrt(x)
    a.register_hook(lambda adjoint: 0.0)
    (a + x).backward()
    assert x.grad == 1.0


def test_clipping_what_flows():
    x = Value(3.0)
    a = x * 1e6
    a.register_hook(lambda adjoint: max(-1.0, min(1.0, adjoint)))
    (a * 1e6).backward()
    assert (a.grad, x.grad) == (1.0, 1e6)


def test_several_hooks_run_in_the_order_in_which_they_came():
    x = Value(3.0)
    a = x * 2.0
    seen = []
    a.register_hook(lambda adjoint: seen.append(("first", adjoint)) or adjoint + 1.0)
    a.register_hook(lambda adjoint: seen.append(("second", adjoint)))
    a.register_hook(lambda adjoint: seen.append(("third", adjoint)) or adjoint * 10.0)
    (a * 4.0).backward()
    assert seen == [("first", 4.0), ("second", 5.0), ("third", 5.0)]
    assert (a.grad, x.grad) == (50.0, 100.0)


def test_the_same_hook_may_be_registered_twice():
    x = Value(3.0)

    def double(adjoint):
        return 2.0 * adjoint

    first, second = x.register_hook(double), x.register_hook(double)
    (x * 1.0).backward()
    assert x.grad == 4.0
    first.remove()
    x.zero_grad()
    (x * 1.0).backward()
    assert x.grad == 2.0
    second.remove()
    x.zero_grad()
    (x * 1.0).backward()
    assert x.grad == 1.0


def test_a_removed_hook_is_silent_and_may_be_removed_again():
    x = Value(3.0)
    seen = []
    handle = x.register_hook(seen.append)
    keep = x.register_hook(lambda adjoint: seen.append("kept"))
    (x * 2.0).backward()
    handle.remove()
    handle.remove()
    (x * 2.0).backward()
    assert seen == [2.0, "kept", "kept"]
    keep.remove()


def test_a_hook_may_remove_itself_while_it_runs():
    x = Value(3.0)
    seen = []

    def once(adjoint):
        seen.append(adjoint)
        handle.remove()

    handle = x.register_hook(once)
    after = x.register_hook(lambda adjoint: seen.append("after"))
    (x * 2.0).backward()
    (x * 2.0).backward()
    assert seen == [2.0, "after", "after"]
    after.remove()


def test_a_hook_may_register_another_for_the_next_pass():
    x = Value(3.0)
    seen = []

    def first(adjoint):
        seen.append("first")
        if len(seen) == 1:
            x.register_hook(lambda adjoint: seen.append("second"))

    x.register_hook(first)
    (x * 2.0).backward()
    assert seen == ["first"]
    (x * 2.0).backward()
    assert seen == ["first", "first", "second"]


def test_a_shared_node_shows_its_complete_adjoint_once():
    x = Value(2.0)
    a = x * 3.0
    b = a + 1.0
    c = b * a
    d = c + a
    seen = []
    a.register_hook(seen.append)
    d.backward()
    assert seen == [14.0]  # from b, c and d
    assert x.grad == 42.0


def test_a_hook_runs_before_anything_its_node_was_computed_from_is_reached():
    order = []
    x = Value(2.0)
    a = x * x
    b = a * a
    y = b + a
    for name, node in (("x", x), ("a", a), ("b", b), ("y", y)):
        node.register_hook(lambda adjoint, name=name: order.append(name))
    y.backward()
    assert order == ["y", "b", "a", "x"]


def test_a_hook_on_a_node_that_nothing_reaches_is_not_called():
    x = Value(2.0)
    a, b = x * 3.0, x * 4.0
    b.register_hook(lambda adjoint: pytest.fail("not in this graph"))
    a.backward()
    c = ag.where(True, a, b)
    c.backward()  # the branch that was not taken has no adjoint
    assert x.grad == 6.0


def test_a_hook_sees_the_later_passes_too():
    x = Value(2.0)
    a = x * 3.0
    y, z = a * 5.0, a * 7.0
    seen = []
    a.register_hook(seen.append)
    y.backward()
    z.backward()
    y.backward()
    assert seen == [5.0, 7.0, 5.0]


def test_infinite_and_nan_adjoints_are_shown():
    x = Value(0.0)
    a = x * 1.0
    seen = []
    a.register_hook(seen.append)
    ag.sqrt(a).backward()
    (a * math.nan).backward()
    assert seen[0] == math.inf
    assert math.isnan(seen[1])


# -- what a hook may not ---------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["abc", "3.5", 1j, [1.0], np.array([1.0, 2.0])],
                         ids=repr)  # fmt: skip
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("where", ["leaf", "interior"])
def test_a_hook_that_returns_no_number_is_refused_in_words(bad, create_graph, where):
    x = Value(3.0)
    a = x * x
    y = a * 2.0
    y.backward()
    node = x if where == "leaf" else a
    handle = node.register_hook(lambda adjoint: bad)
    with pytest.raises(TypeError, match=r"hook|expected a real number"):
        y.backward(create_graph=create_graph)
    assert x.grad == 12.0
    handle.remove()
    y.backward()
    assert x.grad == 24.0


@pytest.mark.parametrize("good", [2, True, np.float32(2.0), np.float64(2.0), np.int8(2)], ids=repr)
def test_any_real_number_will_do(good):
    x = Value(3.0)
    (a := x * x).register_hook(lambda adjoint: good)
    a.backward()
    assert x.grad == 6.0 * float(good)
    assert type(x.grad) is float
    assert type(a.grad) is float


def test_an_error_in_a_hook_leaves_the_leaves_as_they_were():
    x = Value(3.0)
    a = x * x
    y = a * x
    y.backward()

    def fail(adjoint):
        raise RuntimeError("boom")

    handle = a.register_hook(fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="boom"):
            y.backward()
        assert x.grad == 27.0
    handle.remove()
    y.backward()
    assert x.grad == 54.0


def test_backward_within_a_hook_is_refused_and_the_engine_usable_afterwards():
    x, z = Value(3.0), Value(2.0)
    other = z * z
    a = x * x
    handle = a.register_hook(lambda adjoint: other.backward())
    with pytest.raises(GraphError, match="called by a hook"):
        (a * 2.0).backward()
    assert (x.grad, z.grad) == (0.0, 0.0)
    handle.remove()
    other.backward()
    (a * 2.0).backward()
    assert (x.grad, z.grad) == (12.0, 4.0)


def test_a_refusal_that_the_hook_catches_harms_nothing():
    x, z = Value(3.0), Value(2.0)

    def hook(adjoint):
        with pytest.raises(GraphError, match="called by a hook"):
            (z * z).backward()

    a = x * x
    a.register_hook(hook)
    a.backward()
    assert (x.grad, z.grad) == (6.0, 0.0)


def test_transforms_within_a_hook_are_allowed():
    x = Value(3.0)
    a = x * x
    a.register_hook(lambda adjoint: grad(lambda t: t**3)(2.0))
    a.backward()
    assert (a.grad, x.grad) == (12.0, 72.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Value(2.0, requires_grad=False),
        lambda: Value(2.0).detach(),
        lambda: Value(2.0, "c", requires_grad=False) * 3.0,
    ],
)
def test_a_hook_on_a_constant_is_refused(make):
    with pytest.raises(GraphError, match="is a constant: no gradient will ever reach a hook"):
        make().register_hook(print)


# -- with other things -----------------------------------------------------------------------


def test_hooks_with_create_graph_see_and_return_values():
    x = Value(3.0)
    a = x * x
    seen = []
    a.register_hook(lambda adjoint: seen.append(adjoint) or adjoint * 2.0)
    (a * a).backward(create_graph=True)  # x⁴, doubled on its way
    assert isinstance(seen[0], Value)
    assert float(seen[0]) == 18.0
    assert float(x.grad) == 2.0 * 4.0 * 27.0
    first = x.grad
    x.zero_grad()
    seen.clear()
    first.backward()  # which passes through a again, and is doubled there once more
    assert len(seen) == 1


def test_a_hook_may_return_a_value_as_a_number():
    x = Value(3.0)
    a = x * x
    a.register_hook(lambda adjoint: Value(4.0))
    a.backward()
    assert (x.grad, type(x.grad)) == (24.0, float)


def test_hooks_belong_to_backward_and_transforms_do_not_call_them():
    def f(x):
        h = x[0] * x[1]
        h.register_hook(lambda adjoint: pytest.fail("called by a transform"))
        return np.array([h * x[2], h * h])

    x = np.array([1.0, 2.0, 3.0])
    assert ag.jacobian(f)(x).tolist() == [[6.0, 3.0, 2.0], [8.0, 4.0, 0.0]]
    assert ag.grad(lambda x: f(x)[0])(x).tolist() == [6.0, 3.0, 2.0]


def test_hooks_elsewhere_change_no_other_pass():
    z = Value(1.0)
    z.register_hook(lambda adjoint: pytest.fail("not in this graph"))
    x = Value(3.0)
    (x * x * x).backward()
    assert x.grad == 27.0


def test_a_hook_is_kept_when_the_handle_is_not():
    x = Value(3.0)
    seen = []
    x.register_hook(seen.append)
    gc.collect()
    (x * 2.0).backward()
    assert seen == [2.0]


def test_labels_and_scopes_survive_a_hook_and_a_hook_survives_labels():
    with ag.scope("s"):
        x = Value(3.0, "x")
        a = x * x
    seen = []
    a.register_hook(seen.append)
    a.label = "a"
    assert a.scope.path == "s"
    a.tag("b", None)
    a.backward()
    assert seen == [1.0]
    assert (a.label, a.scope) == ("b", None)
    assert a.detach().label == "b"


def test_a_deep_graph_with_a_hook_needs_no_recursion():
    x = Value(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    seen = []
    x.register_hook(seen.append)
    y.backward()
    assert seen == [1.0]
    assert len(topological(y)) == 40_001


# -- memory ----------------------------------------------------------------------------------


def test_a_hooked_node_and_its_hook_are_freed_by_reference_counts():
    gc.collect()
    gc.disable()
    try:

        class Hook:
            def __call__(self, adjoint):
                return None

        x, hook = Value(3.0), Hook()
        a = x * x
        a.register_hook(hook)
        y = a * 2.0
        y.backward()
        refs = [weakref.ref(a), weakref.ref(hook), weakref.ref(y)]
        del a, y, hook
        assert [ref() for ref in refs] == [None] * 3
    finally:
        gc.enable()


def test_a_handle_does_not_keep_its_node_alive():
    gc.collect()
    gc.disable()
    try:
        a = Value(3.0) * 2.0
        handle = a.register_hook(lambda adjoint: None)
        ref = weakref.ref(a)
        del a
        assert ref() is None
        handle.remove()
    finally:
        gc.enable()


def test_a_removed_hook_is_let_go_of():
    class Hook:
        def __call__(self, adjoint):
            return None

    x, hook = Value(3.0), Hook()
    handle = x.register_hook(hook)
    (x * x).backward()
    handle.remove()
    ref = weakref.ref(hook)
    del hook
    gc.collect()
    assert ref() is None


def test_a_pass_after_the_last_hook_is_removed_is_as_fast_as_before(monkeypatch):
    """The pass that looks at adjoints is the slower one."""
    from autograd import reverse

    x = Value(3.0)
    handle = x.register_hook(lambda adjoint: None)
    handle.remove()
    gc.collect()
    slow = []
    in_words = reverse._in_words
    monkeypatch.setattr(reverse, "_in_words", lambda *args: slow.append(args) or in_words(*args))
    (x * x).backward()
    assert x.grad == 6.0
    assert not slow
