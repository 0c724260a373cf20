"""`no_grad` and `scope`: what holds while code runs, and for whom."""

import asyncio
import threading
import weakref

import pytest

from autograd import Scope, Value, is_grad_enabled, no_grad, ops, scope


def records():
    """Whether an operation is recorded right now."""
    x = Value(2.0)
    y = x * x
    assert y.requires_grad is is_grad_enabled()
    return y.requires_grad


# -- no_grad ---------------------------------------------------------------------------------


def test_operations_are_recorded_by_default():
    assert is_grad_enabled() is True
    assert records()


def test_under_no_grad_nothing_is_recorded():
    with no_grad():
        assert is_grad_enabled() is False
        assert not records()
    assert records()


def test_new_leaves_under_no_grad_still_require_gradients():
    with no_grad():
        w = Value(2.0)
    assert w.requires_grad
    (w * 3.0).backward()
    assert w.grad == 3.0


def test_results_under_no_grad_keep_nothing_alive():
    x = Value(2.0)
    with no_grad():
        y = (x * x).exp() + ops.total([x, x])
    ref = weakref.ref(x)
    del x
    assert ref() is None
    assert y.parents == ()


def test_backward_works_under_no_grad_on_a_graph_from_before():
    x = Value(3.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad == 6.0


def test_recording_comes_back_after_an_exception():
    with pytest.raises(RuntimeError, match="boom"), no_grad():
        raise RuntimeError("boom")
    assert records()

    @no_grad
    def fail():
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert records()


def test_no_grad_nests():
    with no_grad():
        with no_grad():
            assert not records()
        assert not records()
    assert records()


def test_inner_no_grad_comes_back_to_outer_no_grad_after_an_exception():
    with no_grad():
        with pytest.raises(KeyError), no_grad():
            raise KeyError
        assert not records()
    assert records()


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["bare", "called"])
def test_no_grad_decorates_functions(decorate):
    @decorate
    def evaluate(a, *, b=2):
        """The docstring."""
        return records(), a, b

    for _ in range(2):
        assert evaluate(1, b=3) == (False, 1, 3)
        assert records()
    assert evaluate.__name__ == "evaluate"
    assert evaluate.__doc__ == "The docstring."


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["bare", "called"])
def test_no_grad_decorates_methods(decorate):
    class Model:
        @decorate
        def evaluate(self, x):
            return self, x, records()

    model = Model()
    assert model.evaluate(1) == (model, 1, False)


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["bare", "called"])
def test_a_decorated_function_may_call_itself(decorate):
    @decorate
    def down(n):
        assert not records()
        return n if n == 0 else down(n - 1)

    assert down(5) == 0
    assert records()


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["bare", "called"])
def test_no_grad_decorates_async_functions(decorate):
    @decorate
    async def evaluate(n):
        before = records()
        await asyncio.sleep(0)
        return n, before, records()

    async def main():
        assert records()
        result = await evaluate(1)
        assert records()
        return result

    assert asyncio.run(main()) == (1, False, False)


@pytest.mark.parametrize("decorate", [no_grad, no_grad()], ids=["bare", "called"])
def test_a_decorated_generator_records_nothing_and_leaves_its_caller_alone(decorate):
    @decorate
    def evaluate():
        got = yield records()
        yield got, records()

    generator = evaluate()
    assert next(generator) is False
    assert records()
    assert generator.send(5) == (5, False)
    assert records()
    assert list(generator) == []
    assert records()


def test_an_error_thrown_into_a_decorated_generator_arrives_there():
    @no_grad
    def evaluate():
        try:
            yield 1
        except KeyError as error:
            yield error.args, records()

    generator = evaluate()
    assert next(generator) == 1
    assert generator.throw(KeyError("here")) == (("here",), False)
    assert records()
    assert list(generator) == []
    with pytest.raises(KeyError, match="not caught"):
        evaluate().throw(KeyError("not caught"))


