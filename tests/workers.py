"""`pytest -n 5`: the tests are collected once, and run by five forks of this process at a time.

A new process would import and collect everything again, and would have to be told of each test. A fork has it all, and takes its
tests by number from memory that all forks share: a module at a time, and when none is left half of what another still has to do.
"""
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from multiprocessing import Array, Pipe
from multiprocessing.connection import Connection, wait
from warnings import WarningMessage

import pytest

# Folders of tests are taken from both ends, so that at any time some tests wait for browsers and servers while others compute
ORDER = ['compat', 'workshop', 'browser', 'realtime', 'tests', 'props', 'docs', 'http', 'doors']


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup('general')._addoption('-n', dest='workers', type=int, default=0, metavar='N', help='run N tests at a time')


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    workers = min(session.config.option.workers, len(session.items))
    if workers < 2 or session.testsfailed or session.config.option.collectonly: return None
    Workers(session, workers).run()
    return True


class Shares:
    "Which tests are left, and who has them: one object in the memory of all workers"

    def __init__(self, items: list[pytest.Item], workers: int):
        self.portions = portions(items)
        self.left = Array('i', [0, len(self.portions)])     # The modules that no worker has yet, as a range
        self.own = Array('i', 2*workers)                    # The tests that each worker has to do, as a range

    def take(self, number: int) -> int | None:
        "The next test of a worker"
        with self.left:
            mine = slice(2*number, 2*number + 2)
            place, end = self.own[mine]
            if place == end: place, end = self._more(number)
            if place == end: return None
            self.own[mine] = place + 1, end
            return place

    def _more(self, number: int) -> tuple[int, int]:
        low, high = self.left
        if low < high and number % 2:
            self.left[1] = high - 1
            return self.portions[high - 1]
        if low < high:
            self.left[0] = low + 1
            return self.portions[low]
        most = max(range(0, len(self.own), 2), key=lambda o: self.own[o + 1] - self.own[o])
        place, end = self.own[most:most + 2]
        self.own[most + 1] = middle = (place + end)//2
        return middle, end

    def none_left(self) -> None:
        with self.left: self.left[:], self.own[:] = [0, 0], [0]*len(self.own)


def portions(items: list[pytest.Item]) -> list[tuple[int, int]]:
    "Where the tests of each module begin and end, in the order of folders"
    out, begin = [], 0
    for folder, group in groupby(items, key=lambda item: item.path):
        end = begin + sum(1 for _ in group)
        name = folder.parent.name
        out.append((ORDER.index(name) if name in ORDER else 0, begin, end))
        begin = end
    return [(begin, end) for _, begin, end in sorted(out)]


class Next:
    "The test after this one, for pytest, which asks for it when it takes down what that does not need: only then it is taken"

    def __init__(self, items: list[pytest.Item], take: Callable[[], int | None]):
        self.items, self.take = items, take
        self.place: int | None = None

    def listchain(self) -> list[pytest.Item]:
        self.place = self.take()
        return [] if self.place is None else self.items[self.place].listchain()


class Sent:
    "What a worker tells of its test; instead of the plugin that writes to the terminal"

    def __init__(self, config: pytest.Config):
        self.config, self.reports, self.warnings = config, [], []
        self._tw = config.get_terminal_writer()     # pytest asks this plugin for it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(self.config.hook.pytest_report_to_serializable(config=self.config, report=report))

    def pytest_warning_recorded(self, warning_message: WarningMessage, when: str, nodeid: str, location: object) -> None:
        said = warning_message
        self.warnings.append((said.category.__name__, str(said.message), said.filename, said.lineno, when, nodeid, location))

    def all(self) -> tuple[list, list]:
        out = self.reports, self.warnings
        self.reports, self.warnings = [], []
        return out


class Workers:
    def __init__(self, session: pytest.Session, workers: int):
        self.session, self.config, self.hook = session, session.config, session.config.hook
        self.shares = Shares(session.items, workers)
        self.folder = session.config._tmp_path_factory.getbasetemp()
        self.pipes: dict[Connection, int] = {}          # The process that writes to each
        self.missing = dict.fromkeys(range(len(session.items)))

    def run(self) -> None:
        if reporter := self.config.pluginmanager.get_plugin('terminalreporter'):
            reporter.showfspath = False     # tests of many modules come in turns
        try:
            for number in range(len(self.shares.own)//2): self._start(number)
            while self.pipes:
                for pipe in wait([*self.pipes]): self._hear(pipe)
                if self.session.shouldfail: raise self.session.Failed(self.session.shouldfail)
                if self.session.shouldstop: raise self.session.Interrupted(self.session.shouldstop)
        finally:
            self._end()
        for place in self.missing: self._lost(self.session.items[place])

    def _start(self, number: int) -> None:
        ours, theirs = Pipe(duplex=False)
        sys.stdout.flush()
        sys.stderr.flush()
        if process := os.fork():
            theirs.close()
            self.pipes[ours] = process
            return
        code = 1
        try:
            for pipe in [ours, *self.pipes]: pipe.close()
            self._work(number, theirs)
            code = 0
        except (KeyboardInterrupt, BrokenPipeError): pass
        except BaseException: traceback.print_exc()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with suppress(BaseException): self.session._setupstate.teardown_exact(None)
            os._exit(code)

    def _work(self, number: int, pipe: Connection) -> None:
        plugins, items = self.config.pluginmanager, self.session.items
        if capture := plugins.get_plugin('capturemanager'):     # into files of its own
            capture.stop_global_capturing()
            capture.start_global_capturing()
        sent = Sent(self.config)
        plugins.unregister(name='terminalreporter')
        plugins.register(sent, 'terminalreporter')
        self.config._tmp_path_factory._basetemp = self.folder/f'worker-{number}'
        self.config._tmp_path_factory._basetemp.mkdir(mode=0o700)
        def take() -> int | None: return self.shares.take(number)
        place = take()
        while place is not None:
            following = Next(items, take)
            self.hook.pytest_runtest_protocol(item=items[place], nextitem=following)
            pipe.send((place, *sent.all()))
            place = following.place

    def _hear(self, pipe: Connection) -> None:
        try: place, reports, warnings = pipe.recv()
        except EOFError:
            os.waitpid(self.pipes.pop(pipe), 0)
            return
        del self.missing[place]
        self._tell([self.hook.pytest_report_from_serializable(config=self.config, data=report) for report in reports])
        for category, text, filename, line, when, nodeid, location in warnings:
            said = WarningMessage(text, type(category, (Warning,), {}), filename, line)
            self.hook.pytest_warning_recorded.call_historic(kwargs=dict(warning_message=said, when=when, nodeid=nodeid, location=location))

    def _end(self) -> None:
        "Interrupt tests that still run: they take down what they have set up. An event loop wants to be told twice"
        self.shares.none_left()
        for number in [signal.SIGINT]*10 + [signal.SIGKILL]:
            for process in self.pipes.values(): os.kill(process, number)
            until = time.monotonic() + 1
            while self.pipes and time.monotonic() < until:
                for pipe in wait([*self.pipes], 1): self._hear(pipe)

    def _tell(self, reports: list[pytest.TestReport]) -> None:
        its = {'nodeid': reports[0].nodeid, 'location': reports[0].location}
        self.hook.pytest_runtest_logstart(**its)
        for report in reports: self.hook.pytest_runtest_logreport(report=report)
        self.hook.pytest_runtest_logfinish(**its)

    def _lost(self, item: pytest.Item) -> None:
        said = 'the process that had taken this test ended before it could tell how the test went'
        self._tell([pytest.TestReport(item.nodeid, item.location, {}, 'failed', said, 'call')])
