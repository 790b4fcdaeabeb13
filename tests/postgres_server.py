"""A PostgreSQL of the tests' own: made in a temporary folder, reached over the loopback, stopped at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.lanes import need
from tests.ports import free_port

PASSWORD = "sesame-0pen"  # noqa: S105 - of a server that lives for one test session


def _programs() -> Path | None:
    """Return the folder of the newest PostgreSQL: Debian keeps initdb out of the way, elsewhere it is on the path."""
    found = shutil.which("initdb")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return Path(found).parent if found else versions[-1].parent if versions else None


@dataclass
class PostgresServer:
    """A running server; `uri` is its superuser's address."""

    programs: Path
    folder: Path
    port: int
    as_user: list[str] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def address(self, user: str, password: str = PASSWORD) -> str:
        """Return the address of another role."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._control("start", "-w", "-l", str(self.folder / "log"))

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server; `immediate` is what a crash looks like to its clients."""
        self._control("stop", "-w", "-m", mode)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Carry out statements, all in one transaction; returns the rows of the last one."""
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.uri) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
        return rows

    def _control(self, *arguments: str) -> None:
        command = [*self.as_user, str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server in the block; without PostgreSQL the test is skipped, but fails where CI says that it must be there."""
    programs = _programs()
    need(programs is not None, "PostgreSQL", "apt-get install postgresql")
    assert programs is not None
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="nightly-postgres-"))
    if as_user:
        shutil.chown(folder, "postgres")
    port = free_port()
    server = PostgresServer(programs, folder, port, as_user)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    encoded = ["-E", "UTF8", "--locale=C", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(folder / "password")]
    made = [*as_user, str(programs / "initdb"), "-D", str(folder / "data"), "--no-sync", *encoded]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    quick = f"port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nfsync=off\nfull_page_writes=off\n"
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(quick)
    try:
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").is_file():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
