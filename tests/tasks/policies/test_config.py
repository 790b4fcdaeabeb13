"""Claims about `tasks.policies.config`: what may be said, and how a contradiction is told."""

from __future__ import annotations

import re

import pytest

from flows.settings import load_settings
from tasks.policies.config import PoliciesConfig
from tasks.policies.findings import _attributes
from tasks.refusals import UsageError

EVERYTHING = """
[policies]
unavailable_where = {in_stock = [false, "0"]}
own_items = "seller"
[policies.seen]
types = {view = 3, purchase = "never"}
[policies.blocks]
items = [17, "a"]
users_attribute = "hides"
items_attribute = "not_for"
[[policies.eligibility]]
name = "country"
match = {user = "Country", item = "ships_to"}
[[policies.eligibility]]
name = "age"
item = "age=18"
user = "adult=yes"
missing = "refuse"
[[policies.boosts]]
name = "own_brand"
item = "brand=acme"
points = 0.5
[[policies.caps]]
name = "genres"
by = "genres"
most = 3
[[policies.quotas]]
name = "local"
item = "origin=local"
least = 2
[policies.diversity]
strength = 0.3
[policies.exploration]
least = 1
[policies.fatigue]
nights = 3
[policies.minimum]
chance = 0.1
"""


def test_everything_that_can_be_declared_is_read(workspace):
    """Numbers and truth values of TOML mean the texts of deliveries; every rule has a reason of its own, in the order of precedence."""
    workspace.settings_file.write_text(EVERYTHING)
    config = load_settings(workspace.root).policies
    assert config.unavailable_where == {"in_stock": ("false", "0")}
    assert config.blocks.items == ("17", "a")
    assert [reason.rule for reason in config.reasons()] == [
        "", "seen", "available", "blocks.items", "own_items", "blocks.users_attribute", "blocks.items_attribute", "eligibility.country",
        "eligibility.age", "fatigue", "minimum", "caps.genres", "diversity", "quotas.local", "exploration",
    ]  # fmt: skip
    named = config.named()
    assert named.items == ("age", "brand", "genres", "in_stock", "not_for", "origin", "seller", "ships_to")
    assert named.users == ("adult", "country", "hides")


def test_nothing_declared_names_nothing_and_adds_no_reason():
    """A workspace without policies is one whose settings say nothing of them."""
    config = PoliciesConfig()
    assert not config.declared
    assert (config.named().items, config.named().users, len(config.reasons())) == ((), (), 3)
    assert PoliciesConfig(exploration={"least": 1}).declared


BOOST = {"name": "a", "item": "brand=acme", "points": 1}
CAP = {"name": "a", "by": "Brand", "most": 2}
QUOTA = {"name": "a", "item": "brand=acme", "least": 2}


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("own_items = ''", "policies.own_items", "at least 1 character"),
        ("blocks.item = ['1']", "policies.blocks.item", "a known setting"),
        ("seen.default = 'sometimes'", "policies.seen.default", "'forever' or 'never'"),
        ("seen.types = {view = 0}", "policies.seen.types.view", ""),
        ("eligibility = [{name = 'a', item = 'age=18'}]", "policies.eligibility.0", "either a `match`"),
        ("eligibility = [{name = 'a', match = {user = 'a', item = 'b'}, item = 'a=1', user = 'b=2'}]", "policies.eligibility.0", "either"),
        ("boosts = [{name = 'a', item = 'brand', points = 1}]", "policies.boosts.0.item", "such as brand=acme"),
        ("boosts = [{name = 'a b', item = 'brand=x', points = 1}]", "policies.boosts.0.name", "letters"),
        ("boosts = [{name = 'a', item = 'brand=x', points = inf}]", "policies.boosts.0.points", "finite"),
        ("caps = [{name = 'a', by = 'genres', most = 0}]", "policies.caps.0.most", "greater than or equal to 1"),
        ("quotas = [{name = 'a', item = 'a=b', least = 0}]", "policies.quotas.0.least", "greater than or equal to 1"),
        ("fatigue = {nights = 8, within = 7}", "policies.fatigue", "8 of 7 nights never happen"),
        ("minimum.chance = 1.0", "policies.minimum.chance", "less than 1"),
        ("diversity.by = 'nobody'", "policies", "`diversity.by` must be one of descriptions"),
        ("diversity.by = 'rules'", "policies", "`diversity.by` must be one of descriptions"),
    ],
)
def test_a_setting_that_says_nothing_sensible_is_refused_by_its_key(workspace, text, key, expected):
    """The message names the key, what was expected, what was found, and what to do about it."""
    workspace.settings_file.write_text(f"[policies]\n{text}\n")
    with pytest.raises(UsageError) as refused:
        load_settings(workspace.root)
    assert re.search(rf"nightly\.toml, line [12], setting {re.escape(key)}", refused.value.where)
    assert expected in refused.value.expected
    assert refused.value.found
    assert "nightly.toml" in refused.value.next_step


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"boosts": [BOOST, BOOST]}, "'a' is taken"),
        ({"caps": [CAP], "quotas": [{**QUOTA, "least": 3}]}, "asks for 3 items of one value, and caps.a allows 2"),
        ({"unavailable_where": {"Brand": ["ACME"]}, "quotas": [QUOTA]}, "quotas.a asks for items that `unavailable_where` leaves out"),
        ({"unavailable_where": {"brand": ["acme"]}, "boosts": [BOOST]}, "boosts.a is about items"),
        ({"quotas": [{**QUOTA, "least": 700}], "exploration": {"least": 301}}, "1001 places"),
        ({"boosts": [{**BOOST, "name": f"n{n}"} for n in range(101)]}, "100 rules"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(section, said):
    """What can be seen in the settings alone is told before a night begins."""
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        PoliciesConfig(**section)


def test_one_policy_can_be_taken_away(workspace):
    """The rest stays as it is; what is not there cannot be taken away."""
    workspace.settings_file.write_text(EVERYTHING)
    config = load_settings(workspace.root).policies
    everything = {reason.rule for reason in config.reasons()}
    for rule in everything - {"", "seen", "available"}:
        assert everything - {reason.rule for reason in config.without(rule).reasons()} == {rule}
    assert config.without("boosts.own_brand").boosts == ()
    assert config.without("seen").seen.types == {}
    for rule in ("caps.nobody", "caps", "blocks.nobody", "nobody"):
        with pytest.raises(KeyError):
            config.without(rule)


def test_whatever_attribute_is_named_its_rule_can_be_told(workspace):
    """What a rule asks of deliveries is refused with the rule's name where nobody delivers it; none is forgotten there."""
    workspace.settings_file.write_text(EVERYTHING)
    config = load_settings(workspace.root).policies
    told = {pair for _, pairs in _attributes(config) for pair in pairs}
    named = config.named()
    assert {("items", name) for name in named.items} | {("users", name) for name in named.users} <= told
