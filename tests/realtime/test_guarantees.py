"""Each guarantee for each part of a connection, written as each kind of callable, behind each server.

The table is `tests/guarantee_table.py`, the program `guarantee_app.py`, servers and clients are `tests/guarantee_kit.py`.
One server process serves many cases. It says what happens in lines of its own, so nothing here waits for a guessed time.
"""
import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from websockets.exceptions import InvalidStatus

from guarantee_kit import HERE, PATIENCE, Notes, Server, Servers, Socket, Stream, connect, is_stream, new_key, served
from guarantee_table import (
    BLOCKING,
    CLIENTS_CODE,
    DEAF,
    ECHO,
    ENDED,
    EXIT,
    FAIL,
    FLOOD,
    FOREIGN,
    GENERATORS,
    LEFT,
    ORDER,
    PAGES,
    PULSE,
    QUIET,
    SERVERS,
    SHAPES,
    SPIN,
    STOP,
    cells,
)
from support import each_row, wait_until

N = 100


@pytest.fixture(scope='module')
def servers():
    running = Servers()
    yield running
    running.close()


@pytest.fixture
def server(servers, request):
    "The server of this case, idle before and after; it has logged nothing that would alarm anyone, unless the test takes it"
    one = servers[request.param]
    since = len(one.process.lines)
    one.expected = []
    one.broken = True
    yield one
    if request.node.failed: return  # The next case gets another process
    one.until_idle()
    alarms = one.alarms(since)
    for pattern in one.expected: assert any(re.search(pattern, line) for line in alarms), (pattern, alarms)
    alarms = [line for line in alarms if not any(re.search(pattern, line) for pattern in one.expected)]
    assert not alarms, alarms
    one.broken = False


def test_a_note_is_a_line_of_its_own_in_the_middle_of_a_traceback():
    "Otherwise the kit does not find it, and a test fails for what the server logged at that moment"
    program = 'import os; from guarantee_app import note; os.write(1, b"Traceback (most"); note("k", "w"); os.write(1, b" recent)\\n")'
    path = os.pathsep.join([str(HERE), str(HERE/'realtime'), *sys.path])
    found = subprocess.check_output([sys.executable, '-c', program], env=os.environ | {'PYTHONPATH': path}, text=True)
    process = SimpleNamespace(lines=found.splitlines())
    assert Notes(process).of('k') == ['w'], process.lines
    assert len(Server('', process, Notes(process)).alarms(0)) == 1, 'the traceback is still seen'


every_server = pytest.mark.parametrize('server', SERVERS, indirect=True)


AT_ONCE, ENOUGH = 8, 8  # Clients at the same time; failures after which no more cells are tried

def failures_of(check, server, rows) -> list[str]:
    "Run a check for each cell; which cells have failed, and why"
    failures = []
    def one(part, shape):
        if len(failures) >= ENOUGH: return
        try: check(server, part, shape)
        except Exception: failures.append(f'{server.name}, {part}, {shape}:\n{traceback.format_exc()}')
    with ThreadPoolExecutor(AT_ONCE) as pool: list(pool.map(one, *zip(*rows, strict=True)))
    return failures


def each(*parts, without=()):
    "A test that walks through the cells of the table, several clients at a time; it names each cell that fails"
    def table(check):
        def test(server):
            failures = failures_of(check, server, cells(*parts, without=without))
            if failures: pytest.fail('\n'.join([f'{len(failures)} cells failed', *failures]), pytrace=False)
        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return every_server(test)
    return table


def check_end(server, part, key, code=None):
    "W2, S2: what began has ended, once, then `disconn` ran, once, with the right code"
    if is_stream(part):
        if part == 'page' and server.process.popen.poll() is None:   # Starlette leaves a plain generator to the garbage collector
            wait_until(lambda: 'page ended' in server.notes.of(key) or server.get('/collect'), PATIENCE, 'the page to end')
        server.notes.wait(key, f'{part} ended')
        assert server.notes.of(key) == [f'{part} began', f'{part} ended']
        return
    server.notes.wait(key, 'disconn ended')
    said = server.notes.of(key)
    own = [what for what in said if not what.startswith('disconn')]
    assert said[-2:] == ['disconn began', 'disconn ended'], said
    name = 'handler' if part == 'handler' else 'conn'
    assert own == [f'{name} began', f'{name} ended'], said
    if code is not None: check_code(server, key, code)


