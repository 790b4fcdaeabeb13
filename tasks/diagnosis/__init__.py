"""Diagnosis: what a look at a workspace and its machine finds: each finding with a sentence and what to type. Nothing is mended here.

The only thing written is the scratch folder in which the disk is tried, and it is gone again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.diagnosis.finding import Finding, Level, Scene
from tasks.diagnosis.folder import attempt, lock, orphaned, owners, shapes
from tasks.diagnosis.inputs import inbox, raw
from tasks.diagnosis.machine import clock, disk, space
from tasks.diagnosis.programs import SETUP, versions, warehouse
from tasks.diagnosis.served import freshness, missed_nights, models, pointer, record, reference, reports, tables

__all__ = ["SETUP", "Finding", "Level", "Scene", "ToDo", "diagnose", "to_do"]

LOOKS: dict[str, Callable[[Scene], Iterator[Finding]]] = {
    "files": shapes,
    "owner": owners,
    "versions": versions,
    "disk": disk,
    "space": space,
    "clock": clock,
    "lock": lock,
    "attempt": attempt,
    "pointer": pointer,
    "tables": tables,
    "raw": raw,
    "reference": reference,
    "models": models,
    "warehouse": warehouse,
    "inbox": inbox,
    "freshness": freshness,
    "nights": missed_nights,
    "record": record,
    "reports": reports,
    "orphans": orphaned,
}
"""Everything that is looked at, in the order in which one would mend it: what keeps nights from running comes first."""

ORDER: tuple[Level, ...] = ("bad", "warn")


@dataclass(frozen=True)
class ToDo:
    """One thing to do, and what it is for."""

    next_step: str
    because: str


def diagnose(scene: Scene) -> list[Finding]:
    """Look at everything; a look that fails is a finding like the others, whatever made it fail."""
    findings: list[Finding] = []
    for subject, look in LOOKS.items():
        try:
            findings += look(scene)
        except OSError as error:
            step = "check the disk, its mount and the owner of the folder"
            findings.append(Finding(subject, "bad", f"cannot be read: {error}", step))
        except ImportError as error:
            findings.append(Finding(subject, "bad", f"a library is missing or broken: {error}", SETUP))
        except Exception as error:  # noqa: BLE001 - whoever asks a doctor has something broken; the other looks must go on
            step = f"{scene.command('verify')}; it names every file that is damaged"
            findings.append(Finding(subject, "bad", f"something in it is damaged: {type(error).__name__}: {error}", step))
    return findings


def to_do(findings: Sequence[Finding]) -> list[ToDo]:
    """Return what is to be done now, the most urgent first, each command once."""
    found: dict[str, ToDo] = {}
    for level in ORDER:
        for each in findings:
            if each.level == level and each.next_step:
                found.setdefault(each.next_step.partition(";")[0], ToDo(each.next_step, f"{each.subject}: {each.sentence}"))
    return list(found.values())
