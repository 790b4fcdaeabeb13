"""The only place that knows Great Expectations: runs suites over small frames and leaves Data Docs that need no network.

Facts behind it: `run()` does not raise, so results are returned to be enforced; a missing column shows as exception_info, not as a
failed value; the pages name twenty files on other hosts, and the index lists nothing without them.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.storage import remove, write_bytes
from tasks.validate.suites import Expected, Suite

if TYPE_CHECKING:
    import pyarrow as pa

_LOADED_FROM_ELSEWHERE = re.compile(
    r"""<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>|background:\s*url\(['"]https?:[^)]*\)[^;]*;""", re.DOTALL
)
_STYLE = """<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { border: 1px solid #bbb; padding: .3rem .6rem; text-align: left; }
.modal, .btn-group, form { display: none; }
.fa-check-circle::before { content: "passed"; } .fa-times::before { content: "failed"; }
.fa-exclamation-triangle::before { content: "not evaluated"; }
</style>"""


@dataclass(frozen=True)
class Finding:
    """One expectation, whether it holds, and what was found, in an operator's words."""

    expected: Expected
    holds: bool
    found: str


@dataclass(frozen=True)
class Outcome:
    """What became of one suite."""

    suite: Suite
    findings: tuple[Finding, ...]

    @property
    def success(self) -> bool:
        return not self.failures

    @property
    def failures(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.holds]


def run_suites(suites: Sequence[tuple[Suite, pa.Table]], docs: Path, run_name: str, run_time: datetime) -> list[Outcome]:
    """Hold each table against its suite and leave Data Docs in the folder `docs`, replacing what stood there."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    from great_expectations.core.run_identifier import RunIdentifier

    remove(docs)
    context = _context(docs)
    run_id = RunIdentifier(run_name=run_name, run_time=run_time)
    outcomes = [_run(context, suite, table, run_id) for suite, table in suites]
    context.build_data_docs(build_index=False)  # after each suite it would compile all its templates again
    _make_self_contained(docs, outcomes)
    return outcomes


def _run(context: Any, suite: Suite, table: pa.Table, run_id: Any) -> Outcome:
    import great_expectations as gx

    # Results come back in another order: `place` leads from each to its expectation.
    expectations = [
        getattr(gx.expectations, expected.kind)(**expected.arguments, notes=expected.sentence, meta={"place": place})
        for place, expected in enumerate(suite.expected)
    ]
    batch = context.data_sources.add_pandas(suite.name).add_dataframe_asset("night").add_batch_definition_whole_dataframe("night")
    known = context.suites.add(gx.ExpectationSuite(name=suite.name, expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=suite.name, data=batch, suite=known))
    # Counts of offending values without the values: they may be user ids, and the pages are passed around.
    checkpoint = gx.Checkpoint(
        name=suite.name,
        validation_definitions=[definition],
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    checkpoint_result = checkpoint.run(batch_parameters={"dataframe": table.to_pandas()}, run_id=run_id)
    (result,) = checkpoint_result.run_results.values()
    by_place = {entry.expectation_config.meta["place"]: entry for entry in result.results}
    return Outcome(
        suite,
        tuple(Finding(expected, bool(by_place[place].success), _found(by_place[place])) for place, expected in enumerate(suite.expected)),
    )


def _found(entry: Any) -> str:
    """Put a result of Great Expectations into words; without any result the column was not there."""
    result = entry.result
    if not result:
        return f"no column {entry.expectation_config.kwargs.get('column', '')}".rstrip()
    if "observed_value" not in result:
        return f"{result['unexpected_count']:,} of {result['element_count']:,} sampled rows that differ"
    value = result["observed_value"]
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}" if value is not None else "nothing"


def _context(docs: Path) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"night": site},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _make_self_contained(docs: Path, outcomes: list[Outcome]) -> None:
    """Cut everything the pages would load from other hosts, and write an index that lists the suites without scripts."""
    remove(docs / "static")
    for page in docs.rglob("*.html"):
        cut = _LOADED_FROM_ELSEWHERE.sub("", page.read_text(encoding="utf-8"))
        page.write_text(cut.replace("</head>", f"{_STYLE}</head>", 1), encoding="utf-8")
    rows = []
    for outcome in outcomes:
        (page,) = (docs / "validations" / outcome.suite.name).rglob("*.html")
        link = f'<a href="{html.escape(page.relative_to(docs).as_posix())}">{outcome.suite.name}</a>'
        rows.append(f"<tr><td>{link}</td><td>{'passed' if outcome.success else 'failed'}</td><td>{len(outcome.findings)}</td></tr>")
    head = f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>{_STYLE}</head>'
    table = f"<table><tr><th>Suite</th><th>Result</th><th>Expectations</th></tr>{''.join(rows)}</table>"
    write_bytes(docs / "index.html", f"{head}<body><h1>Data Docs</h1>{table}</body></html>\n".encode())