def check_code(server, key, code):
    "The code that `disconn` got: ours, or the client's where the server tells it"
    [said] = [said for said in server.notes.all(key) if said['what'] == 'disconn began']
    if code not in (4001, 1005) or server.name in CLIENTS_CODE: assert said['code'] == code, said


# Leaving

@each(without=BLOCKING)
def test_w2_s2_a_client_leaves_while_a_function_waits(server, part, shape):
    "What awaits or iterates is cancelled alike, however it was written. A handler is a message's, and ends by itself: it pulses"
    how, key = PULSE if part == 'handler' else QUIET, new_key(f'{part}-{shape}')
    client = connect(server, part, shape, how, key)
    check_end(server, part, key, client.leave('code') or None)


@each('source', 'object', 'page', 'conn', without=BLOCKING)
def test_w2_s2_a_lost_cancellation_keeps_nothing_open(server, part, shape):
    "It is not delivered again, so the next send has to say that the client has left"
    key = new_key(f'{part}-{shape}')
    client = connect(server, part, shape, DEAF, key)
    check_end(server, part, key, client.leave('code') or None)


@each()
def test_w2_s2_a_client_is_cut_off_while_a_function_sends(server, part, shape):
    how, key = QUIET if part == 'disconn' else PULSE, new_key(f'{part}-{shape}')
    client = connect(server, part, shape, how, key)
    client.leave('rst')
    check_end(server, part, key)


# hypercorn answers a close frame that comes with the handshake with 400, and never tells the app: the ticker sees it
PHASES = [(phase, manner) for phase in ('handshake', 'right_after', 'in_conn', 'in_handler', 'in_disconn')
          for manner in ('code', 'no_code', 'fin', 'rst')]
OVERLOOKED = {('hypercorn', 'handshake', 'code'), ('hypercorn', 'handshake', 'no_code')}

@pytest.mark.parametrize('server,phase,manner', [(name, *pair) for name in SERVERS for pair in PHASES if (name, *pair) not in OVERLOOKED],
                         indirect=['server'])
def test_w2_a_socket_ends_in_each_phase_and_manner(server, phase, manner):
    "`disconn` runs exactly once, and exactly for those whose `conn` began"
    key = new_key(f'{phase}-{manner}')
    if phase == 'in_handler':
        client, part = connect(server, 'handler', 'coroutine', PULSE, key), 'handler'
    elif phase == 'in_disconn':
        server.get(f'/gate/{key}/close')
        client, part = Socket(server.port, f'/ends/quiet/{key}'), 'conn'
        client.expect('hello')
        client.send(n=1)
        server.notes.wait(key, 'disconn began')
        client.leave(manner)
        server.get(f'/gate/{key}/open')
        return check_end(server, part, key, 4321)
    else:
        close = {'code': b'\x88\x82\0\0\0\0' + (4001).to_bytes(2), 'no_code': b'\x88\x80\0\0\0\0'}.get(manner, b'')
        early = close if phase == 'handshake' else b''
        client, part = Socket(server.port, f'/conn/coroutine/quiet/{key}', early=early, wait=phase != 'handshake'), 'conn'
        if phase == 'in_conn': client.expect('hello')
    if phase == 'handshake':
        if early:  # Some servers overlook a close frame that comes before they have accepted
            with contextlib.suppress(AssertionError, InvalidStatus): client._receive()
        client.leave(manner if manner == 'rst' else 'fin')
        server.until_idle()  # Whether it has been accepted at all is the server's affair
        said = server.notes.of(key)
        assert said in ([], ['conn began', 'conn ended', 'disconn began', 'disconn ended']), said
        return
    code = client.leave(manner)
    if phase == 'right_after':
        server.until_idle()
        said = server.notes.of(key)
        assert said in ([], ['conn began', 'conn ended', 'disconn began', 'disconn ended']), said
        if said and manner in ('code', 'no_code'): check_code(server, key, code)
        return
    check_end(server, part, key, code if manner in ('code', 'no_code') else None)


