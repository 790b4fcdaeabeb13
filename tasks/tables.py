"""The published tables: one schema in code, which the writer keeps, the check proves and docs/tables.md repeats."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.storage import replaced

CONTRACT_VERSION = "1.1"
EVERYBODY = "__all__"
"""The segment that holds every user."""

ROWS_PER_GROUP = 131_072


@dataclass(frozen=True)
class Column:
    """One published column: `kind` is an Arrow type, or `user_id` / `item_id` for the type the source uses."""

    name: str
    kind: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One published table: what one row is, and the key it is sorted by."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def schema(self, id_types: Mapping[Any, str], metadata: Mapping[str, str] | None = None) -> pa.Schema:
        """Return the Arrow schema, given whether user and item ids are integers or text."""
        types = {name: pa.int64() if kind == "integer" else pa.string() for name, kind in id_types.items()}
        fields = [
            pa.field(column.name, types.get(column.kind) or pa.type_for_alias(column.kind), column.nullable, {"comment": column.meaning})
            for column in self.columns
        ]
        return pa.schema(fields, {"table": self.name, "contract_version": CONTRACT_VERSION, **(metadata or {})})


def _families() -> Iterable[Column]:
    answers = {
        "collaborative": "what people like them like",
        "sequential": "what follows what they just did",
        "content": "what resembles their taste",
        "knowledge": "what holds without any history",
    }
    for family, answer in answers.items():
        yield Column(family, "float64", f"What this family ({answer}) adds to the score; null where it abstains.", nullable=True)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "recommendations",
            "one row per user and rank",
            ("user_id", "rank"),
            (
                Column("user_id", "user_id", "The user, as in the source."),
                Column("rank", "int16", "Place in the list; 1 is best, no gaps."),
                Column("item_id", "item_id", "The recommended item, as in the source; known, available and new to the user."),
                Column("score", "float64", "What ranks the list: the sum of the five contributions; comparable within one list only."),
                Column("blended_score", "float64", "The score before policies: the sum of the four families."),
                *_families(),
                Column("policy", "float64", "What policies (boosts, demotions) add to the score."),
                Column("reason", "string", "The contribution that adds most."),
                Column(
                    "because_item_id",
                    "item_id",
                    "The item of the user's history that speaks most for this one, where one does.",
                    nullable=True,
                ),
                Column(
                    "served_by", "string", "Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity."
                ),
                Column("model_version", "string", "The set of models and weights that made the list; a folder under models/."),
                Column("run_id", "string", "The night that made the list; a file under manifests/."),
            ),
        ),
        Table(
            "similar_items",
            "one row per item and rank",
            ("item_id", "rank"),
            (
                Column("item_id", "item_id", "The item looked at."),
                Column("rank", "int16", "Place in the list; 1 is most similar, no gaps."),
                Column("similar_item_id", "item_id", "Another item, known and available."),
                Column("score", "float64", "How strongly the one speaks for the other; comparable within one list only."),
                Column("reason", "string", "The family that compares the two."),
            ),
        ),
        Table(
            "popular_items",
            "one row per user segment and rank",
            ("segment", "rank"),
            (
                Column("segment", "string", f"The users counted, by how much they liked so far; {EVERYBODY} is everybody and never empty."),
                Column("rank", "int16", "Place in the list; 1 is most popular, no gaps."),
                Column("item_id", "item_id", "A known and available item."),
                Column("score", "float64", "Popularity on a log scale, older likes fading as configured."),
            ),
        ),
        Table(
            "metrics",
            "one row per ranking, segment, metric and k",
            ("ranking", "segment", "metric", "k"),
            (
                Column("ranking", "string", "What ranked: blend, one model, popularity, or yesterday (the table served before)."),
                Column("segment", "string", f"The users judged; {EVERYBODY} is everybody judged."),
                Column(
                    "metric",
                    "string",
                    "hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists of all lists together.",
                ),
                Column("k", "int16", "Length of the judged lists."),
                Column("value", "float64", "The metric, a mean over users where it is one per user."),
                Column("low", "float64", "Lower end of the 95 % bootstrap interval; null where there is none.", nullable=True),
                Column("high", "float64", "Upper end of the interval.", nullable=True),
                Column("n_users", "int64", "Users judged."),
            ),
        ),
        Table(
            "weights",
            "one row per user segment and model",
            ("segment", "model"),
            (
                Column("segment", "string", "The users the weight holds for."),
                Column("model", "string", "The model weighted."),
                Column("family", "string", "The family it belongs to."),
                Column("weight", "float64", "Its share of the blend; sums to 1 within a segment."),
                Column("low", "float64", "Lower end of the 95 % interval of a learned weight over resamples of the users.", nullable=True),
                Column("high", "float64", "Upper end of the interval.", nullable=True),
                Column(
                    "loss_without",
                    "float64",
                    "NDCG@10 that the segment's lists would lose were the model silent; null where it was not measured.",
                    nullable=True,
                ),
                Column("n_users", "int64", "Holdout users of the segment to whom the weights were fitted."),
            ),
        ),
        Table(
            "coverage",
            "one row per fact and subject",
            ("fact", "subject"),
            (
                Column(
                    "fact",
                    "string",
                    "What is counted: users_known, users_served, users_served_by, items_known, items_recommendable, "
                    "items_shown, short_list; of a large catalogue that was searched, search_recall and search_share.",
                ),
                Column("subject", "string", "What it is counted for: everything (empty), a rung, or a user with fewer than K rows."),
                Column(
                    "value",
                    "float64",
                    "The count; search_recall: share of the best K that the search found for some users; search_share: share of the "
                    "items that were looked at for a user.",
                ),
                Column("reason", "string", "Why a list is short; empty otherwise."),
            ),
        ),
        Table(
            "rejects",
            "one row per refused row of a delivery",
            ("source", "delivery", "row_number"),
            (
                Column("source", "string", "interactions, items or users."),
                Column("source_file", "string", "Name of the delivered file."),
                Column(
                    "delivery",
                    "string",
                    "Names the delivery under raw/: the sha256 of its bytes, and of the night where they came again.",
                ),
                Column("row_number", "int64", "Place in the file, the first row after the header being 1; 0 for a whole file."),
                Column("rule", "string", "The first rule the row broke."),
                Column("raw_row", "string", "The row as delivered."),
            ),
        ),
        Table(
            "runs",
            "one row per attempt up to and including the published one",
            ("started_at", "attempt_id"),
            (
                Column("attempt_id", "string", "The attempt."),
                Column("run_id", "string", "The night it worked for: equal inputs, settings and code give equal ids.", nullable=True),
                Column("run_date", "date32", "The date it worked for."),
                Column("started_at", "timestamp[us]", "When it began, UTC."),
                Column("seconds", "float64", "How long it took."),
                Column("peak_bytes", "int64", "The most memory its process held."),
                Column("ending", "string", "published, unchanged, kept_last_good, failed or skipped."),
                Column("exit_code", "int16", "Exit code of the command."),
                Column("reason", "string", "Why it ended so."),
                Column("verdict", "string", "What the gate said, PUBLISH or HOLD; null where it was not asked.", nullable=True),
                Column("checks", "string", "The gate's rules as JSON: name, passed, value, limit, sentence.", nullable=True),
                Column("data_through", "string", "Time of the newest event it saw, UTC.", nullable=True),
                Column("model_version", "string", "What it published.", nullable=True),
            ),
        ),
    )
}


@contextmanager
def _open_table(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write a table in row groups in the block; its bytes depend on the rows alone, and it has its name once it is whole."""
    # Hardly a contribution comes twice: a dictionary of them takes as long as all else, is given up, and leaves larger files.
    repeating = [field.name for field in schema if not pa.types.is_floating(field.type)]
    settings = {"compression": "zstd", "compression_level": 3, "use_dictionary": repeating, "write_page_checksum": True}
    with replaced(path) as stream, pq.ParquetWriter(stream, schema, **settings) as writer:
        yield writer


