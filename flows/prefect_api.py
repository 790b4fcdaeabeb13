"""What can be known of Prefect without importing it, which takes seconds: whether its API answers, and how our runs are told apart."""

from __future__ import annotations

import http.client
from urllib.error import HTTPError
from urllib.request import urlopen

PATIENCE_SECONDS = 2.0

OURS = "nightly-recs"
"""The tag that all our deployments and runs bear, started from the shell too: automations and the doctor know them by it."""


def api_is_alive(url: str) -> bool:
    """Tell whether a Prefect API answers at an address like http://127.0.0.1:4200/api.

    A refusal (no password given, say) is an answer too: the client proper has the means to be let in, or to say why not.
    """
    if not url.startswith(("http://", "https://")):
        return False
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - the scheme is checked above
            return int(answer.status) < http.client.INTERNAL_SERVER_ERROR
    except HTTPError as error:
        return error.code < http.client.INTERNAL_SERVER_ERROR
    except (OSError, ValueError, http.client.HTTPException):
        return False