@every_server
@pytest.mark.parametrize('how,manner', [(QUIET, 'code'), (QUIET, 'no_code'), (PULSE, 'code')])
def test_w2_a_close_frame_that_comes_with_the_handshake_ends_the_socket_on_every_server(server, how, manner):
    "Also one to which `conn` sends all the time: a server that has ended a connection takes what is sent to it"
    key, close = new_key(f'early-{manner}'), {'code': b'\x88\x82\0\0\0\0' + (4001).to_bytes(2), 'no_code': b'\x88\x80\0\0\0\0'}[manner]
    client = Socket(server.port, f'/looked-after/{how}/{key}', early=close, wait=False)
    client.sock.recv(4096)
    client.leave('fin')
    server.until_idle()
    said = server.notes.of(key)
    assert said in ([], ['conn began', 'conn ended', 'disconn began', 'disconn ended']), said


@every_server
@each_row('manner', ['fin', 'rst'])
@each_row('phase', ['handshake', 'right_after', 'in_source'])
@each_row('part,shape', [('source', 'coroutine'), ('source', 'generator'), ('object', 'coroutine'), ('object', 'plain'),
                                        ('page', 'async_generator'), ('page', 'generator')])
def test_s2_a_stream_is_left_in_each_phase_and_manner(server, part, shape, phase, manner):
    key = new_key(f'{part}-{phase}')
    client = Stream(server.port, f'/{part}/{shape}/pulse/{key}', wait=phase != 'handshake', HX_Request='true')
    if phase == 'in_source': client.recv()
    client.leave(manner)
    server.until_idle()
    if phase == 'in_source' or server.notes.of(key): check_end(server, part, key)


# Messages

@each('conn', 'disconn', without=BLOCKING)
def test_w1_messages_are_handled_while_conn_waits(server, part, shape):
    key = new_key(f'{part}-{shape}')
    client = connect(server, part, shape, QUIET, key)
    for n in range(3):
        client.send(n=n)
        assert client.recv() == f'echo {n}'
    wait_until(lambda: server.notes.of(key) == ['conn began'])  # what the server prints comes by another way
    check_end(server, part, key, client.leave('code'))


@each('conn')
def test_w1_messages_are_handled_while_conn_sends(server, part, shape):
    key = new_key(f'{part}-{shape}')
    client = connect(server, part, shape, PULSE, key)
    for n in range(3):
        client.send(n=n)
        client.expect(f'echo {n}')
    wait_until(lambda: server.notes.of(key) == ['conn began'])  # what the server prints comes by another way
    check_end(server, part, key, client.leave('code'))


@each()
def test_w3_what_is_sent_arrives_in_order_and_the_end_is_proper(server, part, shape):
    key = new_key(f'{part}-{shape}')
    if shape == 'generator' and not is_stream(part) and part != 'disconn':  # one function, whose parts are one message
        client = Socket(server.port, f'/{part}/{shape}/{ORDER}/{key}')
        if part == 'handler': client.send(n=1)
        def numbers(): return re.findall(r'\d+', ' '.join(client.texts))
        while len(numbers()) < N: client.recv()
        assert numbers() == [str(n) for n in range(N)]
        return check_end(server, part, key, client.leave('code'))
    client = connect(server, part, shape, ORDER, key)
    got = [client.recv() for _ in range(N)]
    if is_stream(part):
        assert [event.data for event in got] == [str(n) for n in range(N)]
        events = client.read_to_end()
        assert client.terminated and len(events) == N + 1 + (part != 'page') and (part == 'page' or events[-1].event == 'close')
        return check_end(server, part, key)
    assert got == [str(n) for n in range(N)]
    check_end(server, part, key, client.leave('code'))


