"""Keeps jsonargparse from importing and calling whatever a config names.

It knows lists of import paths that values may not lead to, by the path that was written and by the
one where the object is defined, so that `snn_mm.neurons.os.system` is `os.system`. What is imported
may still be a function that does something when it is called with arguments of the config, such as
`load_from_checkpoint`: those have to be classes, or functions of packages that make layers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from jsonargparse import Namespace
from jsonargparse._common import parsing_settings
from jsonargparse._util import import_object
from lightning.pytorch.cli import LightningArgumentParser

from snn_mm.config.trust.packages import of_folder, of_user, verdicts
from snn_mm.errors import UserError

Settings = TypeVar("Settings")
POLICY = "import_path_verdicts"
ENFORCED = "import_paths_enforced"
WITH_FUNCTIONS = (
    "__main__",
    "snn_mm",
    "datamodules",
    "torch.nn",
    "torchvision.models",
    "torchvision.ops",
    "spikingjelly.activation_based",
)
"""Where functions stand that a config may call with arguments of its own: they make layers."""


@contextmanager
def only_trusted() -> Iterator[None]:
    """Let jsonargparse import for a config only what the project or the user trusts."""
    before = {key: parsing_settings[key] for key in (POLICY, ENFORCED)}
    parsing_settings.update({POLICY: verdicts(), ENFORCED: True})
    try:
        yield
    finally:
        parsing_settings.update(before)


class GuardedParser(LightningArgumentParser):
    """Lightning's parser, which imports and builds only what is trusted."""

    def parse_args(self, *args: Any, **options: Any) -> Namespace:  # type: ignore[override]
        """Parse a command line."""
        with only_trusted():
            settings: Namespace = super().parse_args(*args, **options)
            return only_classes(settings)

    def parse_object(self, *args: Any, **options: Any) -> Namespace:
        """Parse a config that was read."""
        with only_trusted():
            settings: Namespace = super().parse_object(*args, **options)
            return only_classes(settings)

    def instantiate_classes(self, *args: Any, **options: Any) -> Namespace:
        """Build what was parsed."""
        with only_trusted():
            built: Namespace = super().instantiate_classes(*args, **options)
        return built


def only_classes(settings: Settings) -> Settings:
    """Settings as they are, unless they would call something that is no class.

    Raises:
        UserError: names it.
    """
    for path in class_paths(settings):
        try:
            named = import_object(path)
        except (ImportError, AttributeError, ValueError):
            continue  # a name below a key that takes anything, and builds nothing
        if not inspect.isclass(named) and not is_maker(named):
            raise UserError(f"{path} is not run: it is no class, which a config names to build one")
    return settings


def class_paths(value: Any) -> Iterator[str]:
    """Every class path in settings, at any depth."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from class_paths(item)
    elif isinstance(value, Namespace | Mapping):
        fields = vars(value) if isinstance(value, Namespace) else value
        path = fields.get("class_path")
        if isinstance(path, str) and "." in path:
            yield path
        for item in fields.values():
            yield from class_paths(item)


def is_maker(named: Any) -> bool:
    """Whether something is a function by itself, of a package whose functions make layers."""
    module = f"{getattr(named, '__module__', None)}."
    makers = (*WITH_FUNCTIONS, *of_user(), *of_folder())
    return inspect.isfunction(named) and module.startswith(tuple(f"{name}." for name in makers))
