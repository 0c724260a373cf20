"""`compile`: what a program returns, sees, refuses, and leaves alone."""

import itertools
import threading

import numpy as np
import pytest

import autograd
import nn
from autograd import TraceError, Value, compile, custom_op
from autograd.op import TABLE


def gradients(model):
    return {
        name: np.vectorize(lambda value: value.grad, otypes=[float])(member)
        for name, member in model.named_parameters()
    }


def eager(model, f, *batches):
    """Sum of the losses and gradients, sample by sample."""
    model.zero_grad()
    total = 0.0
    for sample in zip(*batches, strict=True):
        loss = f(*sample)
        loss.backward()
        total += loss.data
    return total, gradients(model)


def assert_same(found, expected, rtol=1e-11):
    assert found.keys() == expected.keys()
    for name in expected:
        scale = max(1e-3, np.abs(expected[name]).max(initial=0.0))
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=rtol * scale)


def example(activation="tanh", samples=9):
    random = np.random.default_rng(0)
    model = nn.MLP(2, [5, 4, 1], activation, rng=1)
    X, y = random.normal(size=(samples, 2)), random.normal(size=samples)
    return model, (lambda x, t: nn.mse(model(x), t)), X, y


# --- what comes back -------------------------------------------------------------------------


def test_a_call_returns_what_the_function_returns():
    w = Value(2.0)
    structure = compile(lambda x: {"sum": w * x + 1.0, "pair": [x, (x * x, 3.0)]})(2.0)
    assert structure == {"sum": 5.0, "pair": [2.0, (4.0, 3.0)]}
    assert type(structure["sum"]) is float


def test_with_a_batch_axis_it_is_there_for_every_sample():
    model, _, X, _ = example()
    outputs = compile(model, in_axes=0)(X)
    assert isinstance(outputs, list)
    np.testing.assert_allclose(outputs[0], nn.predict(model, X)[:, 0], rtol=1e-12)


def test_arrays_come_back_as_arrays():
    w = np.array([Value(1.0), Value(2.0)], dtype=object)
    double = compile(lambda x: w * x, in_axes=0)
    np.testing.assert_array_equal(double(np.array([1.0, 3.0])), [[1.0, 2.0], [3.0, 6.0]])


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "softplus", "silu", "elu"])
def test_value_and_gradients_are_those_of_the_engine(activation):
    model, f, X, y = example(activation)
    value, found = compile(f, in_axes=0).value_and_grad(X, y)
    total, expected = eager(model, f, X.tolist(), y.tolist())
    assert value == pytest.approx(total, rel=1e-12)
    assert_same(found, expected)


@pytest.mark.parametrize("reduce", ["sum", "mean", None])
def test_reduce_combines_the_values_and_gradients(reduce):
    model, f, X, y = example()
    value, found = compile(f, in_axes=0, reduce=reduce).value_and_grad(X, y)
    total, expected = eager(model, f, X.tolist(), y.tolist())
    if reduce is None:
        assert value.shape == (9,)
        assert value.sum() == pytest.approx(total, rel=1e-12)
    else:
        scale = 1.0 if reduce == "sum" else 1.0 / 9
        assert value == pytest.approx(total * scale, rel=1e-12)
        expected = {name: each * scale for name, each in expected.items()}
    assert_same(found, expected)


def test_what_is_the_same_for_all_samples_counts_for_each():
    w = Value(3.0, label="w")
    program = compile(lambda x: w * w, in_axes=0)
    value, found = program.value_and_grad(np.ones(4))
    assert value == 36.0
    assert found["w"] == 24.0


def test_backward_adds_into_grad_and_returns_the_value():
    model, f, X, y = example()
    total, expected = eager(model, f, X.tolist(), y.tolist())
    model.zero_grad()
    program = compile(f, in_axes=0)
    for times in (1, 2):
        assert program.backward(X, y) == pytest.approx(total, rel=1e-12)
        assert_same(gradients(model), {name: times * each for name, each in expected.items()})


def test_one_batch_of_any_size_after_another():
    model, f, X, y = example(samples=40)
    program = compile(f, in_axes=0)
    for n in (1, 40, 7, 1):
        value, found = program.value_and_grad(X[:n], y[:n])
        total, expected = eager(model, f, X[:n].tolist(), y[:n].tolist())
        assert value == pytest.approx(total, rel=1e-12)
        assert_same(found, expected)


