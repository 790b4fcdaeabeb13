import json
import subprocess

import pytest

from benchmarks import growth, nights
from benchmarks.growth import as_table, kept, read, summary, verdict
from benchmarks.made_up import large_shop, made_up
from benchmarks.plots import OTHERS, folded, heaviest, palette

PLOTS = nights.HERE / ".venv" / "bench" / "bin" / "python"
GIB = 2**30


def night(pairs, seconds, number=0):
    """Say what a night took in two steps of nine tenths and a tenth, and one of almost nothing."""
    names = {"score": 0.9, "stage": 0.09, "gate": 0.01}
    steps = [{"name": name, "seconds": seconds * share, "peak_bytes": GIB * share, "written_bytes": 1e6} for name, share in names.items()]
    about = {"pairs": pairs, "users": 10, "items": 5, "events": pairs, "round": number, "ending": "published", "reason": ""}
    return {**about, "seconds": seconds, "peak_bytes": GIB, "served_bytes": 1e6, "steps": steps}


def test_medians_of_rounds_are_set_beside_each_other():
    """Rounds of 90, 100 and 500 seconds count as 100; five times the events took ten times as long."""
    figures = summary([night(5_000_000, 1000.0), *(night(1_000_000, seconds, number) for number, seconds in enumerate((500, 90, 100)))])
    assert [record["seconds"] for record in figures] == [100, 1000]
    table = as_table(figures).splitlines()
    assert table[0] == "| step | 1.0M: s | 5.0M: s | times | 1.0M: peak GB | 5.0M: peak GB | 1.0M: written MB | 5.0M: written MB |"
    assert table[-1] == "| **the night** | 100.0 | 1000.0 | 10.0 | 1.00 | 1.00 | 3 | 3 |"
    assert "| stage | 9.0 | 90.0 | 10.0 | 0.09 | 0.09 | 1 | 1 |" in table


@pytest.mark.parametrize(("largest", "said"), [(599.0, "reached"), (601.0, "**missed**")])
def test_a_target_is_missed_by_the_first_second_too_many(largest, said):
    assert f"10.0 minutes (at most 10): {said};" in verdict(summary([night(1_000_000, 100.0), night(5_000_000, largest)]))


def test_what_was_measured_is_not_measured_again(tmp_path, monkeypatch):
    """A second run takes the first one's figures out of the file and measures only the size that is new."""
    asked = []
    monkeypatch.setattr(growth, "measured", lambda about, *_: asked.append(about["pairs"]) or night(about["pairs"], 1.0))
    results = tmp_path / "results.jsonl"
    growth.growth(pairs=(10, 20), users=10, items=5, results=results)
    growth.growth(pairs=(10, 20, 40), users=10, items=5, results=results)
    assert asked == [10, 20, 40]
    assert [record["pairs"] for record in read(results)] == [10, 20, 40]


def test_plots_that_cannot_be_drawn_are_refused_before_the_first_night(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "measured", lambda *_: pytest.fail("measured in vain"))
    with pytest.raises(FileNotFoundError, match="make bench-growth"):
        growth.growth(pairs=(10,), plots_python=tmp_path / "none", write=True)


def test_a_night_that_published_nothing_is_no_figure(tmp_path):
    with pytest.raises(RuntimeError, match="held"):
        kept({**night(10, 1.0), "ending": "kept_last_good", "reason": "held"}, tmp_path / "results.jsonl")
    assert read(tmp_path / "results.jsonl") == []


def test_a_log_is_made_up_once(tmp_path):
    """The second time the files are taken as they lie there; another size has files of its own."""
    small, large = (made_up(large_shop(n, 50, 40), tmp_path) for n in (100, 450))
    before = small.interactions.stat().st_mtime_ns
    assert made_up(large_shop(100, 50, 40), tmp_path) == small
    assert small.interactions.stat().st_mtime_ns == before
    assert (small.events, large.events) == (100, 450)


def test_more_pairs_than_a_world_can_fill_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at most a quarter"):
        made_up(large_shop(1000, 50, 40), tmp_path)


def test_drawn_layers_add_up_to_the_night():
    figures = summary([night(1_000_000, 100.0), night(5_000_000, 1000.0)])
    layers = folded(figures)
    assert list(layers) == ["score", "stage", OTHERS]
    assert len({palette(figures)[name] for name in ("score", "stage", "gate", OTHERS)}) == 4
    assert [sum(values) for values in zip(*layers.values(), strict=True)] == pytest.approx([100, 1000])
    assert heaviest(figures) == {"score": [0.9, 0.9], "stage": [0.09, 0.09], "gate": [0.01, 0.01]}


@pytest.mark.skipif(not PLOTS.exists(), reason="matplotlib is installed with the rivals: make .venv/bench/.rivals")
def test_the_same_figures_draw_the_same_bytes(tmp_path):
    """Plots hold their words as text, and nothing of the day or the machine on which they were drawn."""
    (tmp_path / "figures.json").write_text(json.dumps(summary([night(1_000_000, 100.0), night(5_000_000, 1000.0)])))
    drawn = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        subprocess.run([PLOTS, "-m", "benchmarks.plots", tmp_path / "figures.json", tmp_path / name], cwd=nights.HERE, check=True)
        drawn.append({file.name: file.read_bytes() for file in sorted((tmp_path / name).iterdir())})
    assert list(drawn[0]) == ["growth-memory.svg", "growth-seconds.svg"]
    assert drawn[0] == drawn[1]
    assert b">score</text>" in drawn[0]["growth-seconds.svg"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_night_is_measured_end_to_end(tmp_path):
    """A made-up log becomes a published night whose steps add up to the whole process and left tables behind."""
    record = growth.measured({"pairs": 8000, "users": 300, "items": 200}, tmp_path / "worlds", tmp_path / "workspace")
    assert record["ending"] == "published", record["reason"]
    assert {"ingest", "train", "score", "publish"} <= {step["name"] for step in record["steps"]}
    assert sum(step["seconds"] for step in record["steps"]) == pytest.approx(record["seconds"], abs=0.01)
    assert record["served_bytes"] > 0
