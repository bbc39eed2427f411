"""Serve bqemulator on a free port and print its address: run by tests/data/sql/test_emulator.py as a process of its own."""

import asyncio

from bqemulator.config import PersistenceMode, Settings
from bqemulator.server import EmulatorServer
from bqemulator.storage.engine import DuckDBEngine


async def serve():
    DuckDBEngine._load_spatial = lambda self: None  # else it downloads an extension of DuckDB
    ports = {"rest_host": "127.0.0.1", "rest_port": 0, "grpc_host": "127.0.0.1", "grpc_port": 0}
    server = EmulatorServer(Settings(persistence_mode=PersistenceMode.EPHEMERAL, log_level="error", **ports))
    await server.start()
    print(server.rest_url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
