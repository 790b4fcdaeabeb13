"""`python -m tasks.definitions`: print the definitions of an engine."""

from __future__ import annotations

import sys

from tasks.definitions import main

sys.stdout.write(main(sys.argv[1:]))