def test_a_large_batch_is_run_in_tiles_and_adds_up():
    _model, f, X, y = example("relu", samples=30_011)
    program = compile(f, in_axes=0)
    value, found = program.value_and_grad(X, y)
    parts = [program.value_and_grad(X[i::7], y[i::7]) for i in range(7)]
    assert value == pytest.approx(sum(part for part, _ in parts), rel=1e-11)
    assert_same(found, {name: sum(part[name] for _, part in parts) for name in found})


def test_an_empty_batch_has_no_samples():
    _model, f, X, y = example()
    value, found = compile(f, in_axes=0).value_and_grad(X[:0], y[:0])
    assert value == 0.0
    assert all(not each.any() for each in found.values())


def test_arguments_without_a_batch_axis_are_for_all_samples():
    w = Value(2.0)
    program = compile(lambda x, shift: w * x + shift, in_axes=(0, None))
    np.testing.assert_array_equal(program(np.array([1.0, 2.0]), 5.0), [7.0, 9.0])


def test_structures_of_arrays_have_their_batch_axis_too():
    w = Value(2.0)
    program = compile(lambda data: w * data["x"] + data["y"][0], in_axes=0)
    found = program({"x": np.array([1.0, 2.0]), "y": np.array([[1.0, 9.0], [2.0, 9.0]])})
    np.testing.assert_array_equal(found, [3.0, 6.0])


def test_lists_of_lists_are_taken_as_arrays():
    _model, f, X, y = example()
    program = compile(f, in_axes=0)
    assert program.value_and_grad(X.tolist(), y.tolist())[0] == program.value_and_grad(X, y)[0]


# --- names -----------------------------------------------------------------------------------


def test_gradients_are_named_as_the_parameters_of_the_module():
    model, f, X, y = example()
    _, found = compile(f, in_axes=0).value_and_grad(X, y)
    assert {name: each.shape for name, each in found.items()} == {
        name: each.shape for name, each in model.state_dict().items()
    }


def test_two_models_are_told_apart_by_their_variables():
    encoder, decoder = nn.Linear(2, 2, rng=0), nn.Linear(2, 1, rng=1)
    program = compile(lambda x: decoder(encoder(x))[0])
    _, found = program.value_and_grad([1.0, 2.0])
    assert sorted(found) == ["decoder.bias", "decoder.weight", "encoder.bias", "encoder.weight"]


def test_loose_parameters_are_named_by_variable_and_unused_ones_have_gradient_zero():
    weights, unused = [Value(1.0), Value(2.0)], Value(1.0)

    def f(x):
        return weights[0] * x + weights[1] if unused is not None else x

    _, found = compile(f).value_and_grad(3.0)
    np.testing.assert_array_equal(found["weights"], [3.0, 1.0])
    assert found["unused"] == 0.0


def test_parameters_that_cannot_be_found_beforehand_are_named_by_label():
    def hidden(store={}):  # noqa: B006
        return store.setdefault("w", Value(3.0, label="secret"))

    hidden()
    _, found = compile(lambda x: hidden() * x).value_and_grad(2.0)
    assert 2.0 in [float(np.ravel(each)[0]) for each in found.values()]


def test_a_frozen_parameter_has_no_gradient():
    model, f, X, y = example()
    for value in np.ravel(model.layers[0].weight):
        value.requires_grad = False
    _, found = compile(f, in_axes=0).value_and_grad(X, y)
    assert "layers.0.weight" not in found
    model.layers[0].weight[0, 0].requires_grad = True


# --- nothing is stale ------------------------------------------------------------------------


def test_parameters_are_read_afresh_at_every_call():
    w = Value(2.0)
    program = compile(lambda x: w * x)
    assert program(3.0) == 6.0
    w.data = 5.0
    assert program(3.0) == 15.0


def test_constants_from_outside_are_read_afresh_too():
    w, c = Value(2.0), Value(1.0, requires_grad=False)
    program = compile(lambda x: w * x + c)
    assert program(3.0) == 7.0
    c.data = 10.0
    assert program(3.0) == 16.0


def test_freezing_and_thawing_is_seen():
    w = Value(2.0, label="w")
    program = compile(lambda x: w * x)
    assert "w" in program.value_and_grad(3.0)[1]
    w.requires_grad = False
    assert "w" not in program.value_and_grad(3.0)[1]
    w.requires_grad = True
    assert program.value_and_grad(3.0)[1]["w"] == 3.0


factor = 2.0