@each('source', 'object', 'conn', 'handler')
def test_a_function_that_fails_is_logged_and_its_text_does_not_reach_the_client(server, part, shape):
    "A socket is closed with 1011, a stream with the event `failed`; no text of Python's reaches the client"
    key = new_key(f'{part}-{shape}')
    server.expected = [r'\bERROR\b', 'Traceback']
    client = connect(server, part, shape, FAIL, key) if shape != 'generator' or is_stream(part) else Socket(
        server.port, f'/{part}/{shape}/{FAIL}/{key}')
    if shape == 'generator' and part == 'handler': client.send(n=1)
    if is_stream(part):
        events = client.read_to_end()
        assert client.terminated and events[-1].event == 'failed' and b'swordfish' not in client.body
        return check_end(server, part, key)
    assert client.read_to_end() == 1011
    assert not any('swordfish' in text for text in client.texts)
    check_end(server, part, key, 1011)


@each('source', 'object', 'conn', 'handler')
def test_a_foreign_cancellation_is_a_failure(server, part, shape):
    "The function awaits something that another one has cancelled: no code has asked for an end"
    key = new_key(f'{part}-{shape}')
    server.expected = [r'\bERROR\b', 'Traceback']
    client = connect(server, part, shape, FOREIGN, key) if shape != 'generator' or is_stream(part) else Socket(
        server.port, f'/{part}/{shape}/{FOREIGN}/{key}')
    if shape == 'generator' and part == 'handler': client.send(n=1)
    if is_stream(part):
        assert client.read_to_end()[-1].event == 'failed' and client.terminated
        return check_end(server, part, key)
    assert client.read_to_end() == 1011
    check_end(server, part, key, 1011)


ALL_KINDS = 'coroutine', 'async_generator', 'generator', 'plain'

@each('source', 'object', 'conn', 'handler', without=[shape for shape in SHAPES if shape not in ALL_KINDS])
def test_what_is_raised_need_not_be_an_exception(server, part, shape):
    "`sys.exit()` and the like fail as any other, in a thread too. The server lives on, and nothing stays open"
    server.expected = [r'\bERROR\b', 'Traceback']
    for how in EXIT, STOP, LEFT, ENDED:
        key = new_key(f'{part}-{shape}')
        path = f'/{part}/{shape}/{how}/{key}'
        client = Stream(server.port, path) if is_stream(part) else Socket(server.port, path)
        if part == 'handler': client.send(n=1)
        end = client.read_to_end()
        assert end[-1].event == 'failed' if is_stream(part) else end == 1011
        check_end(server, part, key, None if is_stream(part) else 1011)


@every_server
@each_row('manner', ['code', 'rst'])
@each_row('who', ['conn', 'task', 'handler'])
def test_w2_a_program_that_reads_by_itself_hears_of_the_end_and_so_do_we(server, who, manner):
    "Whichever reader the server notifies. A loop that swallows every failure stops no other"
    key = new_key(f'reads-{who}')
    client = Socket(server.port, f'/reads{"-in-handler" if who == "handler" else ""}/{who}/{key}')
    if who == 'handler': client.send(n=0)
    client.expect('hello')
    for n in range(3): client.send(n=n)
    client.leave(manner)
    server.notes.wait(key, 'disconn ended')
    server.notes.wait(key, 'reader ended')
    said = [what for what in server.notes.of(key) if what != 'read']
    assert said.count('disconn began') == said.count('reader began') == 1, said


@every_server
@pytest.mark.parametrize('who', ['conn', 'task', 'slow handler'])
def test_who_closes_a_socket_need_not_be_the_one_who_reads(server, who):
    "granian sends no close frame while a reader waits for a message: it hung until the client left"
    key = new_key('closes')
    client = Socket(server.port, f'/closes/{who.replace(" ", "%20")}/{key}')
    if who == 'slow handler': client.send(n=1)
    assert client.read_to_end() == 4321
    server.notes.wait(key, 'disconn ended')
    check_code(server, key, 4321)
    said = server.notes.of(key)
    assert [what for what in said if what != 'after close'] == ['conn began', 'conn ended', 'disconn began', 'disconn ended'], said
    assert ('after close' in said) == (who == 'conn')


