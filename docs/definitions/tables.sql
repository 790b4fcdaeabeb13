-- The published tables, contract 1.2, for a database that loads them: DuckDB and PostgreSQL understand these statements.
-- Written by .venv/bin/python -m tasks.definitions tables > docs/definitions/tables.sql; add --user-ids integer, --item-ids integer where
-- the ids of the source are whole numbers.

create table recommendations (
    user_id varchar not null,
    rank smallint not null,
    item_id varchar not null,
    score double precision not null,
    blended_score double precision not null,
    collaborative double precision,
    sequential double precision,
    content double precision,
    knowledge double precision,
    policy double precision not null,
    reason varchar not null,
    because_item_id varchar,
    served_by varchar not null,
    variant varchar,
    model_version varchar not null,
    run_id varchar not null,
    primary key (user_id, rank)
);
comment on table recommendations is 'one row per user and rank';
comment on column recommendations.user_id is 'The user, as in the source.';
comment on column recommendations.rank is 'Place in the list; 1 is best, no gaps.';
comment on column recommendations.item_id is 'The recommended item, as in the source; known, available, and not what the user has met and may not be shown again.';
comment on column recommendations.score is 'What ranks the list: the sum of the five contributions; comparable within one list only.';
comment on column recommendations.blended_score is 'The score before policies: the sum of the four families.';
comment on column recommendations.collaborative is 'What this family (what people like them like) adds to the score; null where it abstains.';
comment on column recommendations.sequential is 'What this family (what follows what they just did) adds to the score; null where it abstains.';
comment on column recommendations.content is 'What this family (what resembles their taste) adds to the score; null where it abstains.';
comment on column recommendations.knowledge is 'What this family (what holds without any history) adds to the score; null where it abstains.';
comment on column recommendations.policy is 'What policies (boosts, diversity, quotas) add to the score.';
comment on column recommendations.reason is 'The contribution that adds most.';
comment on column recommendations.because_item_id is 'The item of the user’s history that speaks most for this one, where one does.';
comment on column recommendations.served_by is 'Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity.';
comment on column recommendations.variant is 'The variant of the experiment that the user is in; null where none runs.';
comment on column recommendations.model_version is 'The set of models and weights that made the list; a folder under models/.';
comment on column recommendations.run_id is 'The night that made the list; a file under manifests/.';

create table recommendations_wide (
    user_id varchar not null,
    item_ids varchar[] not null,
    scores double precision[] not null,
    served_by varchar not null,
    variant varchar,
    model_version varchar not null,
    run_id varchar not null,
    primary key (user_id)
);
comment on table recommendations_wide is 'one row per user; none unless [score] wide asks for them';
comment on column recommendations_wide.user_id is 'The user, as in the source.';
comment on column recommendations_wide.item_ids is 'The recommended items, best first.';
comment on column recommendations_wide.scores is 'Their scores, in the same order.';
comment on column recommendations_wide.served_by is 'Rung of the cold-start ladder, as in recommendations.';
comment on column recommendations_wide.variant is 'The variant of the experiment that the user is in; null where none runs.';
comment on column recommendations_wide.model_version is 'The set of models and weights that made the list.';
comment on column recommendations_wide.run_id is 'The night that made the list.';

create table why_not (
    user_id varchar not null,
    candidate_rank smallint not null,
    item_id varchar not null,
    score double precision not null,
    cause varchar not null,
    rule varchar not null,
    primary key (user_id, candidate_rank)
);
comment on table why_not is 'one row per user and candidate that is not recommended, though it scored among the best 3 K';
comment on column why_not.user_id is 'The user, as in the source.';
comment on column why_not.candidate_rank is 'Place among all that was scored for the user, before anything was left out; places missing here are recommended.';
comment on column why_not.item_id is 'The candidate; of items that are unavailable only the most liked are scored.';
comment on column why_not.score is 'What it scored: the four families and boosts, in float32; comparable within one list only.';
comment on column why_not.cause is 'Why it is absent: seen, unavailable, blocked, own_item, ineligible, tired_of, below_minimum, capped, diversified, displaced, or rank where others simply scored higher.';
comment on column why_not.rule is 'The setting that says so, such as caps.genres; empty for rank.';

create table similar_items (
    item_id varchar not null,
    rank smallint not null,
    similar_item_id varchar not null,
    score double precision not null,
    reason varchar not null,
    primary key (item_id, rank)
);
comment on table similar_items is 'one row per item and rank';
comment on column similar_items.item_id is 'The item looked at.';
comment on column similar_items.rank is 'Place in the list; 1 is most similar, no gaps.';
comment on column similar_items.similar_item_id is 'Another item, known and available.';
comment on column similar_items.score is 'How strongly the one speaks for the other; comparable within one list only.';
comment on column similar_items.reason is 'The family that compares the two.';

