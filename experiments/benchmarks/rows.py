"""Rows for the streaming benchmark: a Parquet file of correlated numbers, as large as asked for.

    python experiments/benchmarks/rows.py big.parquet --gigabytes 20

x = tanh(z W) + noise, z of 16 standard normal factors, 256 float32 columns; row i is a function of i alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

COLUMNS, FACTORS, GROUP = 256, 16, 65_536


def block(number: int, rows: int, mixing: np.ndarray) -> np.ndarray:
    """Block `number` of rows [rows, 256], float32."""
    rng = np.random.Generator(np.random.Philox(key=[0, number]))
    z = rng.standard_normal((rows, FACTORS), np.float32)
    return np.tanh(z @ mixing) + np.float32(0.1) * rng.standard_normal((rows, COLUMNS), np.float32)


def write(path: Path, gigabytes: float) -> int:
    """As many rows as `gigabytes` (10^9 bytes of float32) hold; how many."""
    total = int(gigabytes * 1e9 / (4 * COLUMNS))
    mixing = np.random.default_rng(0).standard_normal((FACTORS, COLUMNS)).astype(np.float32) / np.sqrt(FACTORS)
    schema = pa.schema([("id", pa.int64()), *((f"x{j}", pa.float32()) for j in range(COLUMNS))])
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    with parquet.ParquetWriter(path, schema, **options) as out:
        for number, start in enumerate(range(0, total, GROUP)):
            x = block(number, min(GROUP, total - start), mixing)
            arrays = [pa.array(np.arange(start, start + len(x))), *(pa.array(column) for column in x.T.copy())]
            out.write_table(pa.table(arrays, schema=schema), row_group_size=GROUP)
    return total


def main() -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--gigabytes", type=float, default=20.0)
    wanted = parser.parse_args()
    print(f"{write(wanted.path, wanted.gigabytes):,} rows in {wanted.path}")


if __name__ == "__main__":
    main()