def write_parts(path: Path, schema: pa.Schema, parts: Generator[pa.Table]) -> None:
    """Write a table part by part, in row groups of one size, whatever theirs; where writing fails, no more parts are made."""
    waiting, n_rows = list[pa.Table](), 0
    with _open_table(path, schema) as writer, closing(parts):
        for part in parts:
            waiting.append(part)
            n_rows += len(part)
            if n_rows >= ROWS_PER_GROUP:
                # In one chunk: where a dictionary ends, and so the bytes, would depend on the parts.
                whole = pa.concat_tables(waiting).combine_chunks()
                n_left = n_rows % ROWS_PER_GROUP
                writer.write_table(whole[: n_rows - n_left], row_group_size=ROWS_PER_GROUP)
                waiting, n_rows = [whole[n_rows - n_left :]], n_left
        if n_rows:
            writer.write_table(pa.concat_tables(waiting).combine_chunks())


def write_table(path: Path, content: pa.Table, schema: pa.Schema) -> Path:
    """Write a small table in one go, sorted by the key of the contract."""
    key = TABLES[schema.metadata[b"table"].decode()].key
    rows = (
        content.select(schema.names)
        .cast(pa.schema([field.remove_metadata() for field in schema]))
        .sort_by([(name, "ascending") for name in key])
    )
    with _open_table(path, schema) as writer:
        writer.write_table(rows.cast(schema), row_group_size=ROWS_PER_GROUP)
    return path
