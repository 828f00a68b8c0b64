"Request bodies over a real connection: in pieces, too long, broken off, large."
import asyncio
import contextlib
import copy
import csv
import functools
import gc
import hashlib
import io
import logging
import mmap
import os
import pickle
import shutil
import socket
import subprocess
import threading
import tracemalloc
import warnings
import zipfile
from tempfile import SpooledTemporaryFile, TemporaryFile

import httpx2
import pytest
import requests as client_library
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fasthtml.common import *
from fasthtml.http import requests
from fasthtml.http.requests import Request, read_body
from fasthtml.testing import Client
from support import each_row, raw_connection, raw_exchange, serve, wait_until

HEAD = b'POST /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n'
FORM = b'Content-Type: application/x-www-form-urlencoded\r\n'


def status(answer: bytes) -> int: return int(answer.split(b' ', 2)[1])


@pytest.fixture(scope='module')
def server():
    app = FastHTML(secret_key='for tests', max_body_size=1_000_000)
    app.seen = []

    @app.route('/field')
    def field(a: str, b: int = 0): return P(f'{len(a)} {b}')

    @app.route('/photo')
    async def photo(photo: UploadFile, note: str = ''):
        app.seen.append(photo)
        return P(hashlib.sha256(await photo.read()).hexdigest(), note)

    @app.route('/nothing')
    def nothing(): return P('nothing was asked')

    with serve(app) as running:
        running.app = app
        yield running


def test_a_body_in_pieces_is_put_together(server):
    pieces = b'a=%C3', b'%A9&b=', b'7'
    chunked = b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in pieces) + b'0\r\n\r\n'
    answer = raw_exchange(server.port, HEAD % b'field' + FORM + b'Transfer-Encoding: chunked\r\n\r\n' + chunked)
    assert status(answer) == 200 and b'1 7' in answer


def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_sent(server):
    answer = raw_exchange(server.port, HEAD % b'field' + FORM + b'Content-Length: 99999999999\r\n\r\n')
    assert status(answer) == 413 and b'1,000,000 bytes' in answer


def test_a_body_that_never_ends_is_refused_when_it_is_too_long(server):
    "The client sends without pause, and need not be listened to for ever"
    sent = 0
    with raw_connection(server.port, HEAD % b'field' + FORM + b'Transfer-Encoding: chunked\r\n\r\n') as sock:
        piece = b'%x\r\n%s\r\n' % (50_000, b'a' * 50_000)
        try:
            for _ in range(400):
                sock.sendall(piece)
                sent += 50_000
        except OSError: pass        # the server has closed: what it said may be lost, as TCP has it
        try: answer = sock.recv(65536)
        except OSError: answer = b''
    assert not answer or status(answer) == 413
    assert answer or sent < 20_000_000


def test_a_client_that_breaks_off_leaves_no_error_and_no_open_file(server, caplog):
    body = b'--B\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n' + b'x' * 200_000
    head = HEAD % b'photo' + b'Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 900000\r\n\r\n'
    gc.collect()
    before = {id(o) for o in gc.get_objects() if isinstance(o, SpooledTemporaryFile) and not o.closed}
    with caplog.at_level(logging.WARNING):
        with raw_connection(server.port, head + body) as sock:
            wait_until(lambda: any(isinstance(o, SpooledTemporaryFile) and id(o) not in before for o in gc.get_objects()))
            sock.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not [o for o in gc.get_objects() if isinstance(o, SpooledTemporaryFile)
                                and id(o) not in before and not o.closed])
        assert httpx2.get(f'{server.url}/nothing').status_code == 200
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_an_upload_arrives_whole_and_its_file_is_closed_afterwards(server):
    content = os.urandom(700_000)
    answer = httpx2.post(f'{server.url}/photo', files={'photo': ('a.jpg', content)}, data={'note': 'ok'})
    assert hashlib.sha256(content).hexdigest() in answer.text and 'ok' in answer.text
    wait_until(lambda: server.app.seen[-1].file.closed)