def test_changes_of_numbers_arrays_and_containers_outside_are_seen():
    global factor
    shift, data, options = 1.0, np.array([1.0, 2.0]), {"scale": 1.0}
    w = Value(1.0)

    def f():
        return (w * factor + shift + data[0]) * options["scale"]

    program = compile(f)
    assert program() == 4.0
    factor = 3.0
    assert program() == 5.0
    shift = 2.0
    assert program() == 6.0
    data[0] = 4.0
    assert program() == 9.0
    options["scale"] = 2.0
    assert program() == 18.0
    factor = 2.0


def test_a_changed_model_is_traced_again():
    model = nn.MLP(1, [2, 1], "tanh", rng=0)
    program = compile(lambda x: model(x)[0])
    before = program([1.0])
    model.activations[0] = nn.Activation("relu")
    assert program([1.0]) != before
    assert program([1.0]) == pytest.approx(model([1.0])[0].data, rel=1e-12)


def test_the_program_is_kept_for_arguments_of_the_same_structure():
    calls = itertools.count()  # a list would be seen to change
    w = Value(1.0)

    def f(x):
        next(calls)
        return w * autograd.sum(list(x))

    program = compile(f)
    for x in ([1.0, 2.0], [3.0, 4.0], [1.0, 2.0, 3.0], [5.0, 6.0]):
        assert program(x) == sum(x)
    assert next(calls) == 2


def test_returned_arrays_belong_to_the_caller():
    _model, f, X, y = example()
    program = compile(f, in_axes=0, reduce=None)
    value, first = program.value_and_grad(X, y)
    kept = {name: each.copy() for name, each in first.items()}
    for each in (value, *first.values()):
        each[...] = 1e9
    again, second = program.value_and_grad(X, y)
    assert_same(second, kept)
    assert again.max() < 1e9
    assert not any(np.shares_memory(first[name], second[name]) for name in first)


def test_arguments_are_left_as_they_were():
    _model, f, X, y = example()
    before = X.copy(), y.copy()
    compile(f, in_axes=0).value_and_grad(X, y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_tracing_leaves_gradients_and_parameters_alone():
    w = Value(2.0)
    (w * 3.0).backward()
    compile(lambda x: w * x).value_and_grad(5.0)
    assert w.grad == 3.0
    assert type(w) is Value


# --- what is refused -------------------------------------------------------------------------


def double_or_nothing(x, w):
    if w * x > 0.0:
        return 2.0 * x
    return 0.0 * x


@pytest.mark.parametrize(
    "f",
    [
        lambda x, w: x if x else w,
        lambda x, w: max(x, w),
        lambda x, w: float(x) * w,
        lambda x, w: w * [1.0, 2.0][x],
        lambda x, w: w * x.data,
        lambda x, w: w * round(x),
        lambda x, w: w if w == 2.0 else x,
        double_or_nothing,
    ],
)
def test_a_choice_by_a_traced_number_is_refused(f):
    w = Value(2.0, label="w")
    with pytest.raises(TraceError, match=r"(?s)test_program\.py:\d+.*where") as caught:
        compile(lambda x: f(x, w))(1.0)
    assert "'x'" in str(caught.value) or "'w'" in str(caught.value) or "result" in str(caught.value)
    assert type(w) is Value  # and is itself again
    assert w > 1.0


def test_where_is_the_remedy():
    w = Value(2.0)
    program = compile(lambda x: autograd.where(autograd.relu(w * x), 2.0 * x, 0.0 * x), in_axes=0)
    np.testing.assert_array_equal(program(np.array([-1.0, 3.0])), [0.0, 6.0])


def test_random_numbers_inside_are_refused():
    generator, w = np.random.default_rng(0), Value(1.0)
    with pytest.raises(TraceError, match="random"):
        compile(lambda x: w * x * generator.normal())(1.0)


def test_a_node_computed_before_is_refused():
    w = Value(2.0)
    h = w * 3.0
    with pytest.raises(TraceError, match="computed before"):
        compile(lambda x: h * x)(1.0)
    fixed = h.detach()
    assert compile(lambda x: fixed * x)(2.0) == 12.0


def test_hooks_are_refused():
    w = Value(2.0)
    w.register_hook(lambda adjoint: None)
    with pytest.raises(TraceError, match="hook"):
        compile(lambda x: w * x)(1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduce": "max"}, "reduce must be"),
        ({"backend": "jax"}, "only backend"),
        ({"in_axes": 1}, "in_axes"),
        ({"in_axes": (0, "x")}, "in_axes"),
    ],
)
def test_options_must_be_known(options, message):
    with pytest.raises(ValueError, match=message):
        compile(lambda x: x, **options)