@every_server
def test_text_that_is_no_utf8_arrives_with_question_marks_and_the_socket_goes_on(server):
    client = Socket(server.port, f'/odd/x/{new_key("odd")}')
    assert client.read_to_end() == 4000
    five = ['a?b', '<p>a?b</p>', '{"a":"a?b"}', 'ö'*2000 + '?', 'a\0b']
    assert client.texts == [*five, 'a?b', *five]


@each('object', 'conn', 'handler', without=GENERATORS)
def test_w4_a_loop_that_swallows_every_failure_stops_nobody(server, part, shape):
    "`while True: try: await send(x) except Exception: pass`, whose client has left"
    key, other = new_key(f'{part}-{shape}'), connect(server, 'conn', 'coroutine', QUIET, new_key('other'))
    client = connect(server, part, shape, SPIN, key)
    client.leave('rst')
    for n in range(5):
        other.send(n=n)
        assert other.recv() == f'echo {n}'
    check_end(server, part, key)
    other.leave('code')


@every_server
@each_row('n', [1, 50])
@each_row('manner', ['code', 'no_code'])
def test_every_message_that_was_received_is_handled_then_disconn_runs(server, n, manner):
    "Also when none of the answers can be delivered: the client has sent its close frame in the same breath"
    key = new_key('close-frame')
    client = Socket(server.port, f'/numbered/{ECHO}/{key}')
    for i in range(n): client.protocol.send_text(b'{"n": %d}' % i)
    code = 4001 if manner == 'code' else 1005
    client.protocol.send_close(*([4001, 'bye'] if manner == 'code' else []))
    client.sock.sendall(b''.join(client.protocol.data_to_send()))
    client.read_to_end()
    server.notes.wait(key, 'disconn ended')
    assert [said['n'] for said in server.notes.all(key) if said['what'] == 'message'] == list(range(n))
    assert server.notes.of(key)[n:] == ['disconn began', 'disconn ended']
    check_code(server, key, code)


@every_server
def test_w3_a_flood_of_messages_is_answered_in_order(server):
    key, n = new_key('flood'), 500
    client = Socket(server.port, f'/numbered/{ECHO}/{key}')
    sender = threading.Thread(target=lambda: [client.sock.sendall(frame) for frame in frames])
    frames = []
    for i in range(n):
        client.protocol.send_text(b'{"n": %d}' % i)
        frames += client.protocol.data_to_send()
    sender.start()
    assert [client.recv() for _ in range(n)] == [f'echo {i}' for i in range(n)]
    sender.join()
    client.leave('code')
    server.notes.wait(key, 'disconn ended')


# A page in parts, which is cut

@pytest.mark.parametrize('why', ['recheck', 'aged', 'shutdown'])
@every_server
def test_a_page_in_parts_that_is_ended_does_not_look_complete(server, why):
    "However it comes to its client: what it has got stays, the last chunk is missing, and the work after it is done"
    for way in PAGES:
        key = new_key(way)
        client = Stream(server.port, f'/pages/{way}/quiet/{key}', HX_Request='true')
        assert client.recv().data == 'hello'
        server.get(f'/end/{key}/{why}')
        client.read_to_end()
        assert not client.terminated and b'hello' in client.body, way
        server.notes.wait(key, 'background' if way == 'background' else 'page ended')
        assert server.notes.of(key) == ['page began', 'page ended', *(['background'] if way == 'background' else [])]


# Slow clients

MOST = (256 + 2*64)*1024 + 2*10_100  # What may wait, two batches on their way, each with the item that passed its limit
STALLING = [('source', 'coroutine'), ('source', 'generator'), ('object', 'coroutine'), ('object', 'plain'), ('conn', 'coroutine'),
            ('conn', 'async_generator'), ('conn', 'decorated'), ('conn', 'plain'), ('handler', 'coroutine'), ('handler', 'async_generator')]

