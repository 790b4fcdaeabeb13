-- External tables over the published files for BigQuery, contract 1.2: every table as it is served, and all its nights as
-- <table>_history, with the night as run_date.
-- Written by .venv/bin/python -m tasks.definitions bigquery > docs/definitions/bigquery.sql; add --location, and --user-ids integer,
-- --item-ids integer where the ids of the source are whole numbers.
create schema if not exists nightly;

create or replace external table nightly.recommendations (
    `user_id` string options (description = 'The user, as in the source.'),
    `rank` int64 options (description = 'Place in the list; 1 is best, no gaps.'),
    `item_id` string options (description = 'The recommended item, as in the source; known, available, and not what the user has met and may not be shown again.'),
    `score` float64 options (description = 'What ranks the list: the sum of the five contributions; comparable within one list only.'),
    `blended_score` float64 options (description = 'The score before policies: the sum of the four families.'),
    `collaborative` float64 options (description = 'What this family (what people like them like) adds to the score; null where it abstains.'),
    `sequential` float64 options (description = 'What this family (what follows what they just did) adds to the score; null where it abstains.'),
    `content` float64 options (description = 'What this family (what resembles their taste) adds to the score; null where it abstains.'),
    `knowledge` float64 options (description = 'What this family (what holds without any history) adds to the score; null where it abstains.'),
    `policy` float64 options (description = 'What policies (boosts, diversity, quotas) add to the score.'),
    `reason` string options (description = 'The contribution that adds most.'),
    `because_item_id` string options (description = 'The item of the user’s history that speaks most for this one, where one does.'),
    `served_by` string options (description = 'Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity.'),
    `variant` string options (description = 'The variant of the experiment that the user is in; null where none runs.'),
    `model_version` string options (description = 'The set of models and weights that made the list; a folder under models/.'),
    `run_id` string options (description = 'The night that made the list; a file under manifests/.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/recommendations.parquet'],
    enable_list_inference = true,
    description = 'one row per user and rank'
);

