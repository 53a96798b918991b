"""Record the histories that later versions of the workflows have to replay.

Run it when the commands of a workflow change on purpose: ``python -m support.record_histories``
in the folder ``tests``.
"""

import asyncio
import json

from support.scripted_workflows import connected, play
from support.temporal import running_temporal
from workflow.test_histories import RECORDED, SCENARIOS


async def main() -> None:
    """Play every scenario and keep its histories."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    with running_temporal() as address:
        client = await connected(address)
        for name, script in SCENARIOS.items():
            for number, history in enumerate(await play(client, script)):
                path = RECORDED / f"{name.replace(' ', '-')}-{number}.json"
                path.write_text(
                    json.dumps(json.loads(history.to_json()), separators=(",", ":")) + "\n"
                )


if __name__ == "__main__":
    asyncio.run(main())
