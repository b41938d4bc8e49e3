"""How long does ``chipsim --help`` take beside a bare Python that does nothing?

    python benchmarks/startup.py [--json] [--rounds 15]

Both are processes of their own and take turns; medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

SUBJECTS = {"help": ["-m", "chipsim", "--help"], "python": ["-c", "pass"]}


def seconds(words: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one flat JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of measurement, at least 5")
    options = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    times: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for turn in range(max(options.rounds, 5) + 1):
        for name, words in SUBJECTS.items():
            took = seconds(words, environment)
            if turn:  # the first one fills caches
                times[name].append(took)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["help"] / medians["python"]
    if options.json:
        print(json.dumps({"help_over_python": ratio, "help_s": medians["help"], "python_s": medians["python"]}))
        return
    print(f"chipsim --help {medians['help'] * 1e3:.1f} ms, python {medians['python'] * 1e3:.1f} ms: {ratio:.2f} x")


if __name__ == "__main__":
    main()
