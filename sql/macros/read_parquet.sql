-- One row per row of the table that is registered under the name of its files; stands in for DuckDB's own where no file may be opened.
select * from query_table(path)
