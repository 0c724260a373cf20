"""`Module`: something with parameters that can be called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd import Value, scope


class Module:
    """The base of everything with parameters; subclasses define ``forward``.

    Parameters are the Values, and lists, tuples, dicts and object arrays of Values, among
    the attributes; modules among the attributes are its children. Names are PyTorch's:
    ``layers.0.weight``.
    """

    _name = ""
    training = True

    def __call__(self, *inputs: Any) -> Any:
        """The outputs of ``forward``; the nodes made on the way belong to this call's scope."""
        with scope(self._name or type(self).__name__):
            return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        """The outputs, a list of Values for a list of numbers or Values."""
        raise NotImplementedError(f"{type(self).__name__} must define forward().")

    def __setattr__(self, name: str, value: object) -> None:
        for path, member in _members(name, value):
            if isinstance(member, Module):
                member._name = path
        super().__setattr__(name, value)

    def _members(self) -> Iterator[tuple[str, Any]]:
        """(name, child module or parameter or array of parameters), in order of definition."""
        for name, value in vars(self).items():
            yield from _members(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module and all below it, each once, parents first."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                children = [
                    (_join(path, name), member)
                    for name, member in module._members()
                    if isinstance(member, Module)
                ]
                stack += reversed(children)

    def modules(self) -> list[Module]:
        """This module and all below it, each once, parents first."""
        return [module for _, module in self.named_modules()]

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """(dotted name, parameter): a Value, or an object array of Values such as a weight.

        A parameter shared by several modules comes once, under its first name.
        """
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, member in module._members():
                if not isinstance(member, Module):
                    values = _values(member)
                    if not seen.issuperset(map(id, values)):
                        seen.update(map(id, values))
                        yield _join(path, name), member

    def parameters(self) -> list[Value]:
        """All parameters as one flat list of Values, each once."""
        each: dict[int, Value] = {}
        for _, member in self.named_parameters():
            each.update((id(value), value) for value in _values(member))
        return list(each.values())

    def train(self, mode: bool = True) -> Module:
        """This module, with ``training`` set on it and on all below it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """This module, with ``training`` off on it and on all below it."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0.0."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def state_dict(self) -> dict[str, np.ndarray]:
        """The numbers of all parameters: a float64 array per name, of PyTorch's shape."""
        return {name: _numbers(member) for name, member in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all parameters from arrays by name; nothing is changed unless all of it fits.

        Raises:
            KeyError: if names are missing or unknown.
            ValueError: if a shape differs, or something is not a number.
        """
        own = dict(self.named_parameters())
        missing, unknown = own.keys() - state.keys(), state.keys() - own.keys()
        if missing or unknown:
            raise KeyError(
                f"the state does not fit {type(self).__name__}: "
                f"missing {sorted(missing)}, unknown {sorted(unknown)}."
            )
        new: list[tuple[Value, float]] = []
        for name, member in own.items():
            try:
                array = np.asarray(state[name])
            except ValueError as error:
                raise ValueError(f"{name} is not an array of numbers: {error}") from error
            if array.dtype.kind not in "biuf":
                raise ValueError(f"{name} is not an array of numbers, but of {array.dtype}.")
            if array.shape != np.shape(member):
                raise ValueError(
                    f"{name} has the shape {np.shape(member)}, but the state's is {array.shape}."
                )
            new += zip(_values(member), array.astype(float).ravel().tolist(), strict=True)
        for value, number in new:
            value.data = number


def _members(name: str, value: object) -> Iterator[tuple[str, Any]]:
    """The modules and parameters in an attribute; a list of Values is one parameter."""
    if isinstance(value, Module) or _is_parameter(value):
        yield name, value
    elif isinstance(value, np.ndarray):
        if value.size and all(map(_is_parameter, value.flat)):
            yield name, value
    elif isinstance(value, list | tuple):
        if value and all(map(_is_parameter, value)):
            array = np.empty(len(value), dtype=object)
            array[:] = value
            yield name, array
        else:
            for index, each in enumerate(value):
                yield from _members(f"{name}.{index}", each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _members(f"{name}.{key}", each)


def _is_parameter(thing: object) -> bool:
    return isinstance(thing, Value) and thing.is_leaf  # a result that was kept is none


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _values(member: Any) -> list[Value]:
    return [member] if isinstance(member, Value) else member.ravel().tolist()


def _numbers(member: Any) -> np.ndarray:
    numbers = [value.data for value in _values(member)]
    return np.array(numbers, dtype=np.float64).reshape(np.shape(member))
