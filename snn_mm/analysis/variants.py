"""Which of a paper's variants a method is: vanilla, joint learning or IEMF, and of which family.

A family is what the variants have in common: the other modulations, and whatever else of the method
differs among the runs at hand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from snn_mm.analysis.report.config_facts import CALLBACKS, Facts, as_text, select
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.naming import (
    Library,
    labelled,
    modulations,
    network,
    with_options,
)

IEMF = "IEMF"
VANILLA = "vanilla"
JOINT = "joint learning"
NORMAL = "Normal"
"""A family without modulation, as the paper's tables call it."""

IEMF_KEY = f"{CALLBACKS}{IEMF}"
JOINT_KEY = "model.joint_weight"
_VARIANT_KEYS = re.compile(
    rf"{re.escape(IEMF_KEY)}(\..*)?|{re.escape(JOINT_KEY)}|model\.fusion\.unimodal"
)
"""Keys in which variants of one family differ: joint learning brings heads of its own."""


class Variant(NamedTuple):
    """A group of runs and its place among its kin.

    Attributes:
        group: runs that differ in their seeds.
        family: `Normal` or its modulations other than IEMF, and what tells it from other families.
        name: `vanilla`, `joint learning` or `IEMF`, with options that are not at their defaults.
        gamma: γ of IEMF, None without.
    """

    group: Group
    family: str
    name: str
    gamma: float | None

    @property
    def kind(self) -> str:
        """`vanilla`, `joint learning` or `IEMF`."""
        return self.name.partition(" (")[0]

    @property
    def title(self) -> str:
        """The variant's name, with γ where it is not 1."""
        return self.name + ("" if self.gamma in (None, 1.0) else f", γ = {self.gamma:g}")

    @property
    def label(self) -> str:
        """Family and variant in one line."""
        return f"{self.family}, {self.title}"


def find_variants(groups: Sequence[Group], library: Library) -> list[Variant]:
    """Sort groups into families, those with fewer modulations first, and vanilla first in each."""
    facts = [group.facts for group in groups]
    families = family_names(facts, library)
    variants = [
        Variant(group, family, variant_name(fact, library), gamma_of(fact))
        for group, family, fact in zip(groups, families, facts)
    ]
    order = (VANILLA, JOINT, IEMF)
    return sorted(
        variants,
        key=lambda v: (_depth(v.family), v.family, order.index(v.kind), v.name, v.gamma or 0.0),
    )


def family_names(many: Sequence[Facts], library: Library) -> list[str]:
    """The family of each config.

    Args:
        many: facts of each config.
        library: knows which callbacks only look on.
    """
    names = [" + ".join(n for n in modulations(f, library) if n != IEMF) or NORMAL for f in many]
    networks = [network(facts) for facts in many]
    if len(set(networks)) > 1:
        names = [f"{name}, {kind}" for name, kind in zip(names, networks)]
    own = [_own_facts(facts, library, len(set(networks)) > 1) for facts in many]
    return labelled(names, own, ", ")


def variant_name(facts: Facts, library: Library) -> str:
    """Name of the variant: IEMF with options other than γ, or by its joint weight."""
    weight = float(facts.get(JOINT_KEY) or 0.0)
    if IEMF_KEY not in facts:
        plain = JOINT if weight else VANILLA
        return plain if weight in (0.0, 1.0) else f"{plain} (weight {as_text(weight)})"
    without_gamma = {key: value for key, value in facts.items() if key != f"{IEMF_KEY}.gamma"}
    options = with_options(without_gamma, IEMF_KEY, library).removeprefix(IEMF).strip("()")
    weight_text = "" if weight == 1.0 else f"joint weight {as_text(weight)}"
    details = ", ".join(text for text in (options, weight_text) if text)
    return f"{IEMF} ({details})" if details else IEMF


def gamma_of(facts: Facts) -> float | None:
    """γ of a config with IEMF; 1 where it does not say."""
    return float(facts.get(f"{IEMF_KEY}.gamma", 1.0)) if IEMF_KEY in facts else None


def vanilla_partner(variant: Variant, variants: Sequence[Variant]) -> Variant | None:
    """The vanilla variant of the same family; None for a vanilla one or where there is none."""
    kin = [other for other in variants if other.family == variant.family]
    found = next((other for other in kin if other.kind == VANILLA), None)
    return None if found is variant else found


def _own_facts(facts: Facts, library: Library, network_named: bool) -> Facts:
    """What a family is told apart by; neurons and time steps unless its name has them."""
    method = select(facts, "method", library.observers)
    named = re.compile(r".*\.(neuron|time_steps)(\..*)?" if network_named else "(?!)")
    return {
        key: value
        for key, value in method.items()
        if not _VARIANT_KEYS.fullmatch(key) and not named.fullmatch(key)
    }


def _depth(family: str) -> int:
    """How many modulations a family has."""
    return 0 if family.startswith(NORMAL) else 1 + family.count(" + ")
