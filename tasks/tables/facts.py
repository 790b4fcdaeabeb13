"""The tables of facts: how good the lists are, what changed, what was refused, what ran."""

from __future__ import annotations

from tasks.tables.contract import EVERYBODY, Column, Table

FACTS = (
    Table(
        "changes",
        "one row per user and item that entered or left their list or moved in it since the night before",
        ("user_id", "item_id"),
        (
            Column("user_id", "user_id", "The user, as in the source."),
            Column("item_id", "item_id", "The item, as in the source."),
            Column("change", "string", "entered, left or moved."),
            Column("rank_before", "int16", "Its place in the list published before; null where it entered.", nullable=True),
            Column("rank", "int16", "Its place tonight; null where it left.", nullable=True),
            Column(
                "cause",
                "string",
                "What changed: seen, unavailable, policy (a rule left it out or brought it in), new_user, user_gone, new_item, new_event "
                "(the user did something since), variant, or models.",
            ),
            Column(
                "detail",
                "string",
                "The rule, where a policy is the cause: raised or lowered where boosts, quotas or diversity changed the score; else empty.",
            ),
        ),
        example="changes_by_cause",
    ),
    Table(
        "exposure",
        "one row per item and user segment",
        ("item_id", "segment"),
        (
            Column("item_id", "item_id", "A known and available item."),
            Column(
                "segment", "string", f"The users to whom it is shown; {EVERYBODY} is everybody, and has a row for items nobody is shown."
            ),
            Column("n_lists", "int64", "Lists of the segment that hold it."),
            Column("n_first", "int64", "Lists that it heads."),
            Column("share", "float64", "Share of the segment's lists that hold it."),
            Column("mean_rank", "float64", "Its mean place in these lists; null where there are none.", nullable=True),
        ),
        example="exposed_items",
    ),
    Table(
        "metrics",
        "one row per ranking, segment, metric and k",
        ("ranking", "segment", "metric", "k"),
        (
            Column(
                "ranking",
                "string",
                "What ranked: blend, a model, popularity, yesterday (the table served before); with policies, without policies, without "
                "one by its name; published and a date: that night's lists; experiment and a date: its variants.",
            ),
            Column(
                "segment",
                "string",
                f"The users judged; {EVERYBODY} is everybody judged. `variant: ` and a name: those in a variant of the experiment.",
            ),
            Column(
                "metric",
                "string",
                "hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists; without policies ndcg_cost, "
                "lists_changed, items_changed; of variants users, share, sample_ratio_p, point_from, point_below, *_difference.",
            ),
            Column("k", "int16", "Length of the judged lists; of point_from and point_below the number of a variant's range, else 0."),
            Column("value", "float64", "The metric, a mean over users where it is one per user."),
            Column("low", "float64", "Lower end of the 95 % bootstrap interval; null where there is none.", nullable=True),
            Column("high", "float64", "Upper end of the interval.", nullable=True),
            Column("n_users", "int64", "Users judged."),
            Column(
                "of_date",
                "date32",
                "The night whose lists are judged: tonight, by what was held out, or an earlier one, by what people really did next.",
            ),
        ),
        example="how_good_was_last_night",
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
        example="weights_of_models",
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
        example="coverage_of_users",
    ),
    Table(
        "drift",
        "one row per measure and subject",
        ("measure", "subject"),
        (
            Column(
                "measure",
                "string",
                "events (of the last whole day seen), event_type_share, users, items, new_user_share and new_item_share (of that day's "
                "events), mean_value, score_p10, score_p50, score_p90, first_score_p50, reject_share.",
            ),
            Column("subject", "string", "What it is measured for: everything (empty), an event type, or a rung of the cold-start ladder."),
            Column("value", "float64", "What was measured tonight."),
            Column("usual", "float64", "The median of the trailing nights; null where there are too few.", nullable=True),
            Column("low", "float64", "Lower end of what is usual: some robust deviations below the median.", nullable=True),
            Column("high", "float64", "Upper end of what is usual.", nullable=True),
            Column("is_unusual", "bool", "Whether tonight lies outside; never where there are too few nights."),
            Column("n_nights", "int64", "Trailing nights it is compared with."),
        ),
        example="drift_alarms",
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
        example="refused_rows",
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
        example="last_attempts",
    ),
)