create or replace external table nightly.recommendations_history (
    `user_id` string options (description = 'The user, as in the source.'),
    `rank` int64 options (description = 'Place in the list; 1 is best, no gaps.'),
    `item_id` string options (description = 'The recommended item, as in the source; known, available, and not what the user has met and may not be shown again.'),
    `score` float64 options (description = 'What ranks the list: the sum of the five contributions; comparable within one list only.'),
    `blended_score` float64 options (description = 'The score before policies: the sum of the four families.'),
    `collaborative` float64 options (description = 'What this family (what people like them like) adds to the score; null where it abstains.'),
    `sequential` float64 options (description = 'What this family (what follows what they just did) adds to the score; null where it abstains.'),
    `content` float64 options (description = 'What this family (what resembles their taste) adds to the score; null where it abstains.'),
    `knowledge` float64 options (description = 'What this family (what holds without any history) adds to the score; null where it abstains.'),
    `policy` float64 options (description = 'What policies (boosts, diversity, quotas) add to the score.'),
    `reason` string options (description = 'The contribution that adds most.'),
    `because_item_id` string options (description = 'The item of the user’s history that speaks most for this one, where one does.'),
    `served_by` string options (description = 'Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity.'),
    `variant` string options (description = 'The variant of the experiment that the user is in; null where none runs.'),
    `model_version` string options (description = 'The set of models and weights that made the list; a folder under models/.'),
    `run_id` string options (description = 'The night that made the list; a file under manifests/.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/recommendations/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/recommendations',
    enable_list_inference = true,
    description = 'one row per user and rank'
);

create or replace external table nightly.recommendations_wide (
    `user_id` string options (description = 'The user, as in the source.'),
    `item_ids` array<string> options (description = 'The recommended items, best first.'),
    `scores` array<float64> options (description = 'Their scores, in the same order.'),
    `served_by` string options (description = 'Rung of the cold-start ladder, as in recommendations.'),
    `variant` string options (description = 'The variant of the experiment that the user is in; null where none runs.'),
    `model_version` string options (description = 'The set of models and weights that made the list.'),
    `run_id` string options (description = 'The night that made the list.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/recommendations_wide.parquet'],
    enable_list_inference = true,
    description = 'one row per user; none unless [score] wide asks for them'
);

create or replace external table nightly.recommendations_wide_history (
    `user_id` string options (description = 'The user, as in the source.'),
    `item_ids` array<string> options (description = 'The recommended items, best first.'),
    `scores` array<float64> options (description = 'Their scores, in the same order.'),
    `served_by` string options (description = 'Rung of the cold-start ladder, as in recommendations.'),
    `variant` string options (description = 'The variant of the experiment that the user is in; null where none runs.'),
    `model_version` string options (description = 'The set of models and weights that made the list.'),
    `run_id` string options (description = 'The night that made the list.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/recommendations_wide/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/recommendations_wide',
    enable_list_inference = true,
    description = 'one row per user; none unless [score] wide asks for them'
);

create or replace external table nightly.why_not (
    `user_id` string options (description = 'The user, as in the source.'),
    `candidate_rank` int64 options (description = 'Place among all that was scored for the user, before anything was left out; places missing here are recommended.'),
    `item_id` string options (description = 'The candidate; of items that are unavailable only the most liked are scored.'),
    `score` float64 options (description = 'What it scored: the four families and boosts, in float32; comparable within one list only.'),
    `cause` string options (description = 'Why it is absent: seen, unavailable, blocked, own_item, ineligible, tired_of, below_minimum, capped, diversified, displaced, or rank where others simply scored higher.'),
    `rule` string options (description = 'The setting that says so, such as caps.genres; empty for rank.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/why_not.parquet'],
    enable_list_inference = true,
    description = 'one row per user and candidate that is not recommended, though it scored among the best 3 K'
);

create or replace external table nightly.why_not_history (
    `user_id` string options (description = 'The user, as in the source.'),
    `candidate_rank` int64 options (description = 'Place among all that was scored for the user, before anything was left out; places missing here are recommended.'),
    `item_id` string options (description = 'The candidate; of items that are unavailable only the most liked are scored.'),
    `score` float64 options (description = 'What it scored: the four families and boosts, in float32; comparable within one list only.'),
    `cause` string options (description = 'Why it is absent: seen, unavailable, blocked, own_item, ineligible, tired_of, below_minimum, capped, diversified, displaced, or rank where others simply scored higher.'),
    `rule` string options (description = 'The setting that says so, such as caps.genres; empty for rank.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/why_not/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/why_not',
    enable_list_inference = true,
    description = 'one row per user and candidate that is not recommended, though it scored among the best 3 K'
);

create or replace external table nightly.similar_items (
    `item_id` string options (description = 'The item looked at.'),
    `rank` int64 options (description = 'Place in the list; 1 is most similar, no gaps.'),
    `similar_item_id` string options (description = 'Another item, known and available.'),
    `score` float64 options (description = 'How strongly the one speaks for the other; comparable within one list only.'),
    `reason` string options (description = 'The family that compares the two.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/similar_items.parquet'],
    enable_list_inference = true,
    description = 'one row per item and rank'
);

create or replace external table nightly.similar_items_history (
    `item_id` string options (description = 'The item looked at.'),
    `rank` int64 options (description = 'Place in the list; 1 is most similar, no gaps.'),
    `similar_item_id` string options (description = 'Another item, known and available.'),
    `score` float64 options (description = 'How strongly the one speaks for the other; comparable within one list only.'),
    `reason` string options (description = 'The family that compares the two.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/similar_items/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/similar_items',
    enable_list_inference = true,
    description = 'one row per item and rank'
);

create or replace external table nightly.popular_items (
    `segment` string options (description = 'The users counted, by how much they liked so far; __all__ is everybody and never empty. __trending__ holds what is liked more often lately than it used to be, __new__ what few have met yet, the newest first.'),
    `rank` int64 options (description = 'Place in the list; 1 is most popular, no gaps.'),
    `item_id` string options (description = 'A known and available item.'),
    `score` float64 options (description = 'Popularity on a log scale, older likes fading as configured; of __trending__ its rise on a log scale; of __new__ the days before the newest event at which it was first met or became available, as a negative number.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/popular_items.parquet'],
    enable_list_inference = true,
    description = 'one row per user segment and rank'
);

create or replace external table nightly.popular_items_history (
    `segment` string options (description = 'The users counted, by how much they liked so far; __all__ is everybody and never empty. __trending__ holds what is liked more often lately than it used to be, __new__ what few have met yet, the newest first.'),
    `rank` int64 options (description = 'Place in the list; 1 is most popular, no gaps.'),
    `item_id` string options (description = 'A known and available item.'),
    `score` float64 options (description = 'Popularity on a log scale, older likes fading as configured; of __trending__ its rise on a log scale; of __new__ the days before the newest event at which it was first met or became available, as a negative number.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/popular_items/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/popular_items',
    enable_list_inference = true,
    description = 'one row per user segment and rank'
);

create or replace external table nightly.item_audience (
    `item_id` string options (description = 'The item; known and available.'),
    `rank` int64 options (description = 'Place in the list; 1 is the user whom it suits most, no gaps.'),
    `user_id` string options (description = 'A user who may be shown the item and among whose best 3 K candidates it is.'),
    `score` float64 options (description = 'What the item scored for the user, as in why_not; never rises with the rank.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/item_audience.parquet'],
    enable_list_inference = true,
    description = 'one row per item and rank'
);

create or replace external table nightly.item_audience_history (
    `item_id` string options (description = 'The item; known and available.'),
    `rank` int64 options (description = 'Place in the list; 1 is the user whom it suits most, no gaps.'),
    `user_id` string options (description = 'A user who may be shown the item and among whose best 3 K candidates it is.'),
    `score` float64 options (description = 'What the item scored for the user, as in why_not; never rises with the rank.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/item_audience/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/item_audience',
    enable_list_inference = true,
    description = 'one row per item and rank'
);

create or replace external table nightly.changes (
    `user_id` string options (description = 'The user, as in the source.'),
    `item_id` string options (description = 'The item, as in the source.'),
    `change` string options (description = 'entered, left or moved.'),
    `rank_before` int64 options (description = 'Its place in the list published before; null where it entered.'),
    `rank` int64 options (description = 'Its place tonight; null where it left.'),
    `cause` string options (description = 'What changed: seen, unavailable, policy (a rule left it out or brought it in), new_user, user_gone, new_item, new_event (the user did something since), variant, or models.'),
    `detail` string options (description = 'The rule, where a policy is the cause: raised or lowered where boosts, quotas or diversity changed the score; else empty.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/changes.parquet'],
    enable_list_inference = true,
    description = 'one row per user and item that entered or left their list or moved in it since the night before'
);

create or replace external table nightly.changes_history (
    `user_id` string options (description = 'The user, as in the source.'),
    `item_id` string options (description = 'The item, as in the source.'),
    `change` string options (description = 'entered, left or moved.'),
    `rank_before` int64 options (description = 'Its place in the list published before; null where it entered.'),
    `rank` int64 options (description = 'Its place tonight; null where it left.'),
    `cause` string options (description = 'What changed: seen, unavailable, policy (a rule left it out or brought it in), new_user, user_gone, new_item, new_event (the user did something since), variant, or models.'),
    `detail` string options (description = 'The rule, where a policy is the cause: raised or lowered where boosts, quotas or diversity changed the score; else empty.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/changes/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/changes',
    enable_list_inference = true,
    description = 'one row per user and item that entered or left their list or moved in it since the night before'
);

create or replace external table nightly.exposure (
    `item_id` string options (description = 'A known and available item.'),
    `segment` string options (description = 'The users to whom it is shown; __all__ is everybody, and has a row for items nobody is shown.'),
    `n_lists` int64 options (description = 'Lists of the segment that hold it.'),
    `n_first` int64 options (description = 'Lists that it heads.'),
    `share` float64 options (description = 'Share of the segment’s lists that hold it.'),
    `mean_rank` float64 options (description = 'Its mean place in these lists; null where there are none.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/exposure.parquet'],
    enable_list_inference = true,
    description = 'one row per item and user segment'
);

create or replace external table nightly.exposure_history (
    `item_id` string options (description = 'A known and available item.'),
    `segment` string options (description = 'The users to whom it is shown; __all__ is everybody, and has a row for items nobody is shown.'),
    `n_lists` int64 options (description = 'Lists of the segment that hold it.'),
    `n_first` int64 options (description = 'Lists that it heads.'),
    `share` float64 options (description = 'Share of the segment’s lists that hold it.'),
    `mean_rank` float64 options (description = 'Its mean place in these lists; null where there are none.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/exposure/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/exposure',
    enable_list_inference = true,
    description = 'one row per item and user segment'
);

create or replace external table nightly.metrics (
    `ranking` string options (description = 'What ranked: blend, a model, popularity, yesterday (the table served before); with policies, without policies, without one by its name; published and a date: that night’s lists; experiment and a date: its variants.'),
    `segment` string options (description = 'The users judged; __all__ is everybody judged. `variant: ` and a name: those in a variant of the experiment.'),
    `metric` string options (description = 'hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists; without policies ndcg_cost, lists_changed, items_changed; of variants users, share, sample_ratio_p, point_from, point_below, *_difference.'),
    `k` int64 options (description = 'Length of the judged lists; of point_from and point_below the number of a variant’s range, else 0.'),
    `value` float64 options (description = 'The metric, a mean over users where it is one per user.'),
    `low` float64 options (description = 'Lower end of the 95 % bootstrap interval; null where there is none.'),
    `high` float64 options (description = 'Upper end of the interval.'),
    `n_users` int64 options (description = 'Users judged.'),
    `of_date` date options (description = 'The night whose lists are judged: tonight, by what was held out, or an earlier one, by what people really did next.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/metrics.parquet'],
    enable_list_inference = true,
    description = 'one row per ranking, segment, metric and k'
);

create or replace external table nightly.metrics_history (
    `ranking` string options (description = 'What ranked: blend, a model, popularity, yesterday (the table served before); with policies, without policies, without one by its name; published and a date: that night’s lists; experiment and a date: its variants.'),
    `segment` string options (description = 'The users judged; __all__ is everybody judged. `variant: ` and a name: those in a variant of the experiment.'),
    `metric` string options (description = 'hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists; without policies ndcg_cost, lists_changed, items_changed; of variants users, share, sample_ratio_p, point_from, point_below, *_difference.'),
    `k` int64 options (description = 'Length of the judged lists; of point_from and point_below the number of a variant’s range, else 0.'),
    `value` float64 options (description = 'The metric, a mean over users where it is one per user.'),
    `low` float64 options (description = 'Lower end of the 95 % bootstrap interval; null where there is none.'),
    `high` float64 options (description = 'Upper end of the interval.'),
    `n_users` int64 options (description = 'Users judged.'),
    `of_date` date options (description = 'The night whose lists are judged: tonight, by what was held out, or an earlier one, by what people really did next.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/metrics/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/metrics',
    enable_list_inference = true,
    description = 'one row per ranking, segment, metric and k'
);

create or replace external table nightly.weights (
    `segment` string options (description = 'The users the weight holds for.'),
    `model` string options (description = 'The model weighted.'),
    `family` string options (description = 'The family it belongs to.'),
    `weight` float64 options (description = 'Its share of the blend; sums to 1 within a segment.'),
    `low` float64 options (description = 'Lower end of the 95 % interval of a learned weight over resamples of the users.'),
    `high` float64 options (description = 'Upper end of the interval.'),
    `loss_without` float64 options (description = 'NDCG@10 that the segment’s lists would lose were the model silent; null where it was not measured.'),
    `n_users` int64 options (description = 'Holdout users of the segment to whom the weights were fitted.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/weights.parquet'],
    enable_list_inference = true,
    description = 'one row per user segment and model'
);

create or replace external table nightly.weights_history (
    `segment` string options (description = 'The users the weight holds for.'),
    `model` string options (description = 'The model weighted.'),
    `family` string options (description = 'The family it belongs to.'),
    `weight` float64 options (description = 'Its share of the blend; sums to 1 within a segment.'),
    `low` float64 options (description = 'Lower end of the 95 % interval of a learned weight over resamples of the users.'),
    `high` float64 options (description = 'Upper end of the interval.'),
    `loss_without` float64 options (description = 'NDCG@10 that the segment’s lists would lose were the model silent; null where it was not measured.'),
    `n_users` int64 options (description = 'Holdout users of the segment to whom the weights were fitted.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/weights/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/weights',
    enable_list_inference = true,
    description = 'one row per user segment and model'
);

create or replace external table nightly.coverage (
    `fact` string options (description = 'What is counted: users_known, users_served, users_served_by, items_known, items_recommendable, items_shown, short_list; of a large catalogue that was searched, search_recall and search_share.'),
    `subject` string options (description = 'What it is counted for: everything (empty), a rung, or a user with fewer than K rows.'),
    `value` float64 options (description = 'The count; search_recall: share of the best K that the search found for some users; search_share: share of the items that were looked at for a user.'),
    `reason` string options (description = 'Why a list is short; empty otherwise.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/coverage.parquet'],
    enable_list_inference = true,
    description = 'one row per fact and subject'
);

create or replace external table nightly.coverage_history (
    `fact` string options (description = 'What is counted: users_known, users_served, users_served_by, items_known, items_recommendable, items_shown, short_list; of a large catalogue that was searched, search_recall and search_share.'),
    `subject` string options (description = 'What it is counted for: everything (empty), a rung, or a user with fewer than K rows.'),
    `value` float64 options (description = 'The count; search_recall: share of the best K that the search found for some users; search_share: share of the items that were looked at for a user.'),
    `reason` string options (description = 'Why a list is short; empty otherwise.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/coverage/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/coverage',
    enable_list_inference = true,
    description = 'one row per fact and subject'
);

create or replace external table nightly.drift (
    `measure` string options (description = 'events (of the last whole day seen), event_type_share, users, items, new_user_share and new_item_share (of that day’s events), mean_value, score_p10, score_p50, score_p90, first_score_p50, reject_share.'),
    `subject` string options (description = 'What it is measured for: everything (empty), an event type, or a rung of the cold-start ladder.'),
    `value` float64 options (description = 'What was measured tonight.'),
    `usual` float64 options (description = 'The median of the trailing nights; null where there are too few.'),
    `low` float64 options (description = 'Lower end of what is usual: some robust deviations below the median.'),
    `high` float64 options (description = 'Upper end of what is usual.'),
    `is_unusual` bool options (description = 'Whether tonight lies outside; never where there are too few nights.'),
    `n_nights` int64 options (description = 'Trailing nights it is compared with.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/drift.parquet'],
    enable_list_inference = true,
    description = 'one row per measure and subject'
);

create or replace external table nightly.drift_history (
    `measure` string options (description = 'events (of the last whole day seen), event_type_share, users, items, new_user_share and new_item_share (of that day’s events), mean_value, score_p10, score_p50, score_p90, first_score_p50, reject_share.'),
    `subject` string options (description = 'What it is measured for: everything (empty), an event type, or a rung of the cold-start ladder.'),
    `value` float64 options (description = 'What was measured tonight.'),
    `usual` float64 options (description = 'The median of the trailing nights; null where there are too few.'),
    `low` float64 options (description = 'Lower end of what is usual: some robust deviations below the median.'),
    `high` float64 options (description = 'Upper end of what is usual.'),
    `is_unusual` bool options (description = 'Whether tonight lies outside; never where there are too few nights.'),
    `n_nights` int64 options (description = 'Trailing nights it is compared with.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/drift/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/drift',
    enable_list_inference = true,
    description = 'one row per measure and subject'
);

create or replace external table nightly.rejects (
    `source` string options (description = 'interactions, items or users.'),
    `source_file` string options (description = 'Name of the delivered file.'),
    `delivery` string options (description = 'Names the delivery under raw/: the sha256 of its bytes, and of the night where they came again.'),
    `row_number` int64 options (description = 'Place in the file, the first row after the header being 1; 0 for a whole file.'),
    `rule` string options (description = 'The first rule the row broke.'),
    `raw_row` string options (description = 'The row as delivered.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/rejects.parquet'],
    enable_list_inference = true,
    description = 'one row per refused row of a delivery'
);

create or replace external table nightly.rejects_history (
    `source` string options (description = 'interactions, items or users.'),
    `source_file` string options (description = 'Name of the delivered file.'),
    `delivery` string options (description = 'Names the delivery under raw/: the sha256 of its bytes, and of the night where they came again.'),
    `row_number` int64 options (description = 'Place in the file, the first row after the header being 1; 0 for a whole file.'),
    `rule` string options (description = 'The first rule the row broke.'),
    `raw_row` string options (description = 'The row as delivered.')
)
with partition columns (run_date date)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/tables/rejects/*'],
    hive_partition_uri_prefix = 'gs://bucket/shop/tables/rejects',
    enable_list_inference = true,
    description = 'one row per refused row of a delivery'
);

create or replace external table nightly.runs (
    `attempt_id` string options (description = 'The attempt.'),
    `run_id` string options (description = 'The night it worked for: equal inputs, settings and code give equal ids.'),
    `run_date` date options (description = 'The date it worked for.'),
    `started_at` datetime options (description = 'When it began, UTC.'),
    `seconds` float64 options (description = 'How long it took.'),
    `peak_bytes` int64 options (description = 'The most memory its process held.'),
    `ending` string options (description = 'published, unchanged, kept_last_good, failed or skipped.'),
    `exit_code` int64 options (description = 'Exit code of the command.'),
    `reason` string options (description = 'Why it ended so.'),
    `verdict` string options (description = 'What the gate said, PUBLISH or HOLD; null where it was not asked.'),
    `checks` string options (description = 'The gate’s rules as JSON: name, passed, value, limit, sentence.'),
    `data_through` string options (description = 'Time of the newest event it saw, UTC.'),
    `model_version` string options (description = 'What it published.')
)
options (
    format = 'PARQUET',
    uris = ['gs://bucket/shop/latest/runs.parquet'],
    enable_list_inference = true,
    description = 'one row per attempt up to and including the published one'
);