def test_wrong_shapes_name_the_argument():
    _model, f, X, y = example()
    program = compile(f, in_axes=0)
    with pytest.raises(ValueError, match=r"argument 1.* 9 samples.*\(4,\)"):
        program.value_and_grad(X, y[:4])
    with pytest.raises(ValueError, match=r"argument 1.*single number"):
        program.value_and_grad(X, 3.0)
    with pytest.raises(ValueError, match="takes 2 inputs, but got 3"):
        program.value_and_grad(np.ones((9, 3)), y)
    with pytest.raises(ValueError, match="in_axes has 1 entries"):
        compile(f, in_axes=(0,)).value_and_grad(X, y)


def test_before_the_first_call_there_is_nothing_to_look_at():
    with pytest.raises(TraceError, match="Call it"):
        compile(lambda x: x).source


# --- numbers that are none -------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_nan_and_inf_are_where_the_engine_has_them(bad):
    model, f, X, y = example("relu")
    X[3, 1] = bad
    value, found = compile(f, in_axes=0).value_and_grad(X, y)
    total, expected = eager(model, f, X.tolist(), y.tolist())
    np.testing.assert_equal(value, total)
    for name in expected:
        np.testing.assert_array_equal(np.isfinite(found[name]), np.isfinite(expected[name]))


def test_a_zero_adjoint_never_meets_an_infinite_partial():
    w = Value(0.0, label="w")
    program = compile(lambda x: autograd.where(x, w, autograd.sqrt(w)))
    assert program.value_and_grad(1.0) == (0.0, {"w": 1.0})


def test_softmax_of_large_logits_is_stable():
    w = [Value(1000.0), Value(-1000.0), Value(999.0)]
    program = compile(lambda: -autograd.log_softmax(w)[0])
    value, found = program.value_and_grad()
    loss = -autograd.log_softmax(w)[0]
    loss.backward()
    assert value == pytest.approx(loss.data, rel=1e-11)
    np.testing.assert_allclose(found["w"], [each.grad for each in w], rtol=1e-11)


@pytest.mark.parametrize("z", [20.0, -20.0, 400.0])
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_slopes_do_not_cancel_where_activations_saturate(name, z):
    w = Value(1.0, label="w")
    program = compile(lambda x: TABLE[name](w * x), in_axes=0)
    _, found = program.value_and_grad(np.array([z]))
    TABLE[name](w * z).backward()
    assert found["w"] == pytest.approx(w.grad, rel=1e-11)


# --- any op ----------------------------------------------------------------------------------

SINGLE = [row for row in TABLE.values() if row.arity is not None]
SEQUENCES = [row for row in TABLE.values() if row.arity is None]


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("row", SINGLE, ids=lambda row: row.name)
def test_every_row_compiles_to_what_it_is(row, batch):
    random = np.random.default_rng(0)
    ps = [Value(random.uniform(*interval)) for interval in row.domain]
    program = compile(lambda x: row(*ps) * x + row(*ps), in_axes=None if batch is None else 0)
    x = random.normal(size=batch)
    value, found = program.value_and_grad(x)
    total = 0.0
    for each in np.ravel(x).tolist():
        loss = row(*ps) * each + row(*ps)
        loss.backward()
        total += loss.data
    assert value == pytest.approx(total, rel=1e-11)
    np.testing.assert_allclose(found["ps"], [p.grad for p in ps], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("row", SEQUENCES, ids=lambda row: row.name)
def test_every_row_of_sequences_compiles_to_what_it_is(row, batch):
    random = np.random.default_rng(0)
    ps = [
        [Value(random.uniform(*interval)) for _ in range(1 if i == 2 else 4)]
        for i, interval in enumerate(row.domain)
    ]
    program = compile(lambda x: row(*[[p * x for p in g] for g in ps]), in_axes=batch and 0)
    x = random.uniform(0.5, 1.5, size=batch)
    value, found = program.value_and_grad(x)
    total = 0.0
    for each in np.ravel(x).tolist():
        loss = row(*[[p * each for p in group] for group in ps])
        loss.backward()
        total += loss.data
    assert value == pytest.approx(total, rel=1e-11)
    flat = np.concatenate([np.ravel(each) for each in found.values()])
    expected = [p.grad for group in ps for p in group]
    np.testing.assert_allclose(flat, expected, rtol=1e-11, atol=1e-13)


def test_a_custom_op_compiles_by_its_array_reading():
    cube = custom_op("cube", lambda x: x**3, lambda y, x: 3.0 * x**2, array=lambda x: x**3)
    branch = custom_op(
        "branch", lambda x: x if x > 0 else 0.1 * x, lambda y, x: 1.0 if x > 0 else 0.1,
        array=lambda x: np.where(x > 0, x, 0.1 * x),
    )  # fmt: skip
    w = [Value(0.5), Value(-2.0)]
    program = compile(lambda x: sum(branch(cube(p * x)) for p in w), in_axes=0)
    x = np.array([1.0, -2.0, 0.3])
    value, found = program.value_and_grad(x)
    total = 0.0
    for each in x.tolist():
        loss = sum(branch(cube(p * each)) for p in w)
        loss.backward()
        total += loss.data
    assert value == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(found["w"], [p.grad for p in w], rtol=1e-12)


def test_a_custom_op_without_one_says_so():
    cube = custom_op("cube", lambda x: x**3, lambda y, x: 3.0 * x**2)
    w = Value(2.0)
    assert compile(lambda x: cube(w * x))(1.0) == 8.0  # floats need none
    with pytest.raises(TypeError, match="array="):
        compile(lambda x: cube(w * x), in_axes=0)(np.ones(3))


def test_no_gradient_flows_through_detach_or_no_grad():
    w = Value(2.0, label="w")

    def f(x):
        with autograd.no_grad():
            fixed = w * x
        return fixed * w + (w * w).detach() * w

    for axes, x in ((None, 3.0), (0, np.array([3.0]))):
        value, found = compile(f, in_axes=axes).value_and_grad(x)
        assert value == 20.0
        assert found["w"] == 10.0


def test_detect_anomaly_still_finds_the_node():
    w = Value(0.0)
    program = compile(lambda x: autograd.log(w * x))
    program(1.0)
    with autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError, match="log"):
        program(1.0)