@every_server
def test_a_close_frame_does_not_queue_behind_what_a_busy_channel_has_left(server):
    "Only what the server had when the program closed comes before it, and the message that was being sent"
    key, n = new_key('busy'), 0
    client = Socket(server.port, f'/busy/x/{key}', receive_buffer=4096)
    while server.state()['patience'] > 0:  # the client is behind for longer than an end waits
        server.get(f'/publish/busy/{n}/20?size=10000')
        n += 20
    client.send(n=1)
    assert client.read_to_end() == 4321
    server.notes.wait(key, 'disconn ended')
    [sent] = [said['sent'] for said in server.notes.all(key) if said['what'] == 'closes']
    assert sent <= len(client.texts) <= sent + 1 < n, (sent, len(client.texts), n)


@every_server
@pytest.mark.parametrize('part,shape', STALLING)
def test_w4_c1_a_client_that_does_not_read_delays_nobody_and_takes_no_memory(server, part, shape):
    key, other = new_key(f'{part}-{shape}'), connect(server, 'conn', 'coroutine', QUIET, new_key('other'))
    stalled = connect(server, part, shape, FLOOD, key, receive_buffer=4096)
    state, before, still = server.state(), None, 0
    while still < 20:  # until nothing more is taken: what the server answers meanwhile is the clock
        now, state = state['produced'].get(key), server.state()
        still = still + 1 if now == before and now and state['pending'] else 0
        before = now
        other.send(n=1)
        assert other.recv() == 'echo 1'
    assert state['pending'] <= MOST, state['pending']
    assert server.state(full=True)['memory'] - server.idle['memory'] < 100*2**20
    stalled.leave('rst')
    check_end(server, part, key)
    other.leave('code')


@every_server
@pytest.mark.parametrize('kind', ['stream', 'socket'])
def test_w4_c1_publishing_never_waits_for_a_client_that_does_not_read(server, kind):
    key = new_key('stalled')
    stalled = Stream(server.port, '/channel/live', receive_buffer=4096) if kind == 'stream' else Socket(
        server.port, f'/channel-socket/quiet/{key}', receive_buffer=4096)
    with Stream(server.port, '/channel/live') as other:
        while server.state()['members'] < 2: pass
        before = server.state(full=True)['memory']
        for first in range(0, 1600, 20):  # 16 MB
            server.get(f'/publish/live/{first}/20?size=10000')
            assert [int(other.recv().data.split()[0]) for _ in range(20)] == list(range(first, first + 20))
        state = server.state(full=True)
        assert state['pending'] <= MOST
        assert state['memory'] - before < 8*2**20
    stalled.leave('rst')


# Channels

@every_server
@pytest.mark.parametrize('manner', ['fin', 'rst'])
def test_c2_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(server, manner):
    "While a publisher goes on all the time"
    stop, published = threading.Event(), itertools.count(1)
    def go():
        while not stop.is_set(): server.get(f'/publish/news/{next(published)}/1')
    client = Stream(server.port, '/channel/news')
    while not client.body: client._receive()
    publisher = threading.Thread(target=go)
    publisher.start()
    seen = []
    try:
        for visit in range(6):
            for _ in range(1 + visit*7): seen.append(client.recv())
            client.leave(manner)
            client = Stream(server.port, '/channel/news', Last_Event_ID=seen[-1].id)
    finally:
        stop.set()
        publisher.join()
    client.leave('fin')
    numbers = [int(event.data.split()[0]) for event in seen]
    assert numbers == list(range(1, len(numbers) + 1))


@every_server
@pytest.mark.parametrize('how', ['too_old', 'other_process'])
def test_c3_a_client_that_was_away_too_long_gets_resync(server, how):
    client = Stream(server.port, '/channel/brief')
    while not client.body: client._receive()
    while not server.state()['members']: pass
    server.get('/publish/brief/1/1')
    last = client.recv().id
    client.leave('fin')
    server.get('/publish/brief/2/20')
    client = Stream(server.port, '/channel/brief', Last_Event_ID=last if how == 'too_old' else '00000000-3')
    notice = client.recv()
    assert notice.event == 'resync' and notice.id
    server.get('/publish/brief/100/1')
    assert client.recv().data == '100 '
    client.leave('fin')