create table popular_items (
    segment varchar not null,
    rank smallint not null,
    item_id varchar not null,
    score double precision not null,
    primary key (segment, rank)
);
comment on table popular_items is 'one row per user segment and rank';
comment on column popular_items.segment is 'The users counted, by how much they liked so far; __all__ is everybody and never empty. __trending__ holds what is liked more often lately than it used to be, __new__ what few have met yet, the newest first.';
comment on column popular_items.rank is 'Place in the list; 1 is most popular, no gaps.';
comment on column popular_items.item_id is 'A known and available item.';
comment on column popular_items.score is 'Popularity on a log scale, older likes fading as configured; of __trending__ its rise on a log scale; of __new__ the days before the newest event at which it was first met or became available, as a negative number.';

create table item_audience (
    item_id varchar not null,
    rank smallint not null,
    user_id varchar not null,
    score double precision not null,
    primary key (item_id, rank)
);
comment on table item_audience is 'one row per item and rank';
comment on column item_audience.item_id is 'The item; known and available.';
comment on column item_audience.rank is 'Place in the list; 1 is the user whom it suits most, no gaps.';
comment on column item_audience.user_id is 'A user who may be shown the item and among whose best 3 K candidates it is.';
comment on column item_audience.score is 'What the item scored for the user, as in why_not; never rises with the rank.';

create table changes (
    user_id varchar not null,
    item_id varchar not null,
    change varchar not null,
    rank_before smallint,
    rank smallint,
    cause varchar not null,
    detail varchar not null,
    primary key (user_id, item_id)
);
comment on table changes is 'one row per user and item that entered or left their list or moved in it since the night before';
comment on column changes.user_id is 'The user, as in the source.';
comment on column changes.item_id is 'The item, as in the source.';
comment on column changes.change is 'entered, left or moved.';
comment on column changes.rank_before is 'Its place in the list published before; null where it entered.';
comment on column changes.rank is 'Its place tonight; null where it left.';
comment on column changes.cause is 'What changed: seen, unavailable, policy (a rule left it out or brought it in), new_user, user_gone, new_item, new_event (the user did something since), variant, or models.';
comment on column changes.detail is 'The rule, where a policy is the cause: raised or lowered where boosts, quotas or diversity changed the score; else empty.';

create table exposure (
    item_id varchar not null,
    segment varchar not null,
    n_lists bigint not null,
    n_first bigint not null,
    share double precision not null,
    mean_rank double precision,
    primary key (item_id, segment)
);
comment on table exposure is 'one row per item and user segment';
comment on column exposure.item_id is 'A known and available item.';
comment on column exposure.segment is 'The users to whom it is shown; __all__ is everybody, and has a row for items nobody is shown.';
comment on column exposure.n_lists is 'Lists of the segment that hold it.';
comment on column exposure.n_first is 'Lists that it heads.';
comment on column exposure.share is 'Share of the segment’s lists that hold it.';
comment on column exposure.mean_rank is 'Its mean place in these lists; null where there are none.';

create table metrics (
    ranking varchar not null,
    segment varchar not null,
    metric varchar not null,
    k smallint not null,
    value double precision not null,
    low double precision,
    high double precision,
    n_users bigint not null,
    of_date date not null,
    primary key (ranking, segment, metric, k)
);
comment on table metrics is 'one row per ranking, segment, metric and k';
comment on column metrics.ranking is 'What ranked: blend, a model, popularity, yesterday (the table served before); with policies, without policies, without one by its name; published and a date: that night’s lists; experiment and a date: its variants.';
comment on column metrics.segment is 'The users judged; __all__ is everybody judged. `variant: ` and a name: those in a variant of the experiment.';
comment on column metrics.metric is 'hit_rate, precision, recall, ndcg, map, mrr; coverage, novelty, gini, distinct_lists; without policies ndcg_cost, lists_changed, items_changed; of variants users, share, sample_ratio_p, point_from, point_below, *_difference.';
comment on column metrics.k is 'Length of the judged lists; of point_from and point_below the number of a variant’s range, else 0.';
comment on column metrics.value is 'The metric, a mean over users where it is one per user.';
comment on column metrics.low is 'Lower end of the 95 % bootstrap interval; null where there is none.';
comment on column metrics.high is 'Upper end of the interval.';
comment on column metrics.n_users is 'Users judged.';
comment on column metrics.of_date is 'The night whose lists are judged: tonight, by what was held out, or an earlier one, by what people really did next.';

