-- Segments whose weights do not sum to 1; scaled to integers, since float sums depend on the order.
select segment, sum(round(weight * 1e9)::bigint) as billionths
from read_parquet($weights)
group by segment
having abs(sum(round(weight * 1e9)::bigint) - 1000000000) > 1000
