# %% [markdown]
# # 1 · A value, a graph and the chain rule
#
# How does a program know the derivative of what it computes? It remembers how each number came
# about, and then walks back. This notebook shows the two things that such a walk has to get right:
# **the order of its steps**, and **adding** where paths meet.
#
# *To run it:* `make lab` in a clone of this project, or `pip install -e ".[notebooks]"` in a fresh
# virtual environment, then `jupyter lab`.

# %%
import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"The package `autograd` at {autograd.__file__} is another one, HIPS autograd. It has this "
        "project's name and cannot be in the same environment: make a fresh one."
    )

from autograd import Value, draw, explain, replay, verify

# %% [markdown]
# ## Numbers that remember
#
# A `Value` holds a number in `data`. Arithmetic with it gives new `Value`s, and each keeps its
# `parents`, the numbers that it was computed from. Take three lines that a child can compute: $b =
# 2a$, then $c = a + b$, then $L = b\,c$.

# %%
a = Value(3.0, label="a")
b = 2 * a
c = a + b
L = b * c
b.label, c.label, L.label = "b", "c", "L"

for node in (a, b, c, L):
    print(node.label, "=", node.data, "   computed from", [p.label or p.data for p in node.parents])

# %% [markdown]
# ## The slope of one step is easy
#
# If $a$ moves a little, how much does $L$ move? By hand: $L = 2a \cdot 3a = 6a^2$, so the slope is
# $12a = 36$ at $a = 3$. A program does not see the formula $6a^2$; it sees the graph. But the slope
# of *one* step is known from a table: $\partial L/\partial b = c$ and $\partial L/\partial c = b$
# for a product, $1$ and $1$ for a sum. `backward()` combines them. In the drawing each arrow
# carries its own slope, and each box the slope of $L$ by that node, `grad`.

# %%
L.backward()
draw(L)

# %% [markdown]
# ## Why gradients add
#
# Three paths lead from $a$ to $L$. Along a path, slopes multiply: a change that is doubled and then
# multiplied by nine arrives eighteen times as large. Over the paths they add, because a change of
# $a$ travels along all of them at once. `explain` lists the paths:

# %%
print(explain(L, wrt=a))

# %% [markdown]
# ## Why the order matters
#
# Listing paths is no way to compute: their number can double with every step. `backward()` visits
# each node once instead. When it reaches a node, it hands the gradient on to the parents,
# multiplied by the slope of each arrow. So the gradient of a node must be *complete* before it is
# handed on.
#
# Here is that walk, written out for this graph, for two orders of its nodes. The first is the order
# in which one finds them from $L$, looking at the parents of each: $L$, then $b$ and $c$, then $a$.

# %%
for order in [L, b, c], [L, c, b]:
    gradient = {a: 0.0, b: 0.0, c: 0.0, L: 1.0}
    for node in order:
        numbers = [parent.data for parent in node.parents]
        for parent, rule in zip(node.parents, node.op.partials, strict=True):
            slope = rule(node.data, *numbers)
            if parent in gradient:  # the constant 2 is not
                gradient[parent] += slope * gradient[node]
        print("after", node.label, {n.label: g for n, g in gradient.items()})
    print("so dL/da =", gradient[a], end="\n\n")

# %% [markdown]
# The first walk gives 24. It handed on the gradient of $b$ when that was still 9; the 6 that
# arrived later, through $c$, never reached $a$ by way of $b$. The second walk waits. What it needs
# is an order in which every node comes after all nodes that were computed from it: a **topological
# order**, read backwards.
#
# This is the smallest graph that shows it. The same happens in any network in which a value is used
# at two depths, such as a skip connection. And replace `+=` by `=` in the walk to see the other
# classic mistake: of the terms that meet at a node only the last would remain.
#
# ## Step by step
#
# `replay` plays what the engine does, one arrow after another. Press ▶, or step with the arrow keys
# after a click into the picture; click on a box to see its paths.

# %%
replay(L)

# %% [markdown]
# The same in words, for a page that nothing runs:

# %%
print(replay(L).text())

# %% [markdown]
# ## Exercise
#
# Now $s = a\,b + a$ and $L = s \cdot s + a \cdot s$, with $a$ and $b$ two separate numbers. Derive
# $\partial L/\partial s$, $\partial L/\partial b$ and $\partial L/\partial a$ by hand, and write
# them below as functions of the labelled nodes. `verify` compares the numbers, and if they are
# wrong it says which slip would produce exactly these. The first attempt below overlooks something.

# %%
a, b = Value(-0.7, label="a"), Value(1.3, label="b")
s = a * b + a
s.label = "s"
L = s * s + a * s

my_derivation = {
    s: lambda s, a: 2 * s + a,
    b: lambda s, a: (2 * s + a) * a,
    a: lambda s, a, b: (2 * s + a) * (b + 1),
}
verify(L, my_derivation)

# %% [markdown]
# Change the last line of the derivation until every row has its ✓. The solution is in the next
# cell, folded in JupyterLab: click on its three dots to open it.

# %% jupyter={"source_hidden": true}
# a reaches L along three ways: through s as a factor of b, through s as a summand, and directly,
# as the factor in a·s. The first attempt forgot the direct one, which adds s.
verify(
    L,
    {
        s: lambda s, a: 2 * s + a,
        b: lambda s, a: (2 * s + a) * a,
        a: lambda s, a, b: (2 * s + a) * (b + 1) + s,
    },
)
