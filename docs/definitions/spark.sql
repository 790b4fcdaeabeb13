-- External tables over the published files for Spark SQL (3.4 or later), contract 1.2: every table as it is served, and all its
-- nights as <table>_history; after each night: msck repair table nightly.<table>_history, and refresh table nightly.<table>.
-- Written by .venv/bin/python -m tasks.definitions spark > docs/definitions/spark.sql; add --location, and --user-ids integer,
-- --item-ids integer where the ids of the source are whole numbers.
create schema if not exists nightly;

create table if not exists nightly.recommendations (
    `user_id` string comment 'The user, as in the source.',
    `rank` smallint comment 'Place in the list; 1 is best, no gaps.',
    `item_id` string comment 'The recommended item, as in the source; known, available, and not what the user has met and may not be shown again.',
    `score` double comment 'What ranks the list: the sum of the five contributions; comparable within one list only.',
    `blended_score` double comment 'The score before policies: the sum of the four families.',
    `collaborative` double comment 'What this family (what people like them like) adds to the score; null where it abstains.',
    `sequential` double comment 'What this family (what follows what they just did) adds to the score; null where it abstains.',
    `content` double comment 'What this family (what resembles their taste) adds to the score; null where it abstains.',
    `knowledge` double comment 'What this family (what holds without any history) adds to the score; null where it abstains.',
    `policy` double comment 'What policies (boosts, diversity, quotas) add to the score.',
    `reason` string comment 'The contribution that adds most.',
    `because_item_id` string comment 'The item of the user’s history that speaks most for this one, where one does.',
    `served_by` string comment 'Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity.',
    `variant` string comment 'The variant of the experiment that the user is in; null where none runs.',
    `model_version` string comment 'The set of models and weights that made the list; a folder under models/.',
    `run_id` string comment 'The night that made the list; a file under manifests/.'
)
using parquet
location 's3://bucket/shop/latest/recommendations.parquet'
comment 'one row per user and rank';

