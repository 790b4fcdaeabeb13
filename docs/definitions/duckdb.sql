-- Views of the published files for DuckDB, contract 1.2: every table as it is served, and all its nights as <table>_history.
-- Written by .venv/bin/python -m tasks.definitions duckdb > docs/definitions/duckdb.sql; paths count from the workspace folder, or add
-- --location. `runs` tells of all earlier attempts itself.

create or replace view recommendations as
select
    user_id,
    rank,
    item_id,
    score,
    blended_score,
    collaborative,
    sequential,
    content,
    knowledge,
    policy,
    reason,
    because_item_id,
    served_by,
    variant,
    model_version,
    run_id
from read_parquet('./latest/recommendations.parquet', hive_partitioning = false);

create or replace view recommendations_history as
select
    run_date,
    user_id,
    rank,
    item_id,
    score,
    blended_score,
    collaborative,
    sequential,
    content,
    knowledge,
    policy,
    reason,
    because_item_id,
    served_by,
    variant,
    model_version,
    run_id
from read_parquet('./tables/recommendations/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view recommendations_wide as
select
    user_id,
    item_ids,
    scores,
    served_by,
    variant,
    model_version,
    run_id
from read_parquet('./latest/recommendations_wide.parquet', hive_partitioning = false);

create or replace view recommendations_wide_history as
select
    run_date,
    user_id,
    item_ids,
    scores,
    served_by,
    variant,
    model_version,
    run_id
from read_parquet('./tables/recommendations_wide/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view why_not as
select
    user_id,
    candidate_rank,
    item_id,
    score,
    cause,
    rule
from read_parquet('./latest/why_not.parquet', hive_partitioning = false);

create or replace view why_not_history as
select
    run_date,
    user_id,
    candidate_rank,
    item_id,
    score,
    cause,
    rule
from read_parquet('./tables/why_not/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view similar_items as
select
    item_id,
    rank,
    similar_item_id,
    score,
    reason
from read_parquet('./latest/similar_items.parquet', hive_partitioning = false);

create or replace view similar_items_history as
select
    run_date,
    item_id,
    rank,
    similar_item_id,
    score,
    reason
from read_parquet('./tables/similar_items/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view popular_items as
select
    segment,
    rank,
    item_id,
    score
from read_parquet('./latest/popular_items.parquet', hive_partitioning = false);

create or replace view popular_items_history as
select
    run_date,
    segment,
    rank,
    item_id,
    score
from read_parquet('./tables/popular_items/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view item_audience as
select
    item_id,
    rank,
    user_id,
    score
from read_parquet('./latest/item_audience.parquet', hive_partitioning = false);

create or replace view item_audience_history as
select
    run_date,
    item_id,
    rank,
    user_id,
    score
from read_parquet('./tables/item_audience/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view changes as
select
    user_id,
    item_id,
    change,
    rank_before,
    rank,
    cause,
    detail
from read_parquet('./latest/changes.parquet', hive_partitioning = false);

create or replace view changes_history as
select
    run_date,
    user_id,
    item_id,
    change,
    rank_before,
    rank,
    cause,
    detail
from read_parquet('./tables/changes/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view exposure as
select
    item_id,
    segment,
    n_lists,
    n_first,
    share,
    mean_rank
from read_parquet('./latest/exposure.parquet', hive_partitioning = false);

create or replace view exposure_history as
select
    run_date,
    item_id,
    segment,
    n_lists,
    n_first,
    share,
    mean_rank
from read_parquet('./tables/exposure/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view metrics as
select
    ranking,
    segment,
    metric,
    k,
    value,
    low,
    high,
    n_users,
    of_date
from read_parquet('./latest/metrics.parquet', hive_partitioning = false);

create or replace view metrics_history as
select
    run_date,
    ranking,
    segment,
    metric,
    k,
    value,
    low,
    high,
    n_users,
    of_date
from read_parquet('./tables/metrics/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view weights as
select
    segment,
    model,
    family,
    weight,
    low,
    high,
    loss_without,
    n_users
from read_parquet('./latest/weights.parquet', hive_partitioning = false);

create or replace view weights_history as
select
    run_date,
    segment,
    model,
    family,
    weight,
    low,
    high,
    loss_without,
    n_users
from read_parquet('./tables/weights/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view coverage as
select
    fact,
    subject,
    value,
    reason
from read_parquet('./latest/coverage.parquet', hive_partitioning = false);

create or replace view coverage_history as
select
    run_date,
    fact,
    subject,
    value,
    reason
from read_parquet('./tables/coverage/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view drift as
select
    measure,
    subject,
    value,
    usual,
    low,
    high,
    is_unusual,
    n_nights
from read_parquet('./latest/drift.parquet', hive_partitioning = false);

create or replace view drift_history as
select
    run_date,
    measure,
    subject,
    value,
    usual,
    low,
    high,
    is_unusual,
    n_nights
from read_parquet('./tables/drift/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view rejects as
select
    source,
    source_file,
    delivery,
    row_number,
    rule,
    raw_row
from read_parquet('./latest/rejects.parquet', hive_partitioning = false);

create or replace view rejects_history as
select
    run_date,
    source,
    source_file,
    delivery,
    row_number,
    rule,
    raw_row
from read_parquet('./tables/rejects/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view runs as
select
    attempt_id,
    run_id,
    run_date,
    started_at,
    seconds,
    peak_bytes,
    ending,
    exit_code,
    reason,
    verdict,
    checks,
    data_through,
    model_version
from read_parquet('./latest/runs.parquet', hive_partitioning = false);
