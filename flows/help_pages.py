"""How help is laid out: headings and columns without boxes, so that it reads as well in a pipe and on a narrow terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

HEADING = "Examples:"
NAME_COLUMNS = 12
"""Under every heading the sentences of verbs begin in the same column."""


class HelpPages:
    """Draws what cyclopts has gathered for a page of help."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print one heading and what stands under it."""
        from cyclopts.help.specs import DefaultStyled, TableSpec, get_default_command_columns, get_default_parameter_columns
        from rich.padding import Padding
        from rich.text import Text

        if panel.entries:
            if panel.format == "command":
                name, *others = get_default_command_columns(console, options, panel.entries)
                columns = (name.copy(min_width=NAME_COLUMNS), *others)
            else:
                columns = get_default_parameter_columns(console, options, panel.entries)
            console.print(Text(str(panel.title), style="bold"))
            console.print(DefaultStyled(Padding(TableSpec().build(columns, panel.entries), (0, 0, 0, 1), expand=False)))
            console.print()

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        """Print how the verb is typed."""
        from cyclopts.help import DefaultFormatter

        DefaultFormatter().render_usage(console, options, usage)


def paragraphs_of(docstring: str) -> str:
    """Return what a clean docstring says before its examples, one line a paragraph: how wide lines are is the terminal's business."""
    said, _, _ = docstring.partition(f"\n\n{HEADING}\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in said.split("\n\n"))


def examples_of(docstring: str) -> str | None:
    """Return the section of a clean docstring that shows what to type, with its heading; None where it has none."""
    _, heading, examples = docstring.partition(f"\n\n{HEADING}\n")
    return "\n".join(["Examples", *(f"  {line.strip()}" for line in examples.strip().splitlines())]) if heading else None
