"""The commands of the documentation that no test executes by following the page, each with its reason."""

_SERVER = "needs a Prefect server; the tests of Prefect's round trip do it with one"
_HOURS = "measures for minutes to hours; a short form is part of `make check`"

NOT_EXECUTED = {
    # Of these it is still checked that the target exists, that the command line parses, and that the deployment takes the parameters.
    r"make (?!demo\b|bench)": "builds .venv or checks everything: minutes, and CI does it",
    r"make bench|python -m benchmarks\.": _HOURS,
    r"prefect |nightly (deploy|serve)\b": _SERVER,
    r"python -m pytest": "runs tests of the project, which CI does; a test holds that they exist",
    r"nightly load\b": "needs PostgreSQL; the tests of the load do it with one",
    r"nightly completion zsh": "is for another shell; the tests of completion start it where it is installed",
    # Of these it is not.
    r"(curl|wget)\b|(pip|uv|pipx) ": "needs the network",
    r"git ": "needs a clone with its history, or the network",
    r"docker ": "needs Docker",
}
"""Pattern at the beginning of a command, without `.venv/bin/` -> why it is not executed."""

FOLLOWED_ELSEWHERE = {"docs/tutorial.md": "tests/test_tutorial.py"}
"""Page -> the test that types its commands, in a world of its own."""