@every_server
@pytest.mark.parametrize('how', ['source', 'object'])
def test_s1_text_forges_no_event_and_no_field(server, how):
    client = Stream(server.port, f'/forge/{how}')
    events = client.read_to_end()
    texts = ['a\n\nevent: forged\ndata: b', 'a\r\rdata: b', ': comment\n\n', 'id: 7', 'retry: 1\n']
    sent = [text.replace('\r', '\n') + '!' for text in texts] + ['6 refused']
    assert [event.data for event in events[:-1]] == sent and {event.event for event in events[:-1]} == {'message'}
    assert b'\nid:' not in client.body and b'\nretry:' not in client.body


ENDLESS = ['/parts', *(f'/endless/{kind}' for kind in (
    'source', 'plain%20source', 'channel', 'object', 'texts', 'plain%20texts', 'waiting%20texts', 'background', 'file'))]

@every_server
def test_head_of_a_response_without_end_ends_at_once(server):
    "RFC 9110 §9.3.2; the connection is free for the next request, and counts no longer"
    paths = [path for path in ENDLESS for _ in range(3)]
    with socket.create_connection(('127.0.0.1', server.port), PATIENCE) as sock:
        for path in [*paths, '/none']:
            sock.sendall(f'HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
            answer = b''
            while not answer.endswith(b'\r\n\r\n'):
                piece = sock.recv(65536)
                assert piece, (path, answer)
                answer += piece
            assert answer.count(b'HTTP/1.1 ') == 1 and (b' 404 ' if path == '/none' else b' 200 ') in answer, (path, answer)
    assert server.state()['counted'] == 0


# Nothing is left over

@every_server
def test_nothing_is_left_of_many_visits(server):
    "Tasks and connections are looked at after each case; here threads, descriptors, event loops and memory"
    def visit():
        for part, shape in cells():
            if shape in ('coroutine', 'async_generator', 'plain'):
                connect(server, part, shape, PULSE if part != 'disconn' else QUIET, new_key('many')).leave('rst')
        return server.until_idle(full=True)
    visit()
    before = visit()
    for _ in range(15): after = visit()
    wait_until(lambda: server.state(full=True)['descriptors'] <= before['descriptors'] + 1, what='sockets that the system has closed')
    assert after['loops'] == before['loops']
    assert after['threads'] <= before['threads'] + 2
    assert after['memory'] - before['memory'] < 4*2**20


MANNERS = 'no_code', 'fin', 'rst'
MIDDLE = [(path, manner) for path in ('/conn/coroutine/flood/{}', '/conn/async_generator/flood/{}', '/raw/text/{}', '/raw/bytes/{}')
          for manner in MANNERS]
MIDDLE += [(path, manner) for path in ('/source/coroutine/flood/{}', '/source/generator/flood/{}', '/object/plain/flood/{}',
                                       '/channel/live', '/parts', '/large') for manner in MANNERS[1:]]
OFTEN = {'granian': 150}   # If its `send` is cancelled at that moment it keeps one socket in a hundred, or does not end the connection

@every_server
def test_no_socket_of_a_client_that_left_in_the_middle_stays_open(server):
    "A piece is on its way to the client at that moment. Who waits for the end of the connection gets it, with a close frame"
    def visit(path, manner, n=0):
        path = path.format(new_key('middle'))
        if path.startswith(('/source', '/object', '/channel/', '/parts', '/large')): return Stream(server.port, path).leave(manner)
        client = Socket(server.port, path)
        for _ in range(n % 4): client._receive()   # the client is not always as far as the server
        client.leave(manner)
    def breath():
        client = Socket(server.port, f'/numbered/x/{new_key("breath")}')
        client.protocol.send_text(b'{"n": 1}')
        assert client.leave('no_code') == 1005 and (client.code == 1005 or server.name == 'granian')
    before = server.state(full=True)['descriptors']
    with ThreadPoolExecutor(AT_ONCE) as pool:
        visits = [pool.submit(visit, *case, n) for n in range(3) for case in MIDDLE]
        while not all(done.done() for done in visits): server.get('/publish/live/0/20?size=5000')
    for n in range(OFTEN.get(server.name, 20)):
        visit('/conn/coroutine/brisk/{}', MANNERS[0], n)
        breath()
    for done in visits: done.result()
    server.until_idle()
    wait_until(lambda: server.state(full=True)['descriptors'] <= before, PATIENCE, 'sockets to be closed')


# Shutdown

OWN_GRACE = {'hypercorn': ' --graceful-timeout {:.0f}'}   # Its own time, where ours cannot be longer


class Shutdown:
    """A server with a connection of every kind, and what becomes of each when it is asked to stop.

    The grace time is twice as long as this test waits for anything: what ends only with the grace time has not ended here.
    """
    def __init__(self, name: str):
        self.ends, self.keys, grace = {}, {}, 2*PATIENCE
        with served(name, SERVERS[name] + OWN_GRACE.get(name, '').format(grace + 1), grace=grace) as server:
            self.server, clients = server, {}
            for part, shape in cells():
                how = QUIET if shape not in BLOCKING and part != 'handler' or part == 'disconn' else PULSE
                self.keys[part, shape] = key = new_key(f'{part}-{shape}')
                if shape == 'generator' and part in ('conn', 'handler'): continue  # endless, it would be one endless message
                clients[part, shape] = connect(server, part, shape, how, key)
            clients['channel', 'stream'] = Stream(server.port, '/channel/news')
            clients['channel', 'socket'] = Socket(server.port, f'/channel-socket/quiet/{new_key("channel")}')
            while server.state()['members'] < 2: pass
            since = len(server.process.lines)
            server.process.signal(signal.SIGTERM)
            def read(cell):
                client = clients[cell]
                try: end = client.read_to_end()
                except AssertionError as e: end = str(e)
                self.ends[cell] = 'cut off' if isinstance(client, Stream) and not client.terminated else end
            with ThreadPoolExecutor(len(clients)) as readers: list(readers.map(read, clients))
            try: server.process.wait(PATIENCE)
            except AssertionError: self.ended = False
            else: self.ended = True
            self.alarms = server.alarms(since)
            server.notes.all('')


@pytest.fixture(scope='module')
def shutdowns():
    done = {}
    def of(name):
        if name not in done: done[name] = Shutdown(name)
        return done[name]
    return of


@pytest.mark.parametrize('name', SERVERS)
def test_s3_the_process_ends_before_the_grace_time_is_over_and_lifespan_shutdown_has_run(name, shutdowns):
    "What the end of the grace time does to connections, threads and the process is logged, so there is no line of that kind"
    done = shutdowns(name)
    assert done.server.notes.of('')[-1] == 'shutdown' and done.server.notes.of('').count('shutdown') == 1
    assert done.ended and not done.alarms, done.alarms


@pytest.mark.parametrize('name', SERVERS)
@each_row('part,shape', [cell for cell in cells() if cell not in [('conn', 'generator'), ('handler', 'generator')]]
                         + [('channel', 'stream'), ('channel', 'socket')])
def test_s3_a_connection_is_closed_properly_when_the_server_stops(name, part, shape, shutdowns):
    """A stream gets the event `shutdown` and its last chunk, a socket the code 1012, and a page in parts does not look complete;
    the functions end as they always do"""
    done = shutdowns(name)
    end = done.ends[part, shape]
    if part == 'page': assert end == 'cut off'
    elif is_stream(part) or shape == 'stream': assert not isinstance(end, str) and end[-1].event == 'shutdown', end
    else: assert end == 1012
    if part != 'channel': check_end(done.server, part, done.keys[part, shape], 1012)
