"""What tonight's judged lists say of the chance that a recommended item is liked."""

from __future__ import annotations

import pyarrow.parquet as pq

from flows.attempt import Options
from flows.nightly import take_in
from flows.settings import load_settings
from models.policies.minimum import MinimumConfig
from tasks.blend import blend
from tasks.evaluate import evaluate
from tasks.experiment.config import ExperimentConfig
from tasks.night import plain
from tasks.policies.config import PoliciesConfig
from tasks.shop import write_delivery
from tasks.train import train
from tests.conftest import SMALL_SHOP

QUICK = '[train]\nmodels = ["ease", "popularity"]\n[blend]\nresamples = 2\n'


def test_judged_lists_tell_the_chance_of_a_like_where_a_rule_asks_for_it(workspace, shop, night):
    """Every place of every judged list counts, the share that was liked lies within the curve, and no metric changes."""
    workspace.settings_file.write_text(QUICK)
    settings, day = load_settings(workspace.root), SMALL_SHOP.delivery_dates[0]
    at = night(day)
    write_delivery(shop, day, workspace.root / "inbox")
    _, prepared = take_in(at, settings, Options(allow_volume=True), plain)
    trained = train(at, prepared, settings.train)
    blended = blend(at, prepared, trained, settings.blend, settings.judging)
    given = (at, prepared, trained, blended, settings.evaluate, settings.judging, settings.gate)
    asked = PoliciesConfig(minimum=MinimumConfig(chance=0.05))
    without, found = (evaluate(*given, policies, ExperimentConfig()) for policies in (PoliciesConfig(), asked))
    assert without.calibration is None
    # The metrics table also holds what the rule costs.
    assert found.model_copy(update={"calibration": None, "files": without.files}) == without
    curve, k = found.calibration.everybody, max(settings.evaluate.ks)
    assert curve.places == blended.n_users * k
    assert list(curve.chances) == sorted(curve.chances)
    assert sum(segment.places for segment in found.calibration.segments.values()) == curve.places
    served = found.speaker or "blend"
    metrics = pq.read_table(at.staged_table("metrics")).to_pylist()
    wanted = ("precision", k, served, "__all__")
    (precision,) = [row["value"] for row in metrics if (row["metric"], row["k"], row["ranking"], row["segment"]) == wanted]
    assert curve.chances[0] <= precision <= curve.chances[-1]
    assert type(found).model_validate_json(found.model_dump_json()) == found