create table weights (
    segment varchar not null,
    model varchar not null,
    family varchar not null,
    weight double precision not null,
    low double precision,
    high double precision,
    loss_without double precision,
    n_users bigint not null,
    primary key (segment, model)
);
comment on table weights is 'one row per user segment and model';
comment on column weights.segment is 'The users the weight holds for.';
comment on column weights.model is 'The model weighted.';
comment on column weights.family is 'The family it belongs to.';
comment on column weights.weight is 'Its share of the blend; sums to 1 within a segment.';
comment on column weights.low is 'Lower end of the 95 % interval of a learned weight over resamples of the users.';
comment on column weights.high is 'Upper end of the interval.';
comment on column weights.loss_without is 'NDCG@10 that the segment’s lists would lose were the model silent; null where it was not measured.';
comment on column weights.n_users is 'Holdout users of the segment to whom the weights were fitted.';

create table coverage (
    fact varchar not null,
    subject varchar not null,
    value double precision not null,
    reason varchar not null,
    primary key (fact, subject)
);
comment on table coverage is 'one row per fact and subject';
comment on column coverage.fact is 'What is counted: users_known, users_served, users_served_by, items_known, items_recommendable, items_shown, short_list; of a large catalogue that was searched, search_recall and search_share.';
comment on column coverage.subject is 'What it is counted for: everything (empty), a rung, or a user with fewer than K rows.';
comment on column coverage.value is 'The count; search_recall: share of the best K that the search found for some users; search_share: share of the items that were looked at for a user.';
comment on column coverage.reason is 'Why a list is short; empty otherwise.';

create table drift (
    measure varchar not null,
    subject varchar not null,
    value double precision not null,
    usual double precision,
    low double precision,
    high double precision,
    is_unusual boolean not null,
    n_nights bigint not null,
    primary key (measure, subject)
);
comment on table drift is 'one row per measure and subject';
comment on column drift.measure is 'events (of the last whole day seen), event_type_share, users, items, new_user_share and new_item_share (of that day’s events), mean_value, score_p10, score_p50, score_p90, first_score_p50, reject_share.';
comment on column drift.subject is 'What it is measured for: everything (empty), an event type, or a rung of the cold-start ladder.';
comment on column drift.value is 'What was measured tonight.';
comment on column drift.usual is 'The median of the trailing nights; null where there are too few.';
comment on column drift.low is 'Lower end of what is usual: some robust deviations below the median.';
comment on column drift.high is 'Upper end of what is usual.';
comment on column drift.is_unusual is 'Whether tonight lies outside; never where there are too few nights.';
comment on column drift.n_nights is 'Trailing nights it is compared with.';

create table rejects (
    source varchar not null,
    source_file varchar not null,
    delivery varchar not null,
    row_number bigint not null,
    rule varchar not null,
    raw_row varchar not null,
    primary key (source, delivery, row_number)
);
comment on table rejects is 'one row per refused row of a delivery';
comment on column rejects.source is 'interactions, items or users.';
comment on column rejects.source_file is 'Name of the delivered file.';
comment on column rejects.delivery is 'Names the delivery under raw/: the sha256 of its bytes, and of the night where they came again.';
comment on column rejects.row_number is 'Place in the file, the first row after the header being 1; 0 for a whole file.';
comment on column rejects.rule is 'The first rule the row broke.';
comment on column rejects.raw_row is 'The row as delivered.';

create table runs (
    attempt_id varchar not null,
    run_id varchar,
    run_date date not null,
    started_at timestamp not null,
    seconds double precision not null,
    peak_bytes bigint not null,
    ending varchar not null,
    exit_code smallint not null,
    reason varchar not null,
    verdict varchar,
    checks varchar,
    data_through varchar,
    model_version varchar,
    primary key (started_at, attempt_id)
);
comment on table runs is 'one row per attempt up to and including the published one';
comment on column runs.attempt_id is 'The attempt.';
comment on column runs.run_id is 'The night it worked for: equal inputs, settings and code give equal ids.';
comment on column runs.run_date is 'The date it worked for.';
comment on column runs.started_at is 'When it began, UTC.';
comment on column runs.seconds is 'How long it took.';
comment on column runs.peak_bytes is 'The most memory its process held.';
comment on column runs.ending is 'published, unchanged, kept_last_good, failed or skipped.';
comment on column runs.exit_code is 'Exit code of the command.';
comment on column runs.reason is 'Why it ended so.';
comment on column runs.verdict is 'What the gate said, PUBLISH or HOLD; null where it was not asked.';
comment on column runs.checks is 'The gate’s rules as JSON: name, passed, value, limit, sentence.';
comment on column runs.data_through is 'Time of the newest event it saw, UTC.';
comment on column runs.model_version is 'What it published.';
