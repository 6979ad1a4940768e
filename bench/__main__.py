"""All measurements, one table: ``make bench``, or ``python -m bench --only page``."""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.allocation import measure_allocation
from bench.caching import measure_caching
from bench.chargeback import measure_chargeback
from bench.comet_usage import measure_comet_usage
from bench.felt import measure_felt
from bench.files import measure_files
from bench.ledger import measure_ledger
from bench.load import measure_load
from bench.memory import measure_memory
from bench.page import measure_page
from bench.table import QUICK, Row, print_row, print_table
from bench.tenants import measure_tenants
from lib.logs import configure_logs

Topics = Mapping[str, Callable[[], Iterator[Row]]]

TOPICS: Topics = {
    "felt": measure_felt,
    "load": measure_load,
    "caching": measure_caching,
    "files": measure_files,
    "page": measure_page,
    "memory": measure_memory,
    "tenants": measure_tenants,
    "chargeback": measure_chargeback,
    "comet-usage": measure_comet_usage,
    "ledger": measure_ledger,
    "allocation": measure_allocation,
}


def measured(topics: Sequence[str], known: Topics | None = None) -> Iterator[Row]:
    """Row by row; before each topic, what is still to come."""
    for place, topic in enumerate(topics):
        later = f"; still to come: {', '.join(topics[place + 1 :])}" if topics[place + 1 :] else ""
        print(f"{topic} ...{later}", flush=True)
        yield from (known or TOPICS)[topic]()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=TOPICS, action="append", help="a topic; may be repeated")
    parser.add_argument("--quick", action="store_true", help="measure everything once")
    options = parser.parse_args()
    if options.quick:
        os.environ[QUICK] = "1"
    configure_logs("ERROR")
    began = time.perf_counter()
    rows: list[Row] = []
    try:
        for row in measured(options.only or list(TOPICS)):
            print_row(row)
            rows.append(row)
    except KeyboardInterrupt:
        print("\nStopped. What was measured until then:")
    print_table(rows)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"\nPython {platform.python_version()}, {os.cpu_count()} cores, load average {load}; "
        f"measured in {time.perf_counter() - began:.0f} s. Timings never fail the command."
    )


if __name__ == "__main__":
    main()
