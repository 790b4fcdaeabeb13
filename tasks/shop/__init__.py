"""A seeded generator of a small shop: planted tastes, popularity skew, arrivals, order in what people do next, some dirty rows.

It feeds the demo, and sized up the tests and benchmarks. Nothing in it reads a clock.
"""

from tasks.shop.config import ShopConfig
from tasks.shop.inbox import ALL_PARQUET, MIXED, Formats, write_bad_delivery, write_delivery
from tasks.shop.planted import Planted
from tasks.shop.shop import Delivery, Shop

__all__ = ["ALL_PARQUET", "MIXED", "Delivery", "Formats", "Planted", "Shop", "ShopConfig", "write_bad_delivery", "write_delivery"]
