"""Rules: what people who know the shop say of items and users, in points."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from models.artifact import Layout, read_arrays, read_config, read_csr, write_arrays, write_config, write_csr
from models.knowledge.columns import Columns
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import Needs, Sizes, vectors

LAYOUTS = {
    "everybody": Layout(np.float32, ("items",)),
    "knows_item": Layout(np.bool_, ("items",)),
    "rule": Layout(np.int32, ("terms",)),
    "user_column": Layout(np.int32, ("terms",)),
}


class Match(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Two attributes with the same kind of values, such as a favourite genre and the genres of an item."""

    user: str
    """Attribute of users."""

    item: str
    """Attribute of items."""


class Rule(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Points for some items, from everybody, from some users, or from those who share a value with the item.

    A column is named like the feature columns, `genres=comedy`: it holds for what has that category or word or lies in that band. The
    column of a number, such as `price`, holds for what is above the average.
    """

    item: str | None = None
    """Column that holds for the items meant."""

    user: str | None = None
    """Column that holds for the users meant; none means everybody."""

    match: Match | None = None
    """Instead of columns: a user means the items that share any value with them."""

    points: float = Field(allow_inf_nan=False)
    """What the rule adds to the score where it holds; less than nothing for what is to be avoided."""

    @model_validator(mode="after")
    def _one_form(self) -> Rule:
        if (self.item is None) == (self.match is None):
            raise ValueError("a rule names either an `item` column, with or without a `user` column, or a `match` of two attributes")
        if self.match is not None and self.user is not None:
            raise ValueError("a `match` names its users itself: leave `user` out")
        return self


class RulesConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What is known without having been learned."""

    rules: tuple[Rule, ...] = ()
    """The rules, each of which adds its points wherever it holds; without any the model knows nobody."""


class Rules:
    """Scores are the points of all rules that hold for a user and an item; no interaction is asked for.

    A rule comes to terms, each of one column of users and the items it means: one of a rule that names columns, one for each shared value
    of a match. A rule holds once however many of its terms do.
    """

    name: ClassVar[str] = "rules"
    family: ClassVar[Family] = "knowledge"

    def __init__(self, config: RulesConfig | None = None) -> None:
        self.config = config or RulesConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items with any feature, if there are rules; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users whom any rule means; (block,)."""
        if self._everybody.any():
            return np.ones(len(users), np.bool_)
        return self._meant(users, np.arange(len(self._rule))).getnnz(axis=1) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  rules draw nothing
        """Find the columns the rules name; `UnknownColumnError` says which of them there are not."""
        items, users = Columns("items", data.items.names), Columns("users", data.users.names)
        self._knows_item = (np.diff(data.items.features.indptr) > 0) & bool(self.config.rules)
        self._everybody = np.zeros(len(self._knows_item), np.float32)
        terms: list[tuple[int, int, int]] = []
        for number, rule in enumerate(self.config.rules):
            if rule.match is not None:
                liked, offered = users.values(rule.match.user, number), items.values(rule.match.item, number)
                terms += [(number, liked[value], offered[value]) for value in liked if value in offered]
            elif rule.item is not None and rule.user is not None:
                terms.append((number, users.named(rule.user, number), items.named(rule.item, number)))
            elif rule.item is not None:
                self._everybody += np.float32(rule.points) * _holds(data.items.features, [items.named(rule.item, number)]).toarray()[:, 0]
        self._rule, self._user_column, item_column = np.array(terms, np.int32).reshape(-1, 3).T
        self._means = _holds(data.items.features, item_column).T.tocsr()
        progress(f"{len(self.config.rules)} rules, {len(terms)} values of users that items answer to")
        return self

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Add up the points of the rules that hold; (block, items)."""
        scores = np.tile(self._everybody, (len(users), 1))
        for number in np.unique(self._rule):
            terms = np.flatnonzero(self._rule == number)
            held = (self._meant(users, terms) @ self._means[terms]).tocoo()
            scores[held.row, held.col] += np.float32(self.config.rules[number].points)
        return scores

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> None:  # noqa: ARG002  it compares nothing
        """Return nothing: that a rule names two items does not make them alike."""
        return

    def needs(self, sizes: Sizes) -> Needs:
        """What the rules say of items."""
        terms = 1 + len(self.config.rules)
        return Needs(2 * vectors(sizes.n_items, terms), vectors(sizes.n_items, terms))

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: rules have no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the terms of the rules and the items that each means."""
        write_config(folder, self.name, self.config)
        arrays = {"everybody": self._everybody, "knows_item": self._knows_item, "rule": self._rule, "user_column": self._user_column}
        write_arrays(folder / "terms.npz", arrays)
        write_csr(folder / "means.npz", self._means)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the terms of the rules."""
        scorer = cls(read_config(folder, cls.name, RulesConfig))
        arrays = read_arrays(folder / "terms.npz", LAYOUTS)
        scorer._everybody, scorer._knows_item = arrays["everybody"], arrays["knows_item"]
        scorer._rule, scorer._user_column = arrays["rule"], arrays["user_column"]
        scorer._means = read_csr(folder / "means.npz", (len(scorer._rule), len(scorer._knows_item)))
        return scorer

    def _meant(self, users: UserBlock, terms: NDArray[np.intp]) -> sp.csr_matrix:
        """Mark with ones the users that some terms mean; (block, terms)."""
        return _holds(users.features, self._user_column[terms])


def _holds(features: sp.csr_matrix, columns: NDArray[np.int32] | list[int]) -> sp.csr_matrix:
    """Mark with ones where columns hold: where their entry is positive; (rows, columns)."""
    return sp.csr_matrix(features[:, columns] > 0, dtype=np.float32)
