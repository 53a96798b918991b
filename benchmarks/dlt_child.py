"""The measured process of dlt: the same users, from the same pages, landed as rows of one table.

It runs in an environment of its own and has nothing of the plugin. Settings are the fast ones that
dlt documents: no nested tables, a merge by key that updates in place, quick JSON.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import dlt
import orjson
import pyarrow
from dlt.sources.helpers import requests

from benchmarks.child import Order, Stopwatch, serve

_TABLE = "users"
_KEY = "id"
_TRUTHS = {"accountEnabled", "isResourceAccount"}
_MERGE = {"disposition": "merge", "strategy": "upsert"}


class Peer:
    """One pipeline at a time, on the database and in the style that it was opened with."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._order: Order = {}
        self._pipeline: Any = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def open(self, order: Order) -> float:
        """Make the table and warm the connections: land another customer, once and once more."""
        self._order = order
        self._folder = tempfile.TemporaryDirectory(prefix="psa-bench-dlt-")
        self._pipeline = dlt.pipeline(
            order["name"],
            destination=dlt.destinations.postgres(order["database"]),
            dataset_name=order["name"],
            pipelines_dir=self._folder.name,
        )
        self._land(order["warm_token"], "append")
        self._land(order["warm_token"], _MERGE)
        return 0.0

    async def first(self, _: Order) -> float:
        """Land everybody."""
        before = self._count()
        with Stopwatch() as watch:
            self._land(self._order["token"], "append")
        self._require(before + int(self._order["users"]))
        return watch.seconds

    async def again(self, _: Order) -> float:
        """Merge everybody by id."""
        before = self._count()
        with Stopwatch() as watch:
            self._land(self._order["token"], _MERGE)
        self._require(before)
        return watch.seconds

    async def close(self, _: Order) -> float:
        """Forget the pipeline."""
        if self._folder is not None:
            self._folder.cleanup()
        return 0.0

    def _land(self, token: str, disposition: object) -> None:
        pages = self._pages(token)
        if self._order["rows"] == "arrow":
            schema = _schema(self._order["select"])
            pages = (pyarrow.Table.from_pylist(_flat(page), schema=schema) for page in pages)
        resource = dlt.resource(
            pages,
            name=_TABLE,
            primary_key=_KEY,
            write_disposition=disposition,
            max_table_nesting=0,
        )
        info = self._pipeline.run(resource, loader_file_format=self._order["format"])
        info.raise_on_failed_jobs()

    def _pages(self, token: str) -> Iterator[Any]:
        url: str | None = self._order["url"]
        while url is not None:
            answer = self._session.get(
                url,
                headers={"Authorization": f"Bearer {token}"},
                verify=os.environ["ENTRA_CA_FILE"],
            )
            answer.raise_for_status()
            page = orjson.loads(answer.content)
            yield page["value"]
            url = page.get("@odata.nextLink")

    def _count(self) -> int:
        with self._pipeline.sql_client() as client:
            ((count,),) = client.execute_sql(f"SELECT count(DISTINCT {_KEY}) FROM {_TABLE}")
        return int(count)

    def _require(self, wanted: int) -> None:
        if self._count() != wanted:
            raise RuntimeError(f"{self._count()} users have landed, not {wanted}")


def _schema(select: str) -> pyarrow.Schema:
    """The columns as a user of dlt would declare them; lists are kept as JSON text."""
    return pyarrow.schema(
        pyarrow.field(
            name,
            pyarrow.bool_() if name in _TRUTHS else pyarrow.string(),
            nullable=name != _KEY,
        )
        for name in select.split(",")
    )


def _flat(users: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        {
            name: orjson.dumps(value).decode() if isinstance(value, list) else value
            for name, value in user.items()
        }
        for user in users
    ]


async def main() -> None:
    """Serve."""
    peer = Peer()
    await serve({"open": peer.open, "close": peer.close, "first": peer.first, "again": peer.again})


if __name__ == "__main__":
    asyncio.run(main())