create table if not exists nightly.recommendations_history (
    `user_id` string comment 'The user, as in the source.',
    `rank` smallint comment 'Place in the list; 1 is best, no gaps.',
    `item_id` string comment 'The recommended item, as in the source; known, available, and not what the user has met and may not be shown again.',
    `score` double comment 'What ranks the list: the sum of the five contributions; comparable within one list only.',
    `blended_score` double comment 'The score before policies: the sum of the four families.',
    `collaborative` double comment 'What this family (what people like them like) adds to the score; null where it abstains.',
    `sequential` double comment 'What this family (what follows what they just did) adds to the score; null where it abstains.',
    `content` double comment 'What this family (what resembles their taste) adds to the score; null where it abstains.',
    `knowledge` double comment 'What this family (what holds without any history) adds to the score; null where it abstains.',
    `policy` double comment 'What policies (boosts, diversity, quotas) add to the score.',
    `reason` string comment 'The contribution that adds most.',
    `because_item_id` string comment 'The item of the user’s history that speaks most for this one, where one does.',
    `served_by` string comment 'Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity.',
    `variant` string comment 'The variant of the experiment that the user is in; null where none runs.',
    `model_version` string comment 'The set of models and weights that made the list; a folder under models/.',
    `run_id` string comment 'The night that made the list; a file under manifests/.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/recommendations'
comment 'one row per user and rank';

create table if not exists nightly.recommendations_wide (
    `user_id` string comment 'The user, as in the source.',
    `item_ids` array<string> comment 'The recommended items, best first.',
    `scores` array<double> comment 'Their scores, in the same order.',
    `served_by` string comment 'Rung of the cold-start ladder, as in recommendations.',
    `variant` string comment 'The variant of the experiment that the user is in; null where none runs.',
    `model_version` string comment 'The set of models and weights that made the list.',
    `run_id` string comment 'The night that made the list.'
)
using parquet
location 's3://bucket/shop/latest/recommendations_wide.parquet'
comment 'one row per user; none unless [score] wide asks for them';

create table if not exists nightly.recommendations_wide_history (
    `user_id` string comment 'The user, as in the source.',
    `item_ids` array<string> comment 'The recommended items, best first.',
    `scores` array<double> comment 'Their scores, in the same order.',
    `served_by` string comment 'Rung of the cold-start ladder, as in recommendations.',
    `variant` string comment 'The variant of the experiment that the user is in; null where none runs.',
    `model_version` string comment 'The set of models and weights that made the list.',
    `run_id` string comment 'The night that made the list.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/recommendations_wide'
comment 'one row per user; none unless [score] wide asks for them';

create table if not exists nightly.why_not (
    `user_id` string comment 'The user, as in the source.',
    `candidate_rank` smallint comment 'Place among all that was scored for the user, before anything was left out; places missing here are recommended.',
    `item_id` string comment 'The candidate; of items that are unavailable only the most liked are scored.',
    `score` double comment 'What it scored: the four families and boosts, in float32; comparable within one list only.',
    `cause` string comment 'Why it is absent: seen, unavailable, blocked, own_item, ineligible, tired_of, below_minimum, capped, diversified, displaced, or rank where others simply scored higher.',
    `rule` string comment 'The setting that says so, such as caps.genres; empty for rank.'
)
using parquet
location 's3://bucket/shop/latest/why_not.parquet'
comment 'one row per user and candidate that is not recommended, though it scored among the best 3 K';

create table if not exists nightly.why_not_history (
    `user_id` string comment 'The user, as in the source.',
    `candidate_rank` smallint comment 'Place among all that was scored for the user, before anything was left out; places missing here are recommended.',
    `item_id` string comment 'The candidate; of items that are unavailable only the most liked are scored.',
    `score` double comment 'What it scored: the four families and boosts, in float32; comparable within one list only.',
    `cause` string comment 'Why it is absent: seen, unavailable, blocked, own_item, ineligible, tired_of, below_minimum, capped, diversified, displaced, or rank where others simply scored higher.',
    `rule` string comment 'The setting that says so, such as caps.genres; empty for rank.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/why_not'
comment 'one row per user and candidate that is not recommended, though it scored among the best 3 K';

create table if not exists nightly.similar_items (
    `item_id` string comment 'The item looked at.',
    `rank` smallint comment 'Place in the list; 1 is most similar, no gaps.',
    `similar_item_id` string comment 'Another item, known and available.',
    `score` double comment 'How strongly the one speaks for the other; comparable within one list only.',
    `reason` string comment 'The family that compares the two.'
)
using parquet
location 's3://bucket/shop/latest/similar_items.parquet'
comment 'one row per item and rank';

create table if not exists nightly.similar_items_history (
    `item_id` string comment 'The item looked at.',
    `rank` smallint comment 'Place in the list; 1 is most similar, no gaps.',
    `similar_item_id` string comment 'Another item, known and available.',
    `score` double comment 'How strongly the one speaks for the other; comparable within one list only.',
    `reason` string comment 'The family that compares the two.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/similar_items'
comment 'one row per item and rank';

create table if not exists nightly.popular_items (
    `segment` string comment 'The users counted, by how much they liked so far; __all__ is everybody and never empty. __trending__ holds what is liked more often lately than it used to be, __new__ what few have met yet, the newest first.',
    `rank` smallint comment 'Place in the list; 1 is most popular, no gaps.',
    `item_id` string comment 'A known and available item.',
    `score` double comment 'Popularity on a log scale, older likes fading as configured; of __trending__ its rise on a log scale; of __new__ the days before the newest event at which it was first met or became available, as a negative number.'
)
using parquet
location 's3://bucket/shop/latest/popular_items.parquet'
comment 'one row per user segment and rank';

create table if not exists nightly.popular_items_history (
    `segment` string comment 'The users counted, by how much they liked so far; __all__ is everybody and never empty. __trending__ holds what is liked more often lately than it used to be, __new__ what few have met yet, the newest first.',
    `rank` smallint comment 'Place in the list; 1 is most popular, no gaps.',
    `item_id` string comment 'A known and available item.',
    `score` double comment 'Popularity on a log scale, older likes fading as configured; of __trending__ its rise on a log scale; of __new__ the days before the newest event at which it was first met or became available, as a negative number.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/popular_items'
comment 'one row per user segment and rank';

create table if not exists nightly.item_audience (
    `item_id` string comment 'The item; known and available.',
    `rank` smallint comment 'Place in the list; 1 is the user whom it suits most, no gaps.',
    `user_id` string comment 'A user who may be shown the item and among whose best 3 K candidates it is.',
    `score` double comment 'What the item scored for the user, as in why_not; never rises with the rank.'
)
using parquet
location 's3://bucket/shop/latest/item_audience.parquet'
comment 'one row per item and rank';

create table if not exists nightly.item_audience_history (
    `item_id` string comment 'The item; known and available.',
    `rank` smallint comment 'Place in the list; 1 is the user whom it suits most, no gaps.',
    `user_id` string comment 'A user who may be shown the item and among whose best 3 K candidates it is.',
    `score` double comment 'What the item scored for the user, as in why_not; never rises with the rank.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/item_audience'
comment 'one row per item and rank';

create table if not exists nightly.changes (
    `user_id` string comment 'The user, as in the source.',
    `item_id` string comment 'The item, as in the source.',
    `change` string comment 'entered, left or moved.',
    `rank_before` smallint comment 'Its place in the list published before; null where it entered.',
    `rank` smallint comment 'Its place tonight; null where it left.',
    `cause` string comment 'What changed: seen, unavailable, policy (a rule left it out or brought it in), new_user, user_gone, new_item, new_event (the user did something since), variant, or models.',
    `detail` string comment 'The rule, where a policy is the cause: raised or lowered where boosts, quotas or diversity changed the score; else empty.'
)
using parquet
location 's3://bucket/shop/latest/changes.parquet'
comment 'one row per user and item that entered or left their list or moved in it since the night before';

create table if not exists nightly.changes_history (
    `user_id` string comment 'The user, as in the source.',
    `item_id` string comment 'The item, as in the source.',
    `change` string comment 'entered, left or moved.',
    `rank_before` smallint comment 'Its place in the list published before; null where it entered.',
    `rank` smallint comment 'Its place tonight; null where it left.',
    `cause` string comment 'What changed: seen, unavailable, policy (a rule left it out or brought it in), new_user, user_gone, new_item, new_event (the user did something since), variant, or models.',
    `detail` string comment 'The rule, where a policy is the cause: raised or lowered where boosts, quotas or diversity changed the score; else empty.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/changes'
comment 'one row per user and item that entered or left their list or moved in it since the night before';

create table if not exists nightly.exposure (
    `item_id` string comment 'A known and available item.',
    `segment` string comment 'The users to whom it is shown; __all__ is everybody, and has a row for items nobody is shown.',
    `n_lists` bigint comment 'Lists of the segment that hold it.',
    `n_first` bigint comment 'Lists that it heads.',
    `share` double comment 'Share of the segment’s lists that hold it.',
    `mean_rank` double comment 'Its mean place in these lists; null where there are none.'
)
using parquet
location 's3://bucket/shop/latest/exposure.parquet'
comment 'one row per item and user segment';

create table if not exists nightly.exposure_history (
    `item_id` string comment 'A known and available item.',
    `segment` string comment 'The users to whom it is shown; __all__ is everybody, and has a row for items nobody is shown.',
    `n_lists` bigint comment 'Lists of the segment that hold it.',
    `n_first` bigint comment 'Lists that it heads.',
    `share` double comment 'Share of the segment’s lists that hold it.',
    `mean_rank` double comment 'Its mean place in these lists; null where there are none.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/exposure'
comment 'one row per item and user segment';

create table if not exists nightly.metrics (
    `ranking` string comment 'What ranked: blend, a model, popularity, yesterday (the table served before); with policies, without policies, without one by its name; published and a date: that night’s lists; experiment and a date: its variants.',
    `segment` string comment 'The users judged; __all__ is everybody judged. `variant: ` and a name: those in a variant of the experiment.',
    `metric` string comment 'hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists; without policies ndcg_cost, lists_changed, items_changed; of variants users, share, sample_ratio_p, point_from, point_below, *_difference.',
    `k` smallint comment 'Length of the judged lists; of point_from and point_below the number of a variant’s range, else 0.',
    `value` double comment 'The metric, a mean over users where it is one per user.',
    `low` double comment 'Lower end of the 95 % bootstrap interval; null where there is none.',
    `high` double comment 'Upper end of the interval.',
    `n_users` bigint comment 'Users judged.',
    `of_date` date comment 'The night whose lists are judged: tonight, by what was held out, or an earlier one, by what people really did next.'
)
using parquet
location 's3://bucket/shop/latest/metrics.parquet'
comment 'one row per ranking, segment, metric and k';

create table if not exists nightly.metrics_history (
    `ranking` string comment 'What ranked: blend, a model, popularity, yesterday (the table served before); with policies, without policies, without one by its name; published and a date: that night’s lists; experiment and a date: its variants.',
    `segment` string comment 'The users judged; __all__ is everybody judged. `variant: ` and a name: those in a variant of the experiment.',
    `metric` string comment 'hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists; without policies ndcg_cost, lists_changed, items_changed; of variants users, share, sample_ratio_p, point_from, point_below, *_difference.',
    `k` smallint comment 'Length of the judged lists; of point_from and point_below the number of a variant’s range, else 0.',
    `value` double comment 'The metric, a mean over users where it is one per user.',
    `low` double comment 'Lower end of the 95 % bootstrap interval; null where there is none.',
    `high` double comment 'Upper end of the interval.',
    `n_users` bigint comment 'Users judged.',
    `of_date` date comment 'The night whose lists are judged: tonight, by what was held out, or an earlier one, by what people really did next.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/metrics'
comment 'one row per ranking, segment, metric and k';

create table if not exists nightly.weights (
    `segment` string comment 'The users the weight holds for.',
    `model` string comment 'The model weighted.',
    `family` string comment 'The family it belongs to.',
    `weight` double comment 'Its share of the blend; sums to 1 within a segment.',
    `low` double comment 'Lower end of the 95 % interval of a learned weight over resamples of the users.',
    `high` double comment 'Upper end of the interval.',
    `loss_without` double comment 'NDCG@10 that the segment’s lists would lose were the model silent; null where it was not measured.',
    `n_users` bigint comment 'Holdout users of the segment to whom the weights were fitted.'
)
using parquet
location 's3://bucket/shop/latest/weights.parquet'
comment 'one row per user segment and model';

create table if not exists nightly.weights_history (
    `segment` string comment 'The users the weight holds for.',
    `model` string comment 'The model weighted.',
    `family` string comment 'The family it belongs to.',
    `weight` double comment 'Its share of the blend; sums to 1 within a segment.',
    `low` double comment 'Lower end of the 95 % interval of a learned weight over resamples of the users.',
    `high` double comment 'Upper end of the interval.',
    `loss_without` double comment 'NDCG@10 that the segment’s lists would lose were the model silent; null where it was not measured.',
    `n_users` bigint comment 'Holdout users of the segment to whom the weights were fitted.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/weights'
comment 'one row per user segment and model';

create table if not exists nightly.coverage (
    `fact` string comment 'What is counted: users_known, users_served, users_served_by, items_known, items_recommendable, items_shown, short_list; of a large catalogue that was searched, search_recall and search_share.',
    `subject` string comment 'What it is counted for: everything (empty), a rung, or a user with fewer than K rows.',
    `value` double comment 'The count; search_recall: share of the best K that the search found for some users; search_share: share of the items that were looked at for a user.',
    `reason` string comment 'Why a list is short; empty otherwise.'
)
using parquet
location 's3://bucket/shop/latest/coverage.parquet'
comment 'one row per fact and subject';

create table if not exists nightly.coverage_history (
    `fact` string comment 'What is counted: users_known, users_served, users_served_by, items_known, items_recommendable, items_shown, short_list; of a large catalogue that was searched, search_recall and search_share.',
    `subject` string comment 'What it is counted for: everything (empty), a rung, or a user with fewer than K rows.',
    `value` double comment 'The count; search_recall: share of the best K that the search found for some users; search_share: share of the items that were looked at for a user.',
    `reason` string comment 'Why a list is short; empty otherwise.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/coverage'
comment 'one row per fact and subject';

create table if not exists nightly.drift (
    `measure` string comment 'events (of the last whole day seen), event_type_share, users, items, new_user_share and new_item_share (of that day’s events), mean_value, score_p10, score_p50, score_p90, first_score_p50, reject_share.',
    `subject` string comment 'What it is measured for: everything (empty), an event type, or a rung of the cold-start ladder.',
    `value` double comment 'What was measured tonight.',
    `usual` double comment 'The median of the trailing nights; null where there are too few.',
    `low` double comment 'Lower end of what is usual: some robust deviations below the median.',
    `high` double comment 'Upper end of what is usual.',
    `is_unusual` boolean comment 'Whether tonight lies outside; never where there are too few nights.',
    `n_nights` bigint comment 'Trailing nights it is compared with.'
)
using parquet
location 's3://bucket/shop/latest/drift.parquet'
comment 'one row per measure and subject';

create table if not exists nightly.drift_history (
    `measure` string comment 'events (of the last whole day seen), event_type_share, users, items, new_user_share and new_item_share (of that day’s events), mean_value, score_p10, score_p50, score_p90, first_score_p50, reject_share.',
    `subject` string comment 'What it is measured for: everything (empty), an event type, or a rung of the cold-start ladder.',
    `value` double comment 'What was measured tonight.',
    `usual` double comment 'The median of the trailing nights; null where there are too few.',
    `low` double comment 'Lower end of what is usual: some robust deviations below the median.',
    `high` double comment 'Upper end of what is usual.',
    `is_unusual` boolean comment 'Whether tonight lies outside; never where there are too few nights.',
    `n_nights` bigint comment 'Trailing nights it is compared with.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/drift'
comment 'one row per measure and subject';

create table if not exists nightly.rejects (
    `source` string comment 'interactions, items or users.',
    `source_file` string comment 'Name of the delivered file.',
    `delivery` string comment 'Names the delivery under raw/: the sha256 of its bytes, and of the night where they came again.',
    `row_number` bigint comment 'Place in the file, the first row after the header being 1; 0 for a whole file.',
    `rule` string comment 'The first rule the row broke.',
    `raw_row` string comment 'The row as delivered.'
)
using parquet
location 's3://bucket/shop/latest/rejects.parquet'
comment 'one row per refused row of a delivery';

create table if not exists nightly.rejects_history (
    `source` string comment 'interactions, items or users.',
    `source_file` string comment 'Name of the delivered file.',
    `delivery` string comment 'Names the delivery under raw/: the sha256 of its bytes, and of the night where they came again.',
    `row_number` bigint comment 'Place in the file, the first row after the header being 1; 0 for a whole file.',
    `rule` string comment 'The first rule the row broke.',
    `raw_row` string comment 'The row as delivered.',
    `run_date` date comment 'The night, from the name of the folder.'
)
using parquet
partitioned by (run_date)
location 's3://bucket/shop/tables/rejects'
comment 'one row per refused row of a delivery';

create table if not exists nightly.runs (
    `attempt_id` string comment 'The attempt.',
    `run_id` string comment 'The night it worked for: equal inputs, settings and code give equal ids.',
    `run_date` date comment 'The date it worked for.',
    `started_at` timestamp_ntz comment 'When it began, UTC.',
    `seconds` double comment 'How long it took.',
    `peak_bytes` bigint comment 'The most memory its process held.',
    `ending` string comment 'published, unchanged, kept_last_good, failed or skipped.',
    `exit_code` smallint comment 'Exit code of the command.',
    `reason` string comment 'Why it ended so.',
    `verdict` string comment 'What the gate said, PUBLISH or HOLD; null where it was not asked.',
    `checks` string comment 'The gate’s rules as JSON: name, passed, value, limit, sentence.',
    `data_through` string comment 'Time of the newest event it saw, UTC.',
    `model_version` string comment 'What it published.'
)
using parquet
location 's3://bucket/shop/latest/runs.parquet'
comment 'one row per attempt up to and including the published one';