def test_uploads_at_the_same_time_do_not_mix(server):
    contents = [os.urandom(100_000 + i) for i in range(8)]
    answers = [''] * len(contents)
    def post(i): answers[i] = httpx2.post(f'{server.url}/photo', files={'photo': ('a', contents[i])}, data={'note': f'n{i}'}).text
    threads = [threading.Thread(target=post, args=(i,)) for i in range(len(contents))]
    for t in threads: t.start()
    for t in threads: t.join()
    for i, (content, answer) in enumerate(zip(contents, answers, strict=True)):
        assert hashlib.sha256(content).hexdigest() in answer and f'n{i}<' in answer


def test_a_handler_that_asks_for_nothing_leaves_the_body_and_the_connection_goes_on(server):
    with httpx2.Client(base_url=server.url) as client:
        for _ in range(3):
            assert client.post('/nothing', content=b'x' * 300_000).status_code == 200
            assert client.post('/field', data={'a': 'xyz'}).text.count('3 0') == 1


def multipart(content: bytes) -> bytes:
    return (b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
            b'--B\r\nContent-Disposition: form-data; name="photo"; filename="a.bin"\r\n\r\n' + content + b'\r\n--B--\r\n')


CONTENTS = {'random': os.urandom(1 << 20), 'carriage returns': b'\r' * 300_000, 'almost a boundary': b'\r\n--A' * 60_000,
            'lines': b'a line of text\r\n' * 40_000, 'empty': b''}


