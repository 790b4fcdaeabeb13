"""What nights leave behind them in small files, written by hand: lines of runs.jsonl, manifests, the pointer and pages."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from tasks.workspace import Workspace

AHEAD = 0.2


def record(workspace: Workspace, day: date, ending: str = "published", reason: str = "no worse", **facts: Any) -> None:
    """Write down one attempt and its page; one that published leaves its manifest, and is served."""
    run_id, written = f"night-{day}", facts.pop("written", "<!doctype html><title>A night</title>")
    checks = json.dumps([{"name": "popularity", "value": AHEAD, "limit": 0.0, "passed": True, "sentence": ""}])
    known = {"attempt_id": f"{run_id} {ending} {reason}", "run_id": run_id, "run_date": str(day), "started_at": f"{day}T02:00:00.000000Z"}
    line = json.dumps(known | {"seconds": 60.5, "ending": ending, "reason": reason, "checks": checks} | facts)
    with workspace.runs.open("a") as lines:
        lines.write(f"{line}\n")
    if written:
        workspace.report(day).mkdir(parents=True, exist_ok=True)
        (workspace.report(day) / "index.html").write_text(written)
    if ending == "published":
        publish(workspace, day)


def publish(workspace: Workspace, day: date, **facts: Any) -> None:
    """Write the manifest of a date, and point at it."""
    run_id = f"night-{day}"
    table = {"path": f"tables/recommendations/run_date={day}/part-0.parquet", "sha256": "0" * 64, "rows": 10_000 + day.day, "bytes": 1}
    known = {"run_id": run_id, "run_date": str(day), "published_at": f"{day}T02:01:00Z", "data_through": f"{day}T01:59:00Z"}
    known |= {"model_version": "models", "tables": {"recommendations": table}, "verdict": "no worse", "settings": {}}
    known |= {"quality": {"k": 10, "ndcg": 0.3, "speaker": None}}
    workspace.manifests.mkdir(exist_ok=True)
    workspace.manifest_file(run_id).write_text(json.dumps(known | facts))
    workspace.pointer.write_text(json.dumps({"run_id": run_id, "run_date": str(day)}))


def days(first: date, count: int) -> list[date]:
    """Return so many dates from a first one on."""
    return [first + timedelta(days=ahead) for ahead in range(count)]
