-- The segment of everybody, when it is empty although something is available.
select '__all__' as segment
where
    not exists (select 1 from read_parquet($popular_items) where segment = '__all__')
    and exists (select 1 from training.items where is_known and is_available)