@pytest.mark.parametrize('content', CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize('chunk', [4093, 1 << 30])
async def test_a_file_arrives_as_it_was_however_it_is_cut_and_is_written_in_few_steps(content, chunk, monkeypatch):
    raw, sent, writes = multipart(content), 0, []
    async def receive():
        nonlocal sent
        sent += chunk
        return {'type': 'http.request', 'body': raw[sent - chunk:sent], 'more_body': sent < len(raw)}
    class Counting(SpooledTemporaryFile):
        def write(self, data):
            writes.append(len(data))
            return super().write(data)
    monkeypatch.setattr(requests, 'SpooledTemporaryFile', Counting)
    headers = [(b'content-type', b'multipart/form-data; boundary=B')]
    body = await read_body(Request({'type': 'http', 'method': 'POST', 'path': '/', 'headers': headers}, receive))
    photo, = body.fields['photo']
    assert await photo.read() == content and body.fields['note'] == ['hello'] and photo.size == len(content)
    body.close()
    assert len(writes) <= len(content)//(256 * 1024) + 1


@pytest.mark.parametrize('note, status', [(b'hello', 200), (b'x' * 30_000, 413)])
def test_a_form_parser_whose_attributes_have_other_names_parses_and_limits_all_the_same(note, status, monkeypatch):
    monkeypatch.setattr(requests, '_of_parser', '_of_another_version')
    app = FastHTML(secret_key='k', max_text_size=20_000)

    @app.post('/')
    async def index(photo: UploadFile, note: str): return f'{len(await photo.read())} {len(note)}'
    content = os.urandom(100_000)
    answer = Client(app).post('/', files={'photo': ('a.bin', content)}, data={'note': note.decode()})
    assert answer.status_code == status and (status == 413 or answer.text == '100000 5')


@pytest.fixture
def renamed_file(monkeypatch):
    "Python's class as another version may have it"
    class Renamed(SpooledTemporaryFile):
        def __init__(self, *args):
            super().__init__(*args)
            self.own = self._file
        def read(self, *args): return self.own.read(*args)
    monkeypatch.setattr(requests, '_has_spool', requests._holds_parts(Renamed))


@pytest.mark.parametrize('note, status', [(b'hello', 200), (b'x' * 30_000, 413)])
def test_files_arrive_and_texts_are_limited_where_a_spooled_file_has_other_attributes(note, status, renamed_file):
    app = FastHTML(secret_key='k', max_text_size=20_000)

    @app.post('/')
    async def index(photo: UploadFile, scan: UploadFile, note: str):
        return f'{len(await photo.read())} {await scan.read()} {type(photo.file).__name__}'
    files = {'photo': ('a.bin', os.urandom(100_000)), 'scan': ('b.bin', b'tea')}
    answer = Client(app).post('/', files=files, data={'note': note.decode()})
    assert answer.status_code == status and (status == 413 or answer.text == "100000 b'tea' SpooledTemporaryFile")


def form_of(files: list[bytes]) -> bytes:
    parts = [b'--B\r\nContent-Disposition: form-data; name="file"; filename="%d.bin"\r\n\r\n%s\r\n' % o for o in enumerate(files)]
    return b''.join([b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\n', b'x' * 1000, b'\r\n', *parts, b'--B--\r\n'])

def form_request(raw: bytes, limit: int = 1 << 21, before_end=lambda: None) -> Request:
    "A request with a multipart form, which comes in pieces of 64 KiB; a function is called before the last one"
    pieces = [raw[at:at + (1 << 16)] for at in range(0, len(raw), 1 << 16)]
    async def receive():
        if len(pieces) == 1: before_end()
        return {'type': 'http.request', 'body': pieces.pop(0), 'more_body': bool(pieces)}
    headers = [(b'content-type', b'multipart/form-data; boundary=B')]
    request = Request({'type': 'http', 'method': 'POST', 'path': '/', 'headers': headers}, receive)
    request.max_text_size = limit
    return request

def descriptors() -> int: return len(os.listdir('/dev/fd'))


@pytest.mark.parametrize('limit, files', [(1 << 21, [1_000_000] * 12), (1 << 21, [17_000] * 990), (1 << 21, [3_000_000] + [30_000] * 200),
                                          (100_000, [60_000] * 10), (1 << 21, [10_000] * 200), (1 << 21, [1_900_000]), (4000, [5] * 10),
                                          (4000, [0, 4001, 0, 1]), (8 << 20, [1_000_000, 1_100_000] * 3)])
async def test_the_files_of_a_form_take_one_descriptor_and_no_more_memory_than_its_text_may(limit, files):
    contents, counted = [os.urandom(size) for size in files], []
    request = form_request(form_of(contents), limit, lambda: counted.append(descriptors()))
    await asyncio.to_thread(int)   # a thread is there
    before = descriptors()
    tracemalloc.start()
    try:
        body = await read_body(request)
        _, peak = tracemalloc.get_traced_memory()
    finally: tracemalloc.stop()
    found = body.fields['file']
    assert [o.file.read() for o in found] == contents and [o.size for o in found] == files
    assert descriptors() - before == (sum(files) > limit) and counted[0] - before <= 1
    assert peak < limit + (1 << 20) + 3000 * len(files)
    for o in found[:-1]: o.file.close()
    found[-1].file.seek(0)
    assert found[-1].file.read() == contents[-1]
    body.close()
    assert descriptors() == before


async def test_no_file_is_left_to_the_garbage_collector():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        for raw in form_of([b'x' * 5000] * 3), form_of([b'x'] * 3), form_of([b'x' * 5000] * 3)[:-5]:
            try: (await read_body(form_request(raw, 4000))).close()
            except HTTPException: pass
        gc.collect()
    assert not [str(o.message) for o in caught if o.category is ResourceWarning]


@pytest.mark.parametrize('limit', [4000, 1 << 21], ids=['on disk', 'in memory'])
async def test_another_program_reads_an_uploaded_file_from_its_place(limit):
    contents = [b'one ' * 1000, b'two ' * 1000, b'three ' * 1000]
    body = await read_body(form_request(form_of(contents), limit))
    for o, content in zip(body.fields['file'], contents, strict=True):
        for place in 0, 4, 1000:
            o.file.seek(place)
            assert os.read(o.file.fileno(), 10_000) == content[place:]
            o.file.seek(place)
            assert o.file.read(5) == content[place:place + 5]
    body.close()


# What programs and libraries ask of the file of an upload, compared with a `SpooledTemporaryFile`, as Starlette's uploads are

@functools.cache
def zipped() -> bytes:
    with zipfile.ZipFile(made := io.BytesIO(), 'w') as z: z.writestr('a.txt', b'one line\nanother\n' * 2000)
    return made.getvalue()

def in_zip(file, mode='r', name='b.txt'):
    with zipfile.ZipFile(file, mode) as z:
        if mode == 'a': z.writestr(name, b'more')
    file.seek(0)
    with zipfile.ZipFile(file) as z: return z.namelist(), z.read('a.txt')

def program(*command: str, **streams): return subprocess.run(command, check=True, **streams).stdout

def told(file, step):
    step(file)
    file.seek(0)
    return file.read()

def closed(file, *step):
    file.close()
    return file.closed and getattr(file, step[0])(*step[1:])

def is_there(member): return callable(member) or isinstance(member, int) or member   # the number of a file differs

def mapped(file):
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as m: return bytes(m)

def through_dup(file):
    with os.fdopen(os.dup(file.fileno()), 'rb') as f: return f.read()

def entered(file):
    with file as f: found = f is file, f.read(3)
    return found, file.closed

MEMBERS = [name for name in dir(SpooledTemporaryFile) if not name.startswith('_')]
USES = {
    **{f'.{name}': lambda f, name=name: is_there(getattr(f, name)) for name in MEMBERS},
    **{f'.{name}()': lambda f, name=name: getattr(f, name)() for name in MEMBERS if name in
       'isatty flush read read1 readable readline readlines rollover seekable tell truncate writable close'.split()},
    **{f'.{name}() once closed': lambda f, name=name: closed(f, name) for name in [*MEMBERS, '__enter__'] if name in
       'read readable readline readlines seekable tell truncate writable close flush __enter__'.split()},
    'seek once closed': lambda f: closed(f, 'seek', 0),
    'write once closed': lambda f: closed(f, 'write', b'x'),
    'seek back': lambda f: (f.seek(-5, 2), f.read()),
    'seek past the end': lambda f: (f.seek(9, 2), f.read(), f.read(3)),
    'seek from nowhere': lambda f: f.seek(0, 7),
    'readinto': lambda f: (f.readinto(b := bytearray(9)), b),
    'readinto1': lambda f: (f.readinto1(b := bytearray(9)), b),
    'lines': list, 'next': next, 'with': entered,
    'isinstance': lambda f: isinstance(f, SpooledTemporaryFile),
    'rollover, then read': lambda f: (f.read(5), f.rollover(), f.tell(), f.read(), f.mode, type(f.name)),
    'read what is written to': lambda f: (f.write(b'x'), f.seek(0), f.read(4)),
    'write': lambda f: told(f, lambda f: f.write(b'new')),
    'write in the middle': lambda f: told(f, lambda f: (f.seek(7), f.write(b'new'), f.read(2))),
    'write a view': lambda f: told(f, lambda f: f.write(memoryview(b'new'))),
    'write a text': lambda f: f.write('text'),
    'writelines': lambda f: told(f, lambda f: f.writelines([b'a', b'b'])),
    'truncate': lambda f: told(f, lambda f: f.truncate(7)),
    '_file': lambda f: (f._file.read(3), f.tell(), f._file.closed),
    'TextIOWrapper(_file)': lambda f: io.TextIOWrapper(f._file, 'latin-1').read(),
    'TextIOWrapper': lambda f: io.TextIOWrapper(f, 'latin-1').readlines(),
    'csv': lambda f: len(list(csv.reader(io.TextIOWrapper(f, 'latin-1', newline='')))),
    'a zip file': in_zip,
    'a zip file, with one more': lambda f: in_zip(f, 'a'),
    '_file as a zip file': lambda f: in_zip(f._file),
    'copyfileobj': lambda f: (shutil.copyfileobj(f, out := io.BytesIO()), out.getvalue()),
    'file_digest': lambda f: hashlib.file_digest(f, 'sha256').digest(),
    'requests, data=': lambda f: client_library.Request('PUT', 'http://x.example/', data=f).prepare().headers,
    'requests, from a place': lambda f: (f.seek(5), client_library.Request('PUT', 'http://x.example/', data=f).prepare().headers),
    'requests, files=': lambda f: len(client_library.Request('PUT', 'http://x.example/', files={'a': f}).prepare().body),
    'httpx, content=': lambda f: dict(httpx2.Request('PUT', 'http://x.example/', content=f).headers),
    'httpx, files=': lambda f: len(httpx2.Request('PUT', 'http://x.example/', files={'a': f}).read()),
    'copy': lambda f: copy.copy(f).read(),
    'deepcopy': lambda f: (copy.deepcopy(f).read(), f.tell(), f.read(2)),
    'deepcopy from a place': lambda f: (f.seek(4), copy.deepcopy(f).read()),
    'deepcopy of the upload': lambda f: copy.deepcopy(UploadFile(f)).file.read(),
    'pickle': lambda f: pickle.loads(pickle.dumps(f)).read(),
    'pickle of the upload': lambda f: pickle.loads(pickle.dumps(UploadFile(f))).file.read(),
    'pread': lambda f: os.pread(f.fileno(), 50, 0),
    'mmap': mapped,
    'os.dup': through_dup,
    'fstat': lambda f: os.fstat(f.fileno()).st_size,
    'os.write': lambda f: told(f, lambda f: os.write(f.fileno(), b'new')),
    'os.write at the end': lambda f: (f.seek(0, 2), os.write(f.fileno(), b'tail'), f.seek(0), f.read()),
    'a program reads it': lambda f: program('wc', '-c', stdin=f, stdout=subprocess.PIPE),
    'a program writes more than it had': lambda f: told(f, lambda f: program('head', '-c', '99999', '/dev/zero', stdout=f)),
}

def used(use, file):
    file.seek(0)
    try: return USES[use](file)
    except Exception as e: return f'refused: {type(e).__name__}'

@functools.cache
def wanted(use, rolled):
    with SpooledTemporaryFile(1 << 21) as file:
        file.write(zipped())
        if rolled: file.rollover()
        return used(use, file)

@pytest.mark.filterwarnings('ignore::ResourceWarning')   # of copies
@each_row('limit', [4000, 1 << 21], ids=['on disk', 'in memory'])
@each_row('place', [0, 1])
@each_row('use', USES)
def test_the_file_of_an_upload_does_what_a_spooled_file_does(limit, place, use):
    "One in memory, or on disk"
    files = [b'another\n' * 3, b'third']
    files.insert(place, zipped())
    found = [o.file for o in asyncio.run(read_body(form_request(form_of(files), limit))).fields['file']]
    with contextlib.ExitStack() as stack:
        for f in found: stack.callback(f.close)
        assert used(use, found[place]) in [wanted(use, False), *([wanted(use, True)] if limit == 4000 else [])]
        del files[place], found[place]
        for f in found: f.seek(0)
        assert [f.read() for f in found] == files


STEPS = st.one_of(
    st.tuples(st.sampled_from(['read', 'read1', 'readline', 'readlines', 'seek']), st.integers(0, 40)),
    st.tuples(st.just('seek'), st.integers(-5, 5), st.sampled_from([1, 2])),
    st.tuples(st.just('write'), st.binary(max_size=30)), st.tuples(st.just('truncate'), st.integers(0, 60)),
    st.sampled_from([('read',), ('readline',), ('tell',), ('truncate',), ('fileno',), ('flush',)]))

@given(files=st.lists(st.lists(st.sampled_from([b'a line\n', b'\n', b'x', b'\r\n']), max_size=8).map(b''.join), min_size=1, max_size=4),
       limit=st.sampled_from([400, 1 << 21]), steps=st.lists(st.tuples(st.integers(0, 3), STEPS), max_size=20))
@example(files=[b''], limit=400, steps=[(0, ('seek', 1, 1)), (0, ('write', b'')), (0, ('seek', 0, 2))])   # as a file does
@settings(max_examples=150)
def test_an_uploaded_file_is_a_file_of_its_own_whatever_a_program_does_with_it(files, limit, steps):
    "Compared with files of Python"
    async def uploads():
        body = await read_body(form_request(form_of(files).replace(b'x' * 1000, b''), limit))
        return body.fields['file']
    def done(file, name, *args):
        try: result = getattr(file, name)(*args)
        except (OSError, ValueError): return 'refused'
        return os.pread(result, 100, 0) if name == 'fileno' else result if name != 'flush' else None
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(o.file) for o in asyncio.run(uploads())]
        real = [stack.enter_context(TemporaryFile(buffering=0)) for _ in files]
        for file, content in zip(real, files, strict=True):
            file.write(content)
            file.seek(0)
        for number, step in steps:
            i = number % len(files)
            if step[0] == 'read1': assert done(found[i], *step) == done(real[i], 'read', *step[1:])
            else: assert done(found[i], *step) == done(real[i], *step), step
        for ours, theirs in zip(found, real, strict=True):
            ours.seek(0), theirs.seek(0)
            assert ours.read() == theirs.read()
