"Request bodies over a real connection: in pieces, too long, broken off, large."
import gc
import hashlib
import logging
import os
import socket
import threading
from tempfile import SpooledTemporaryFile

import httpx2
import pytest

from fasthtml.common import *
from fasthtml.http import requests
from fasthtml.http.requests import Request, read_body
from fasthtml.testing import Client
from support import raw_connection, raw_exchange, serve, wait_until

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
    write = UploadFile.write
    async def counting(self, data):
        writes.append(len(data))
        await write(self, data)
    monkeypatch.setattr(UploadFile, 'write', counting)
    headers = [(b'content-type', b'multipart/form-data; boundary=B')]
    body = await read_body(Request({'type': 'http', 'method': 'POST', 'path': '/', 'headers': headers}, receive))
    photo, = body.fields['photo']
    assert await photo.read() == content and body.fields['note'] == ['hello'] and photo.size == len(content)
    body.close()
    assert len(writes) <= len(raw)//256 + len(raw)//chunk + 2
    if content is CONTENTS['random'] and chunk > len(raw): assert len(writes) < 40   # pieces grow to 64 KiB


@pytest.mark.parametrize('missing', [0, 1])
@pytest.mark.parametrize('note, status', [(b'hello', 200), (b'x' * 30_000, 413)])
def test_a_form_parser_whose_attributes_have_other_names_parses_and_limits_all_the_same(missing, note, status, monkeypatch):
    names = ['_of_another_version' if i == missing else name for i, name in enumerate(requests._of_parser)]
    monkeypatch.setattr(requests, '_of_parser', names)
    app = FastHTML(secret_key='k', max_text_size=20_000)

    @app.post('/')
    async def index(photo: UploadFile, note: str): return f'{len(await photo.read())} {len(note)}'
    content = os.urandom(100_000)
    answer = Client(app).post('/', files={'photo': ('a.bin', content)}, data={'note': note.decode()})
    assert answer.status_code == status and (status == 413 or answer.text == '100000 5')


@pytest.mark.parametrize('door', ['parameter', 'form', 'parse_form'])
@pytest.mark.parametrize('limit, files', [(1 << 21, [1_000_000] * 12), (1 << 21, [900_000, 900_000] + [100_000] * 40),
                                          (1 << 21, [1_500_000] + [30_000] * 200), (100_000, [60_000] * 10), (1 << 21, [10_000] * 300),
                                          (4000, [5] * 10), (8 << 20, [1_000_000, 1_100_000] * 3)])
def test_files_in_memory_are_together_no_larger_than_the_text_of_a_body(limit, files, door):
    "Small ones aside: a descriptor for each of them would be dearer"
    app, seen = FastHTML(secret_key='k', max_text_size=limit), []
    def look(found):
        rolled = [o.file._rolled for o in found]
        seen.append((sum(o.size for o, on_disk in zip(found, rolled, strict=True) if not on_disk),
                     sum(on_disk and o.size <= 16_384 for o, on_disk in zip(found, rolled, strict=True)),
                     [hashlib.sha256(o.file.read()).digest() for o in found]))
        return 'ok'
    if door == 'parameter':
        @app.post('/')
        def index(file: list[UploadFile], note: str): return look(file)
    elif door == 'form':
        @app.post('/')
        async def index(req): return look((await req.form()).getlist('file'))
    else:
        @app.post('/')
        async def index(req): return look((await parse_form(req))['file'])
    contents = [os.urandom(size) for size in files]
    data = {'note': 'x' * 1000}
    assert Client(app).post('/', files=[('file', (f'{i}.bin', c)) for i, c in enumerate(contents)], data=data).text == 'ok'
    (in_memory, small_on_disk, hashes), = seen
    assert in_memory <= limit + 16_384 * len(files) and not small_on_disk
    assert in_memory >= min(sum(c for c in files if c <= 1 << 20), limit) - (1 << 20)   # and disks are not busy for nothing
    assert hashes == [hashlib.sha256(c).digest() for c in contents]
