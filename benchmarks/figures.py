"""Printing of figures."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value beside what was aimed at."""

    name: str
    value: str
    aim: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by the nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, round(share * (len(ranked) - 1)))]


def milliseconds(values: Sequence[float]) -> str:
    middle, high = statistics.median(values) * 1000, percentile(values, 0.99) * 1000
    return f"median {middle:.1f} ms, p99 {high:.1f} ms (n={len(values)})"


def show(title: str, figures: Sequence[Figure]) -> None:
    print(f"\n{title}")
    for figure in figures:
        aim = f"   (aim: {figure.aim})" if figure.aim else ""
        print(f"  {figure.name:<46} {figure.value}{aim}")
