"""Tables in files, as text and as columns: .csv, .tsv, .parquet and .arrow."""

from __future__ import annotations

from aecli.data.raw import Raw, Want

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".arrow", ".feather", ".ipc")


def read(source: str, want: Want) -> Raw:
    """All rows of the table, its columns typed by the whole of it: see `aecli.data.tables.scan`."""
    from aecli.data.tables import scan

    return scan.read(source, want)
