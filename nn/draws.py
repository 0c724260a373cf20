"""The random generators of a training, to be put back where they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nn.module import Module


class Draws:
    """The generators among the attributes of a model's modules, such as Dropout's, and others.

    Args:
        model: whose modules are looked at.
        others: more generators, by name.
    """

    def __init__(self, model: Module, **others: np.random.Generator):
        self.generators = dict(others)
        for path, module in model.named_modules():
            for name, thing in vars(module).items():
                if isinstance(thing, np.random.Generator):
                    self.generators[f"{path}.{name}"] = thing

    def state_dict(self) -> dict[str, Any]:
        """Where they are."""
        return {name: each.bit_generator.state for name, each in self.generators.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put them there.

        Raises:
            ValueError: if they are not the same ones, or of another kind.
        """
        kinds = {name: each["bit_generator"] for name, each in state.items()}
        own = {name: each["bit_generator"] for name, each in self.state_dict().items()}
        if kinds != own:
            raise ValueError(f"its random generators are {kinds}, not {own}.")
        for name, each in state.items():
            self.generators[name].bit_generator.state = each

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What is drawn in the block leaves no trace."""
        before = self.state_dict()
        try:
            yield
        finally:
            self.load_state_dict(before)


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """All modules with ``training`` off; each as it was, afterwards."""
    modes = [(module, module.training) for module in model.modules() if module.training]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode
