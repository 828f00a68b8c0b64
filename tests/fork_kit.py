"""Python programs and Jupyter kernels as processes of their own that start at once.

The start of a program is mostly imports. So one process has done them, and is forked for each program, which it then runs
as `python` would: its words, folder, environment and standard streams are its own.
"""
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory
from typing import TextIO

from support import DEADLINE, ROOT, wait_until

PARENT = '''
import atexit, gc, importlib, json, multiprocessing.process, multiprocessing.util, os, runpy, signal, sys
for name in sys.argv[1:]: importlib.import_module(name)
spawn = multiprocessing.util.spawnv_passfds

def fork_worker(path, args, passed):
    # multiprocessing starts a worker as a new interpreter, which imports all anew. What exec does to a process is done here
    if args[-1] != '--multiprocessing-fork': return spawn(path, args, passed)
    if child := os.fork(): return child
    try:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for number in map(int, os.listdir('/dev/fd')):
            if number > 2 and number not in passed:
                try: os.close(number)
                except OSError: pass   # the one of the list
        sys.argv = ['-c', args[-1]]
        exec(args[-2], {})
    except SystemExit as end: code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    multiprocessing.util._flush_std_streams()
    os._exit(code or 0)

gc.collect()
gc.freeze()
for line in sys.stdin:
    words, folder, env, streams, beside = json.loads(line)
    if beside and os.fork():   # a process in between waits for it
        try:
            while os.waitpid(-1, os.WNOHANG)[0]: pass
        except ChildProcessError: pass
        continue
    if child := os.fork():
        if not beside: print(child, flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if not beside: print(code, flush=True)
        else:
            open(beside, 'a').write(f'{code}\\n')
            os._exit(0)
        continue
    for number, file in enumerate(streams): os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.stdin = open(0)
    if beside:
        os.setsid()
        open(beside, 'a').write(f'{os.getpid()}\\n')
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
    if 'PYTHONUNBUFFERED' in env:
        for stream in sys.stdout, sys.stderr: stream.reconfigure(line_buffering=True)
    sys.argv, sys.path[0] = words[words[0] == '-m':], folder
    sys.path[1:1] = [name for name in env.get('PYTHONPATH', '').split(os.pathsep) if name and name not in sys.path]
    multiprocessing.process.ORIGINAL_DIR = folder
    if words[1:2] in (['hypercorn'], ['uvicorn']): multiprocessing.util.spawnv_passfds = fork_worker   # its workers import the app
    if words[0] == '-m': runpy.run_module(words[1], run_name='__main__', alter_sys=True)
    elif words[0] == '-c':
        sys.modules['__main__'] = main = type(sys)('__main__')
        exec(words[1], vars(main))
    else: runpy.run_path(os.path.abspath(words[0]), run_name='__main__')
    break
'''
SERVERS = ['granian.cli', 'h11', 'httptools', 'hypercorn.asyncio.run', 'hypercorn.run', 'redis', 'uvicorn.main', 'uvicorn.supervisors',
           'uvicorn.loops.auto', 'uvicorn.protocols.http.auto', 'uvicorn.protocols.websockets.auto', 'uvloop', 'wsproto', 'fasthtml.common']
# What a kernel imports when it begins
KERNEL = ['IPython.core.completerlib', 'IPython.core.debugger', 'IPython.core.oinspect', 'IPython.extensions.storemagic',
          'ipykernel.debugger', 'ipykernel.kernelapp', 'psutil', 'tornado.platform.asyncio']


class Program:
    "A program that runs, with what tests need of `subprocess.Popen`"

    def __init__(self, status: Path, stdout: TextIO):
        self.status, self.stdout = status, stdout
        self.pid = int(wait_until(self._said, what='the program to begin')[0])
        self.returncode: int | None = None

    def _said(self) -> list[str]:
        "Its number, and its exit code when it has ended"
        return [line for line in self.status.read_text().splitlines(True) if line[-1] == '\n'] if self.status.exists() else []

    def poll(self) -> int | None:
        if self.returncode is None and len(said := self._said()) > 1: self.returncode = int(said[1])
        return self.returncode

    def wait(self, timeout: float = DEADLINE) -> int:
        try: wait_until(lambda: self.poll() is not None, timeout)
        except AssertionError: raise subprocess.TimeoutExpired(['program'], timeout) from None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None: os.kill(self.pid, number)


class Forks:
    "Runs programs one after the other, each in a process that has imported `modules`"

    def __init__(self, *modules: str, **env: str):
        self.modules = modules
        self.parent: subprocess.Popen | None = None
        path = os.pathsep.join(filter(None, [env.pop('PYTHONPATH', ''), str(ROOT), os.environ.get('PYTHONPATH')]))
        self.env = os.environ | {'PYTHONPATH': path, 'PYDEVD_DISABLE_FILE_VALIDATION': '1'} | env   # else the debugger of a kernel warns

    def start(self, words: list[str], folder: Path, env: dict[str, str], streams: Iterable[str], beside: str = '') -> int:
        """Begin a program, and return its process; `streams` are the files that it has for its input, output and errors.

        One that runs beside others writes its process, and at its end its exit code, to a file.
        """
        if self.parent is None:
            self.parent = subprocess.Popen([sys.executable, '-c', PARENT, *self.modules], env=self.env, text=True, start_new_session=True,
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.parent.stdin.write(json.dumps([words, str(folder), self.env | env, [*streams], beside]) + '\n')
        self.parent.stdin.flush()
        return 0 if beside else int(self.parent.stdout.readline())

    def end(self) -> int:
        "Wait for the end of the program; its exit code"
        return int(self.parent.stdout.readline())

    @contextmanager
    def beside(self, words: list[str], folder: Path, env: dict[str, str]) -> Iterator['Program']:
        "A program that runs beside this one and others, in a session of its own; killed at the end, with all of its session"
        with TemporaryDirectory() as own:
            os.mkfifo(f'{own}/out')
            reader = os.open(f'{own}/out', os.O_RDONLY | os.O_NONBLOCK)
            with open(reader, encoding='utf-8') as out:
                self.start(words, folder, env, [os.devnull, f'{own}/out', f'{own}/out'], f'{own}/status')
                program = Program(Path(own)/'status', out)   # it has opened its streams
                os.set_blocking(reader, True)
                yield program

    def run(self, words: list[str], folder: Path, stdin: str = '', **env: str) -> subprocess.CompletedProcess:
        "A whole program, as `subprocess.run` has it"
        with TemporaryDirectory() as own:
            streams = [Path(own)/name for name in ('in', 'out', 'err')]
            streams[0].write_text(stdin, encoding='utf-8')
            self.start(words, folder, env, map(str, streams))
            return subprocess.CompletedProcess(words, self.end(), *(file.read_text(encoding='utf-8') for file in streams[1:]))

    def cells(self, sources: list[str], folder: Path) -> None:
        """Cells in a new kernel; an `AssertionError` with the traceback of the first that fails.

        They are sent together, as *Run All* of JupyterLab sends them: after an error none runs.
        """
        from jupyter_client.blocking import BlockingKernelClient
        from jupyter_client.connect import write_connection_file
        with TemporaryDirectory() as own:
            file, _ = write_connection_file(f'{own}/kernel.json', transport='ipc', ip=f'{own}/kernel')
            client = BlockingKernelClient(connection_file=file)
            client.load_connection_file()
            kernel = self.start(['-m', 'ipykernel_launcher', '-f', file, '--HistoryManager.enabled=False'], folder, {}, [os.devnull]*2)
            client.start_channels(iopub=False, stdin=False, hb=False)
            try:
                for source in sources: client.execute(source, allow_stdin=False)
                for source in sources:
                    try: said = client.get_shell_msg(timeout=3*DEADLINE)['content']
                    except Empty: raise AssertionError(f'the kernel has ended, or is not done with\n{source}') from None
                    assert said['status'] == 'ok', source + '\n\n' + re.sub('\x1b.*?m', '', '\n'.join(said.get('traceback', [])))
                os.kill(kernel, signal.SIGKILL)     # as Jupyter does where a kernel does not end at once: its sockets may not let it
                self.end()
            except BaseException:
                self.close()
                raise
            finally:
                client.stop_channels()

    def close(self) -> None:
        if self.parent is None: return
        os.killpg(self.parent.pid, signal.SIGKILL)
        self.parent.communicate()
        self.parent = None
