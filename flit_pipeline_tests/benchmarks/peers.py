"""The same contacts by this pipeline and by two public loaders, in one run, beside the server's own ORM.

    python -m venv peers && peers/bin/pip install odoorpc fluvo
    python -m flit_pipeline_tests.benchmarks.peers --peers peers/bin/python [--patients 6000] [--rounds 2]

Every arm takes contacts of its own out of one practice, with the same columns; arms run in turn, order reversed on odd
rounds, and each stands beside the ORM arm of its round. ``odoorpc`` creates in batches of 500 over JSON-RPC, ``fluvo``
imports a CSV file with external ids over JSON-RPC (start of the process and reading of the file included, as its users
meet them), ours writes ledger, fence and keys. Columns that the others cannot take as they are (links, states) are left
out of all arms.
"""

import argparse
import csv
import json
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flit_pipeline.loading.loader import Row
from flit_pipeline_tests.benchmarks.world import World, world

BY_ODOORPC = """
import json, sys, time
import odoorpc
host, port, database, login, password, path = sys.argv[1:7]
odoo = odoorpc.ODOO(host, protocol="jsonrpc", port=int(port), timeout=600)
odoo.login(database, login, password)
rows = json.load(open(path))
model = odoo.env["res.partner"].with_context(tracking_disable=True)
began = time.perf_counter()
for start in range(0, len(rows), 500):
    model.create(rows[start:start + 500])
print("TOOK", time.perf_counter() - began)
"""
CONFIG = """[Connection]
hostname = {host}
port = {port}
database = {database}
login = {login}
password = {password}
protocol = jsonrpc
uid = 2
"""


def main() -> None:
    """Print one table: rows a second and the ratio to the ORM inside the server, medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="a Python that has odoorpc and fluvo")
    parser.add_argument("--patients", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    with world(asked.patients) as there:
        for route in ("insurance_carrier", "practice_location"):
            there.pipeline([route], there.rows(route), 1)
        lines, _ = Peers(there, asked.peers.absolute()).run(there.rows("patient"), asked.rounds)
        print("\n".join(lines))


class Peers:
    """The arms. Each takes a slice of contacts that no other arm takes."""

    def __init__(self, there: World, python: Path) -> None:
        self.there, self.python = there, python
        self.names = ("orm", "ours, 1 lane", "ours, 2 lanes", "odoorpc", "fluvo, 1 worker", "fluvo, 2 workers")

    def run(self, rows: Sequence[Row], rounds: int) -> tuple[list[str], list[Row]]:
        """All arms, round by round, over contacts that are not in Odoo yet.

        Returns the lines of the table, and the rows that none of our arms has loaded.
        """
        left = list(rows[len(rows) // (rounds * len(self.names)) * rounds * len(self.names) :])
        size = len(rows) // (rounds * len(self.names))
        rates: dict[str, list[float]] = {name: [] for name in self.names}
        for n in range(rounds):
            order = self.names if n % 2 == 0 else tuple(reversed(self.names))
            for name in order:
                place = (n * len(self.names) + self.names.index(name)) * size
                part = rows[place : place + size]
                left += [] if name.startswith("ours") else part
                rates[name].append(size / self._arm(name, part, f"{n}_{self.names.index(name)}"))
        lines = [f"{'contacts by':18} {'rows':>6} {'rows/s':>8} {'to the ORM':>10}"]
        for name, found in rates.items():
            ratio = statistics.median(a / b for a, b in zip(found, rates["orm"], strict=True))
            lines.append(f"{name:18} {size:6} {statistics.median(found):8.0f} {ratio:10.2f}")
        return lines, left

    def _arm(self, name: str, part: Sequence[object], mark: str) -> float:
        rows = list(part)
        if name.startswith("ours"):
            return self.there.pipeline(["patient"], rows, 1 if "1" in name else 2)  # type: ignore[arg-type]
        values = [_plain(one) for one in self.there.values(rows)]  # type: ignore[arg-type]
        if name == "orm":
            return self.there.shell("res.partner", values)
        if name == "odoorpc":
            return self._odoorpc(values)
        return self._fluvo(values, mark, workers=1 if "1" in name else 2)

    def _odoorpc(self, values: list[dict[str, object]]) -> float:
        server, at = self.there.server, urlsplit(self.there.server.url)
        path = self.there.folder / "partners.json"
        path.write_text(json.dumps(values))
        where = [str(at.hostname), str(at.port), server.database, server.login, server.login, str(path)]
        said = subprocess.run(
            [str(self.python), "-c", BY_ODOORPC, *where], check=True, capture_output=True, text=True
        ).stdout  # fmt: skip
        return float(said.split("TOOK")[1])

    def _fluvo(self, values: list[dict[str, object]], mark: str, *, workers: int) -> float:
        server, at = self.there.server, urlsplit(self.there.server.url)
        config, file = self.there.folder / "connection.conf", self.there.folder / f"res_partner_{mark}.csv"
        config.write_text(
            CONFIG.format(
                host=at.hostname, port=at.port, database=server.database, login=server.login, password=server.login
            )  # fmt: skip
        )
        names = sorted({name for one in values for name in one})
        with file.open("w", newline="", encoding="utf-8") as out:
            sheet = csv.writer(out, delimiter=";")
            sheet.writerow(["id", *names])
            sheet.writerows(
                [f"peer_{mark}.p{n}", *(_cell(one.get(name)) for name in names)] for n, one in enumerate(values)
            )
        command = [str(self.python.with_name("fluvo")), "import", "--connection-file", str(config), "--file", str(file),
                   "--model", "res.partner", "--worker", str(workers), "--size", "500", "--sep", ";", "--headless",
                   "--context", "{'tracking_disable': True}"]  # fmt: skip
        before = self._count()
        began = time.perf_counter()
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=self.there.folder)
        took = time.perf_counter() - began
        made = self._count() - before
        if made != len(values):
            raise SystemExit(
                f"fluvo made {made} of {len(values)} contacts: not a benchmark\n{said.stdout[-3000:]}{said.stderr[-3000:]}"
            )
        return took

    def _count(self) -> int:
        return int(self.there.destination.client.read("res.partner", "search_count", domain=[]))


def _plain(values: dict[str, object]) -> dict[str, object]:
    """Text, dates and numbers: what every arm takes as it is."""
    return {
        name: value for name, value in values.items() if isinstance(value, str | float) and not name.endswith("_id")
    }


def _cell(value: object) -> object:
    return "" if value is None or value is False else value


if __name__ == "__main__":
    main()