def test_no_grad_holds_for_its_own_task_only():
    async def quiet(started, release):
        with no_grad():
            started.set()
            await release.wait()
            return records()

    async def loud(started, release):
        await started.wait()
        result = records()
        release.set()
        return result

    async def main():
        started, release = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(quiet(started, release), loud(started, release))

    assert asyncio.run(main()) == [False, True]


def test_a_task_started_under_no_grad_inherits_it_and_gives_nothing_back():
    async def child():
        assert not records()
        with scope("child"):
            return records()

    async def main():
        with no_grad():
            task = asyncio.create_task(child())
        assert records()
        return await task

    assert asyncio.run(main()) is False


def test_no_grad_holds_for_its_own_thread_only():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def quiet():
        with no_grad():
            inside.set()
            done.wait(timeout=10.0)
            seen.append(records())

    thread = threading.Thread(target=quiet)
    thread.start()
    assert inside.wait(timeout=10.0)
    seen.append(records())
    done.set()
    thread.join(timeout=10.0)
    assert seen == [True, False]


# -- scope -----------------------------------------------------------------------------------


def test_a_node_belongs_to_the_scope_that_made_it():
    x = Value(1.0)
    assert x.scope is None
    with scope("encoder") as outer:
        y = x * 2.0
        inside = Value(3.0)
        assert isinstance(outer, Scope)
    z = y + 1.0
    assert y.scope is outer
    assert inside.scope is outer
    assert (outer.name, outer.path, outer.parent) == ("encoder", "encoder", None)
    assert z.scope is None


def test_scopes_nest_into_paths():
    with scope("model"):
        with scope("layers"), scope("0"):
            y = Value(1.0).exp()
        z = Value(1.0).exp()
    assert y.scope.path == "model.layers.0"
    assert y.scope.parent.path == "model.layers"
    assert z.scope.path == "model"


def test_two_calls_of_one_name_are_two_scopes():
    nodes = []
    for _ in range(2):
        with scope("layer"):
            nodes.append(Value(1.0) * 2.0)
    assert nodes[0].scope is not nodes[1].scope
    assert nodes[0].scope.path == nodes[1].scope.path == "layer"


def test_every_kind_of_node_gets_the_scope():
    x = Value(0.5)
    with scope("s") as s:
        for row in ops.TABLE.values():
            args = [[x]] * len(row.domain) if row.arity is None else [x] * row.arity
            assert row(*args).scope is s, row
        assert (x * 2.0).parents[1].scope is s
        assert (2.0 - x).scope is s


def test_a_scope_ends_with_its_block_also_when_that_raises():
    with pytest.raises(RuntimeError, match="boom"), scope("s"):
        raise RuntimeError("boom")
    assert Value(1.0).scope is None


def test_a_scope_object_can_be_entered_again_and_within_itself():
    s = scope("s")
    for _ in range(2):
        with s, s:
            assert Value(1.0).scope.path == "s.s"
        assert Value(1.0).scope is None


def test_scope_and_no_grad_do_not_disturb_each_other():
    x = Value(1.0)
    with scope("a"), no_grad():
        with scope("b"):
            y = x * 2.0
        assert y.scope.path == "a.b"
        assert not y.requires_grad
    with no_grad(), scope("a"):
        assert not records()
    with scope("a"):
        with no_grad():
            pass
        assert records()
        assert Value(1.0).scope.path == "a"


def test_labels_do_not_leak_into_the_scope():
    with scope("s"):
        a = Value(1.0, "a")
        b = a * 2.0
        b.label = "b"
        c = b + 1.0
    assert (a.label, b.label, c.label) == ("a", "b", "")
    assert a.scope is b.scope is c.scope


def test_detach_keeps_the_scope():
    with scope("s"):
        y = Value(1.0) * 2.0
    assert y.detach().scope is y.scope


def test_scopes_are_those_of_their_own_thread():
    paths = []

    def work(name):
        with scope(name):
            paths.append((Value(1.0) * 1.0).scope.path)

    with scope("main"):
        threads = [threading.Thread(target=work, args=(str(k),)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=10.0)
        assert Value(1.0).scope.path == "main"
    assert sorted(paths) == ["0", "1", "2", "3"]
