"""What the rows of a law are: one instance a row, said by family, sizes and prior."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Instances:
    """What the rows of a law are: family, sizes, prior, for the report."""

    family: tuple[str, ...]
    latent_dim: tuple[int, ...]
    data_dim: tuple[int, ...]
    prior: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.family)

    def row(self, i: int) -> dict[str, object]:
        """The description of instance i."""
        return {
            "family": self.family[i],
            "d": self.latent_dim[i],
            "D": self.data_dim[i],
            "prior": self.prior[i],
        }

    def columns(self) -> tuple[tuple, ...]:
        """Family, d, D and prior, each for all rows."""
        return self.family, self.latent_dim, self.data_dim, self.prior

    def take(self, rows: Iterable[int]) -> Instances:
        """Some of the rows."""
        kept = [int(i) for i in rows]
        return Instances(*(tuple(column[i] for i in kept) for column in self.columns()))

    @staticmethod
    def join(parts: list[Instances]) -> Instances:
        """One list of rows from several."""
        joined = zip(*(part.columns() for part in parts), strict=True)
        return Instances(*(tuple(value for column in columns for value in column) for columns in joined))


@dataclass(frozen=True)
class Rows:
    """What the rows of a law of one's own are: a dictionary of numbers or names each."""

    records: tuple[dict[str, object], ...]

    def __len__(self) -> int:
        return len(self.records)

    def row(self, i: int) -> dict[str, object]:
        """The description of instance i."""
        return dict(self.records[i])

    def label(self, i: int) -> str:
        """Instance i in a legend: h = 1.2, t = 0.3."""
        return ", ".join(f"{key} = {_short(value)}" for key, value in self.records[i].items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