# --- threads ---------------------------------------------------------------------------------


def test_a_program_runs_in_several_threads_at_once():
    _model, f, X, y = example(samples=64)
    program = compile(f, in_axes=0)
    batches = [(X[i::8], y[i::8]) for i in range(8)]
    expected = [program.value_and_grad(*batch) for batch in batches]
    wrong = []

    def work(i):
        for _ in range(40):
            value, found = program.value_and_grad(*batches[i])
            same = all(np.array_equal(found[name], expected[i][1][name]) for name in found)
            if value != expected[i][0] or not same:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- flat arrays -----------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_flat_gradients_are_those_of_the_dict(reduce):
    model, f, X, y = example()
    program = compile(f, in_axes=0, reduce=reduce)
    value, found = program.value_and_grad(X, y)
    flat = program.flat(X, y)
    again, gradient = flat.value_and_grad(X, y)
    assert again == pytest.approx(value, rel=1e-14)
    by_leaf = dict(zip(map(id, flat.values), gradient.tolist(), strict=True))
    for name, member in model.named_parameters():
        got = [by_leaf[id(leaf)] for leaf in np.ravel(member)]
        np.testing.assert_allclose(got, np.ravel(found[name]), rtol=1e-12)
    flat.parameters -= 1e-3 * gradient
    flat.write()
    after = flat.value_and_grad(X, y)[0]
    assert program.value_and_grad(X, y)[0] == pytest.approx(after, rel=1e-14)
    assert after < value
    with pytest.raises(ValueError, match="argument 0"):
        flat.value_and_grad(X[:, :1], y)


def test_numbers_added_to_themselves_need_no_engine(monkeypatch):
    def f(x):
        u = [0.8 * x[0], 0.9 * x[1]]
        return autograd.sum([autograd.relu(each + each) for each in u]) + autograd.sigmoid(u[1])

    program = compile(f, in_axes=0)
    x = np.random.default_rng(0).normal(size=(4, 2))
    monkeypatch.setattr(type(program), "_exactly", None)
    value, _ = program.value_and_grad(x)
    u = x * [0.8, 0.9]
    expected = np.maximum(2.0 * u, 0.0).sum(axis=1) + 1.0 / (1.0 + np.exp(-u[:, 1]))
    assert value == pytest.approx(expected.sum())


def test_what_goes_wrong_in_a_program_is_not_hidden(monkeypatch):
    def broken(*args):
        raise ValueError("broken")

    program = compile(lambda x: (Value(2.0) * x).tanh(), in_axes=0)
    monkeypatch.setattr("autograd.compiler.rolled.Vectors.once", broken)
    with pytest.raises(ValueError, match="broken"):  # not computed by the engine instead
        program.value_and_grad(np.ones(3))
